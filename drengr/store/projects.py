"""Projects and their keys (contract 1, 9). Every look-up asks the file, so a key stops at once in every worker."""

import hmac
from collections.abc import Mapping
from uuid import uuid4

from drengr.events.jsontext import clean_text
from drengr.events.times import HOUR_MS
from drengr.keys import KINDS, key_hash, key_hint, new_key
from drengr.store.clock import now_ms
from drengr.store.errors import UnknownProject
from drengr.store.results import Key, NewProject, Project
from drengr.store.sql import Reader, Statements, Writer

MAX_PROJECT_NAME = 100
STILL_GOOD = "(k.revoked_at IS NULL OR k.revoked_at > ?)"  # ?: now, epoch ms
_KEYS = """
SELECT k.id, p.name, k.kind, k.hint, k.key_text, k.created_at, k.last_used_at, k.revoked_at
FROM api_keys AS k JOIN projects AS p ON p.id = k.project_id
"""


def make_project(commits: Writer, name: str) -> NewProject:
    """A project with one key of each kind.

    Raises  ValueError when the name is blank, too long or taken
    """
    name = _checked_name(name)
    made = commits.run(lambda connection: _insert_project(connection, name))
    if made is None:
        raise ValueError(f"A project named {name!r} exists already.")
    return made


def rename_project(commits: Writer, project: Project, name: str) -> None:
    """The project has this name from now on. Raises ValueError when it is blank, too long or taken."""
    name = _checked_name(name)
    statement = "UPDATE projects SET name = ? WHERE id = ? AND NOT EXISTS (SELECT 1 FROM projects WHERE name = ?)"
    if name == project.name:
        return
    if not commits.run(lambda connection: connection.execute(statement, (name, project.id, name)).rowcount):
        raise ValueError(f"A project named {name!r} exists already.")


def make_default_project(commits: Writer) -> NewProject | None:
    """The project `default` when there is no project at all; None when there is one, whoever made it."""
    return commits.run(
        lambda connection: None
        if connection.execute("SELECT 1 FROM projects LIMIT 1").fetchall()
        else _insert_project(connection, "default")
    )


def make_key(commits: Writer, project: Project, kind: str) -> str:
    """A new key of the project, in full."""
    return commits.run(lambda connection: _insert_key(connection, project.id, kind))


def find_key(database: Reader, key_or_id: str) -> Key | None:
    """The key that has this id, or is this key, good or not."""
    column, value = _named(key_or_id)
    found = database.read(f"{_KEYS} WHERE k.{column} = ?", (value,))
    return Key(*found[0]) if found else None


def revoke_key(commits: Writer, key_or_id: str, at_ms: int | None = None) -> bool:
    """The key that has this id, or is this key, opens nothing from that moment on; without one, from now on.

    False when there is none that is good until then.
    """
    column, value = _named(key_or_id)
    end = now_ms() if at_ms is None else at_ms
    statement = f"UPDATE api_keys AS k SET revoked_at = ? WHERE k.{column} = ? AND {STILL_GOOD}"
    return commits.run(lambda connection: bool(connection.execute(statement, (end, value, end)).rowcount > 0))


def note_uses(commits: Writer, uses: Mapping[str, int]) -> None:
    """When keys were used, epoch ms by key; kept to the hour, and not written when another did it already."""
    rows = [(at_ms - at_ms % HOUR_MS, key_hash(key)) for key, at_ms in uses.items()]
    statement = "UPDATE api_keys SET last_used_at = ? WHERE key_hash = ? AND coalesce(last_used_at, 0) < ?"
    commits.run(
        lambda connection: connection.executemany(statement, sorted((hour, digest, hour) for hour, digest in rows))
    )


def project_of_key(database: Reader, key: object, kind: str) -> Project | None:
    """The project that the key opens; None when it is unknown, revoked, of the other kind, or no text.

    kind    "publishable" | "secret"
    """
    if not isinstance(key, str) or not key.startswith(KINDS[kind]):
        return None
    digest = key_hash(key)
    found = database.read(
        "SELECT k.key_hash, p.id, p.uuid, p.name FROM api_keys AS k JOIN projects AS p ON p.id = k.project_id"
        f" WHERE k.key_hash = ? AND k.kind = ? AND {STILL_GOOD}",
        (digest, kind, now_ms()),
    )
    return Project(*found[0][1:]) if found and hmac.compare_digest(found[0][0], digest) else None


def owner_of_key(database: Reader, key: object) -> tuple[Project, str] | None:
    """(the project, the kind) of a key that was ever made, revoked ones too; None for any other."""
    if not isinstance(key, str):
        return None
    found = database.read(
        "SELECT p.id, p.uuid, p.name, k.kind FROM api_keys AS k JOIN projects AS p ON p.id = k.project_id"
        " WHERE k.key_hash = ?",
        (key_hash(key),),
    )
    return (Project(*found[0][:3]), found[0][3]) if found else None


def all_projects(database: Reader) -> list[Project]:
    """Every project, oldest first."""
    return [Project(*row) for row in database.read("SELECT id, uuid, name FROM projects ORDER BY id")]


def find_project(database: Reader, name_or_uuid: str | None) -> Project:
    """The project with this name or id; without either, the only one.

    Raises  UnknownProject
    """
    projects = all_projects(database)
    chosen = [p for p in projects if name_or_uuid in (None, p.name, p.uuid)]
    if len(chosen) == 1:
        return chosen[0]
    known = ", ".join(p.name for p in projects) or "none yet; make one with `drengr project create NAME`"
    asked = f"There is no project {name_or_uuid!r}" if name_or_uuid else "Say which project with --project"
    raise UnknownProject(f"{asked}. Projects: {known}.")


def all_keys(database: Reader, project: Project | None = None) -> list[Key]:
    """Every key, or those of one project, oldest first; secret ones without the keys themselves."""
    rows = database.read(f"{_KEYS} WHERE coalesce(p.id = ?, true) ORDER BY k.id", (project and project.id,))
    return [Key(*row) for row in rows]


def _checked_name(given: str) -> str:
    name = clean_text(given).strip()
    if not name or len(name) > MAX_PROJECT_NAME:
        raise ValueError(f"A project name has 1 to {MAX_PROJECT_NAME} characters.")
    return name


def _insert_project(connection: Statements, name: str) -> NewProject | None:
    uuid = str(uuid4())
    made = connection.execute(
        "INSERT INTO projects (uuid, name, created_at) VALUES (?, ?, ?) ON CONFLICT (name) DO NOTHING RETURNING id",
        (uuid, name, now_ms()),
    ).fetchall()
    if not made:
        return None
    project_id = made[0][0]
    return NewProject(uuid, *(_insert_key(connection, project_id, kind) for kind in ("publishable", "secret")))


def _insert_key(connection: Statements, project_id: int, kind: str) -> str:
    key = new_key(kind)
    connection.execute(
        "INSERT INTO api_keys (project_id, kind, key_hash, hint, created_at, key_text) VALUES (?, ?, ?, ?, ?, ?)",
        (project_id, kind, key_hash(key), key_hint(key), now_ms(), key if kind == "publishable" else None),
    )
    return key


def _named(key_or_id: str) -> tuple[str, int | bytes]:
    """The column by which a key is found, and its value."""
    is_id = key_or_id.isdecimal() and len(key_or_id) < 19  # the databases' integers end there
    return ("id", int(key_or_id)) if is_id else ("key_hash", key_hash(key_or_id))
