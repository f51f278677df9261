"""Whether what is kept for people is what the events say, and its repair (contract 8)."""

from collections import Counter
from collections.abc import Iterator
from typing import Any

from drengr.store.postgresql import arrays
from drengr.store.postgresql.connections import Connection
from drengr.store.postgresql.database import LONG_READ_S, Database
from drengr.store.postgresql.people.keys import device_hash
from drengr.store.postgresql.people.unused import alone, drop_unused
from drengr.store.results import WrongPeople

_UUID = "'^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$'"


def _folded(column: str) -> str:
    return f"CASE WHEN {column} ~* {_UUID} THEN lower({column}) ELSE {column} END"


def _key(text: str) -> str:
    return f"substr(sha256(convert_to({text}, 'UTF8')), 1, 16)"


_IDS_KEY = _key(
    "coalesce(length(i.install_id)::text, '-') || ':' || coalesce(i.install_id, '')"
    " || coalesce(':' || i.external_id, '')"
)
_EMPTY = "SELECT i.id FROM identities AS i WHERE NOT EXISTS (SELECT FROM semantic_events WHERE identity_id = i.id)"
_ALONE = """
NOT EXISTS (SELECT FROM identities WHERE device_id = k.id) AND NOT EXISTS (SELECT FROM identities WHERE user_id = k.id)
"""
_NAMED = f"""
SELECT i.id, i.project_id, {_key(_folded("i.install_id"))} AS device_key, {_key(_folded("i.external_id"))} AS user_key
FROM identities AS i
"""
# What may be wrong, and a query of the project of each row that is.
_WRONG = {
    "identities have no event": f"SELECT project_id FROM identities WHERE id IN ({_EMPTY})",
    "identities lie under another key than that of their ids": f"""
SELECT i.project_id FROM identities AS i WHERE i.ids_key <> {_IDS_KEY}
""",
    "persons lie under another key than that of their id": f"""
SELECT k.project_id FROM persons AS k WHERE k.person_key <> {_key("k.person")}
""",
    "identities have another device or user than their ids say": f"""
SELECT i.project_id FROM identities AS i JOIN ({_NAMED}) AS named USING (id)
LEFT JOIN persons AS d ON d.project_id = i.project_id AND d.person_key = named.device_key AND d.is_device
LEFT JOIN persons AS u ON u.project_id = i.project_id AND u.person_key = named.user_key AND NOT u.is_device
WHERE i.device_id IS DISTINCT FROM d.id OR i.user_id IS DISTINCT FROM u.id
  OR (i.install_id IS NULL) <> (i.device_id IS NULL) OR (i.external_id IS NULL) <> (i.user_id IS NULL)
""",
    "persons have no identity": f"SELECT k.project_id FROM persons AS k WHERE {_ALONE}",
}
_NAMES = "SELECT id, name FROM projects"
_DEVICES = """
SELECT k.project_id, k.id, k.person, k.is_shared, (SELECT key FROM hash_key) FROM persons AS k WHERE k.is_device
"""
_MARKS = "SELECT project_id, device FROM shared_devices"

_REPAIR = (
    f"UPDATE identities AS i SET ids_key = {_IDS_KEY} WHERE ids_key <> {_IDS_KEY}",
    f"UPDATE persons AS k SET person_key = {_key('k.person')} WHERE person_key <> {_key('k.person')}",
    *(
        f"""
INSERT INTO persons (project_id, is_device, person, person_key)
SELECT DISTINCT project_id, {is_device}, {_folded(column)}, {_key(_folded(column))}
FROM identities WHERE {column} IS NOT NULL ON CONFLICT (project_id, person_key, is_device) DO NOTHING
"""
        for is_device, column in (("false", "external_id"), ("true", "install_id"))
    ),
    f"""
UPDATE identities AS i SET device_id = d.id, user_id = u.id
FROM ({_NAMED}) AS named
LEFT JOIN persons AS d ON d.project_id = named.project_id AND d.person_key = named.device_key AND d.is_device
LEFT JOIN persons AS u ON u.project_id = named.project_id AND u.person_key = named.user_key AND NOT u.is_device
WHERE named.id = i.id AND (i.device_id IS DISTINCT FROM d.id OR i.user_id IS DISTINCT FROM u.id)
""",
    f"DELETE FROM persons AS k WHERE {_ALONE}",
)
_MARK = "UPDATE persons SET is_shared = true WHERE id = ANY(?::bigint[])"
_REMEMBER = """
INSERT INTO shared_devices (project_id, device) SELECT * FROM unnest(?::bigint[], ?::bytea[]) AS m
ON CONFLICT (project_id, device) DO NOTHING
"""


def wrong_people(database: Database) -> list[WrongPeople]:
    """What is kept and not as the events say, all of it."""
    with database.snapshot(LONG_READ_S) as connection:
        names = dict(connection.execute(_NAMES).fetchall())
        return [
            WrongPeople(project_id, names.get(project_id), what, rows)
            for what, projects in _looks(connection)
            for project_id, rows in sorted(projects.items())
        ]


def repair(connection: Connection) -> None:
    """Make all of it right, in the caller's transaction; writers that bring new people wait until it ends.

    Raises  LockNotAvailable when somebody stores an event with an identity that has none, at this moment
    """
    alone(connection)
    connection.execute("LOCK TABLE persons, identities IN SHARE ROW EXCLUSIVE MODE")
    for statement in _REPAIR[:-1]:
        connection.execute(statement)
    drop_unused(connection, [row[0] for row in connection.execute(_EMPTY).fetchall()])
    connection.execute(_REPAIR[-1])
    unmarked, forgotten = _marks(connection)
    connection.execute(_MARK, (arrays.numbers(row[1] for row in unmarked),))
    projects, devices = [row[0] for row in forgotten], [device_hash(row[4], row[2]) for row in forgotten]
    connection.execute(_REMEMBER, (arrays.numbers(projects), arrays.blobs(devices)))


def _looks(connection: Connection) -> Iterator[tuple[str, Counter[int]]]:
    """What may be wrong, and in how many rows of each project."""
    for what, query in _WRONG.items():
        yield what, Counter(row[0] for row in connection.stream(query))
    unmarked, forgotten = _marks(connection)
    yield "devices had two users, which they do not say", Counter(row[0] for row in unmarked)
    yield "devices had two users, which will be forgotten with them", Counter(row[0] for row in forgotten)


def _marks(connection: Connection) -> tuple[list[tuple[Any, ...]], list[tuple[Any, ...]]]:
    """(rows of _DEVICES that lack a mark which is remembered, those whose mark is not)."""
    marks = {(project_id, bytes(device)) for project_id, device in connection.stream(_MARKS)}
    unmarked: list[tuple[Any, ...]] = []
    forgotten: list[tuple[Any, ...]] = []
    for row in connection.stream(_DEVICES):
        if (is_remembered := (row[0], device_hash(row[4], row[2])) in marks) != row[3]:
            (unmarked if is_remembered else forgotten).append(row)
    return unmarked, forgotten
