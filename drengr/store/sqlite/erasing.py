"""Who goes with an erasure, in the file; and what removals need of it (contract 9)."""

import os
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from typing import Any

from drengr.people.erasures import By, Erasure
from drengr.people.questions import Who
from drengr.store import erasures, tombstones
from drengr.store.clock import now_ms
from drengr.store.sql import Statements
from drengr.store.sqlite import entombed
from drengr.store.sqlite.connections import connect
from drengr.store.sqlite.database import Database
from drengr.store.sqlite.group_commit import HISTORY_ROWS, GroupCommit
from drengr.store.sqlite.packing import folded_id, packed_id, plain_id
from drengr.store.sqlite.removal import remove

_PERSON = "SELECT id FROM persons WHERE project_id = ? AND is_device = ? AND person = ?"
_OF_USER = "SELECT user_id IS NOT NULL, id FROM identities WHERE person_id = ?"
_OF_DEVICE = "SELECT 0, id FROM identities WHERE device_id = ? AND user_id IS NULL"
_EVENTS = """
SELECT count(*) FROM {identities} AS i
CROSS JOIN semantic_events AS e INDEXED BY events_by_identity_and_time ON e.identity_id = i.id
"""
# Devices whose anonymous events are the user's, or would be: it alone had them, and their id is no other user's.
_DEVICES = """
SELECT DISTINCT d.person FROM identities AS i CROSS JOIN persons AS d ON d.id = i.device_id
WHERE i.person_id = :number AND d.person <> :person AND coalesce(
  (SELECT u.id FROM persons AS u WHERE (u.project_id, u.is_device, u.person) = (d.project_id, 0, d.person)), d.user_id
) = :number
"""
_SHARED = """
SELECT count(DISTINCT d.id) FROM identities AS i CROSS JOIN persons AS d ON d.id = i.device_id
WHERE i.person_id = ? AND i.user_id IS NOT NULL AND d.is_shared
"""
_USER_OF_DEVICE = """
SELECT u.person FROM identities AS i CROSS JOIN persons AS u ON u.id = i.person_id
WHERE i.device_id = ? AND i.user_id IS NULL AND u.is_device = 0 LIMIT 1
"""
_NEWEST = "SELECT ifnull(max(id), 0) FROM semantic_events"
_PAGES_AT_ONCE = 200
# When SQLite divides or unites pages of a tree, copies of rows may stay in the unused part of a page, secure_delete or
# not: two of 18,000 event ids were seen there. Only a file that is made anew has none; a small one soon is.
_SOON_MADE_ANEW_BYTES = 64 << 20
_CHECKPOINT_WAITS_MS = 100
_DROP_WAITS_MS = 5_000
# Foreign keys are off where these rows go: for each name SQLite would read the totals of all projects.
_TABLES_OF_PROJECT = """
SELECT t.name FROM sqlite_schema AS t JOIN pragma_table_info(t.name) AS c
WHERE t.type = 'table' AND c.name = 'project_id' AND t.name NOT IN ('semantic_events', 'removals')
"""


def erase(commits: GroupCommit, project_id: int, who: Who, by: By, requester: str | None) -> erasures.Begun:
    """The tombstone is committed: what is there now goes, what comes later and occurred before is refused."""

    def begun(connection: sqlite3.Connection) -> erasures.Begun:
        found, bound = _found(connection, project_id, who), newest_id(connection)
        return erasures.begin(connection, project_id, who, found, by, requester, erased_at=now_ms(), bound=bound)

    result: erasures.Begun = commits.run(begun)
    return result


def newest_id(connection: Statements) -> int:
    """Of the events that there are in this transaction."""
    return int(connection.execute(_NEWEST).fetchall()[0][0])


def would_erase(database: Database, project_id: int, who: Who, by: By) -> Erasure:
    """What that would be."""
    with database.snapshot() as connection:
        return erasures.would_erase(connection, project_id, who, _found(connection, project_id, who), by)


