"""Event names of a project."""

from difflib import get_close_matches

from drengr.store.sql import Reader

_NEAR = 3
_MOST_COMPARED = 10_000  # names: comparing more would take longer than anybody waits


def name_code(database: Reader, project_id: int, name: str) -> int | None:
    """The id of an event name, None when the project has no such event."""
    found = database.read("SELECT id FROM event_names WHERE project_id = ? AND name = ?", (project_id, name))
    return found[0][0] if found else None


def names_near(database: Reader, project_id: int, name: str) -> list[str]:
    """Up to three event names of the project that look like this one, the most alike first."""
    statement = "SELECT name FROM event_names WHERE project_id = ? AND name <> ? ORDER BY id DESC LIMIT ?"
    names = [row[0] for row in database.read(statement, (project_id, name, _MOST_COMPARED))]
    return get_close_matches(name, names, _NEAR)
