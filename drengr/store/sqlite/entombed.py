"""Erased people in a backup that is restored: they go before anybody sees it (contract 9)."""

import sqlite3
from collections.abc import Iterator

from drengr.people.questions import Who
from drengr.store import floors
from drengr.store.sqlite.packing import plain_id
from drengr.store.sqlite.removal import remove

_TOMBSTONES = "SELECT person, erased_at FROM tombstones WHERE project_id = ?"
_PERSONS = "SELECT id, is_device, person FROM persons WHERE project_id = ?"
_OLD = """
SELECT e.id FROM identities AS i CROSS JOIN semantic_events AS e ON e.identity_id = i.id
WHERE {whose} AND e.occurred_at < ?
"""
_OF_USER, _OF_DEVICE = "i.user_id = ?", "i.device_id = ? AND i.user_id IS NULL"
_REMOVED = "SELECT event FROM removed_ids WHERE project_id = ? AND is_erased"
_MAYBE_REMOVED = """
SELECT e.id, e.event_id FROM events AS e JOIN projects AS p ON p.uuid = e.project
WHERE p.id = ? AND e.event_id IS NOT NULL AND (e.source = 'admin' OR e.occurred_at >= ?)
"""
_AT_ONCE = 500


def remove_erased(connection: sqlite3.Connection) -> int:
    """How many events of the file its tombstones forbid; they are gone, in the caller's transaction."""
    projects = connection.execute("SELECT DISTINCT project_id FROM tombstones").fetchall()
    ids = list(dict.fromkeys(number for (project_id,) in projects for number in _forbidden(connection, project_id)))
    starts = range(0, len(ids), _AT_ONCE)
    return sum(remove(connection, ids[start : start + _AT_ONCE], "erased") for start in starts)


def _forbidden(connection: sqlite3.Connection, project_id: int) -> Iterator[int]:
    hashes = floors.Hashes(connection, project_id)
    erased_at = {bytes(person): at for person, at in connection.execute(_TOMBSTONES, (project_id,))}
    for number, is_device, packed in connection.execute(_PERSONS, (project_id,)).fetchall():
        at = erased_at.get(hashes.person(Who("device" if is_device else "user", plain_id(packed) or "")))
        if at is not None:
            statement = _OLD.format(whose=_OF_DEVICE if is_device else _OF_USER)
            yield from (row[0] for row in connection.execute(statement, (number, at)))
    removed = {bytes(row[0]) for row in connection.execute(_REMOVED, (project_id,))}
    if removed:
        maybe = connection.execute(_MAYBE_REMOVED, (project_id, min(erased_at.values())))
        yield from (number for number, event_id in maybe if hashes.event(event_id) in removed)