def _found(connection: sqlite3.Connection, project_id: int, who: Who) -> erasures.Found:
    person, is_device = folded_id(packed_id(who.id)), who.kind == "device"
    row = connection.execute(_PERSON, (project_id, is_device, person)).fetchone()
    if row is None:
        return erasures.Found(None, [], 0, [], 0)
    (number,) = row
    identities = _OF_DEVICE if is_device else _OF_USER
    listed = connection.execute(identities, (number,)).fetchall()
    events = connection.execute(_EVENTS.format(identities=f"({identities})"), (number,)).fetchone()[0]
    if is_device:
        user = connection.execute(_USER_OF_DEVICE, (number,)).fetchone()
        return erasures.Found(number, listed, events, [], 0, plain_id(user[0]) if user else None)
    rows = connection.execute(_DEVICES, {"number": number, "person": person})
    devices = [text for (packed,) in rows if (text := plain_id(packed)) is not None]
    return erasures.Found(number, listed, events, devices, connection.execute(_SHARED, (number,)).fetchone()[0])


def copies(database: Database) -> list[str]:
    """Files set aside by upgrades and restores, and the last backup, as far as they are there."""
    folder, name = os.path.split(database.path)
    aside = [os.path.join(folder, each) for each in sorted(os.listdir(folder)) if each.startswith(f"{name}.before-")]
    last = [row[0] for row in database.read("SELECT path FROM backups")]
    return [path for path in aside + last if not path.endswith("-lock") and os.path.exists(path)]


def is_soon_made_anew(path: str) -> bool:
    """Whether the file is so small that an erasure makes it anew, beside whoever uses it."""
    return os.path.getsize(path) <= _SOON_MADE_ANEW_BYTES


class SqliteParts:
    """What removals need of the file; see drengr.store.removing.Parts."""

    bound = "e.id <= ?"
    settles_ms = 0

    def __init__(self, database: Database, commits: GroupCommit) -> None:
        self._database = database
        self._commits = commits

    def read(self, sql: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        return self._database.read(sql, parameters)

    def write(self, work: Callable[[sqlite3.Connection], Any], rows: int) -> Any:
        return self._commits.run(work, rows)

    def remove(self, connection: sqlite3.Connection, ids: Sequence[int], why: Any) -> int:
        return remove(connection, ids, why)

    def others_wait(self) -> bool:
        return self._commits.pace.rows() < HISTORY_ROWS

    def entombed(self, project_id: int, after_person: int) -> Iterator[tombstones.Forbidden]:
        return tombstones.forbidden(self.read, entombed.OF_USER, plain_id, project_id, after_person)

    def stored_in_spite(self, project_id: int, after_id: int, before: int) -> Iterator[tuple[list[int], int]]:
        return iter(())  # who writes here sees every tombstone

    def drop(self, project_id: int) -> None:
        with closing(connect(self._database.path, foreign_keys=0, busy_timeout=_DROP_WAITS_MS)) as connection:
            for (table,) in connection.execute(_TABLES_OF_PROJECT).fetchall():  # each by itself: others have turns
                connection.execute(f"DELETE FROM {table} WHERE project_id = ?", (project_id,))

    def clean(self, *, anew: bool) -> bool:
        while self._database.read("PRAGMA freelist_count")[0][0]:
            if not self._commits.run(_shrink, _PAGES_AT_ONCE):
                break
        with closing(connect(self._database.path)) as connection:
            if anew and is_soon_made_anew(self._database.path):
                connection.execute("VACUUM")
            connection.execute(f"PRAGMA busy_timeout = {_CHECKPOINT_WAITS_MS}")
            is_busy, *_ = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        return not is_busy


def _shrink(connection: sqlite3.Connection) -> int:
    """How many free pages were given back; Python steps through a pragma once, and one step frees one page."""
    before = connection.execute("PRAGMA freelist_count").fetchone()[0]
    for _ in range(min(before, _PAGES_AT_ONCE)):
        connection.execute("PRAGMA incremental_vacuum(1)")
    return int(before - connection.execute("PRAGMA freelist_count").fetchone()[0])
