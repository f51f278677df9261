"""Who goes with an erasure, in PostgreSQL; and what removals need of it (contract 9, 13)."""

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

from psycopg import errors

from drengr.people.erasures import By, Erasure
from drengr.people.questions import Who
from drengr.store import erasures, floors, removal_rows, tombstones
from drengr.store.clock import now_ms
from drengr.store.errors import Busy
from drengr.store.postgresql import arrays
from drengr.store.postgresql.connections import Connection
from drengr.store.postgresql.database import LONG_WRITE_S, READ_S, Database
from drengr.store.postgresql.followers import settled
from drengr.store.postgresql.people import who as who_is
from drengr.store.postgresql.removal import remove

_OF_USER = f"""
SELECT CASE WHEN i.user_id IS NULL THEN 0 ELSE 1 END, i.id FROM ({who_is.IDENTITIES_OF}) AS w
JOIN identities AS i ON i.id = w.identity_id
"""
_OF_DEVICE = "SELECT 0, id FROM identities WHERE device_id = ? AND user_id IS NULL"
_EVENTS = "SELECT count(*) FROM semantic_events WHERE identity_id = ANY (?::bigint[])"
_SHARED = """
SELECT count(DISTINCT i.device_id) FROM identities AS i JOIN persons AS d ON d.id = i.device_id
WHERE i.user_id = ? AND (d.is_shared OR EXISTS (
  SELECT FROM identities AS other WHERE other.device_id = d.id AND other.user_id <> i.user_id))
"""
_TABLES_OF_PROJECT = """
SELECT c.table_name FROM information_schema.columns AS c
JOIN information_schema.tables AS t USING (table_schema, table_name)
WHERE c.table_schema = current_schema() AND c.column_name = 'project_id' AND t.table_type = 'BASE TABLE'
  AND c.table_name NOT IN ('semantic_events', 'removals') ORDER BY c.table_name
"""
_LAST_ID = "SELECT coalesce(max(id), 0) FROM semantic_events"
_BETWEEN = """
SELECT e.id, e.occurred_at, i.install_id, i.external_id
FROM semantic_events AS e JOIN identities AS i ON i.id = e.identity_id
WHERE e.project_id = ? AND e.id > ? AND e.id <= ? AND e.occurred_at < ?
"""
_ERASED_AT = "SELECT person, erased_at FROM tombstones WHERE project_id = ? AND person = ANY(?::bytea[])"
_IDS_AT_ONCE = 20_000
_SETTLES_MS = 30_000  # no transaction takes longer
_ALL_DEVICES = 2**31


def erase(database: Database, project_id: int, who: Who, by: By, requester: str | None) -> erasures.Begun:
    """The tombstone is committed: what is there now goes, what comes later and occurred before is refused."""

    def begun(connection: Connection) -> erasures.Begun:
        unseen = removal_rows.of_unseen(settled(connection))
        found, now = _found(connection, project_id, who), now_ms()
        return erasures.begin(
            connection, project_id, who, found, by, requester, erased_at=now, bound=now, condition=unseen
        )

    return database.run(begun, LONG_WRITE_S)


def would_erase(database: Database, project_id: int, who: Who, by: By) -> Erasure:
    """What that would be."""
    with database.snapshot() as connection:
        return erasures.would_erase(connection, project_id, who, _found(connection, project_id, who), by)


def _found(connection: Connection, project_id: int, who: Who) -> erasures.Found:
    number = who_is.number_of(connection, project_id, who)
    if number is None:
        return erasures.Found(None, [], 0, [], 0)
    is_device = who.kind == "device"
    asked = (_OF_DEVICE, (number,)) if is_device else (_OF_USER, ([number],))
    listed: list[tuple[int, int]] = connection.execute(*asked).fetchall()
    events = connection.execute(_EVENTS, ([identity for _, identity in listed],)).fetchall()[0][0]
    if is_device:
        owner = who_is.person_of(connection, project_id, who)
        has = who_is.who_has(connection, project_id, owner) if listed and owner is not None else None
        return erasures.Found(number, listed, events, [], 0, has.id if has and has.kind == "user" else None)
    devices = list(who_is.devices_of(connection, number, _ALL_DEVICES))
    shared = connection.execute(_SHARED, (number,)).fetchall()[0][0]
    return erasures.Found(number, listed, events, devices, shared)


class PostgresqlParts:
    """What removals need of the database; see drengr.store.removing.Parts."""

    bound = "e.received_at <= ?"
    settles_ms = _SETTLES_MS

    def __init__(self, database: Database) -> None:
        self._database = database

    def read(self, sql: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        return self._database.read(sql, tuple(parameters), READ_S)

    def write(self, work: Callable[[Connection], Any], rows: int) -> Any:
        try:
            return self._database.run(work)
        except (errors.LockNotAvailable, errors.DeadlockDetected, errors.QueryCanceled):  # the last: a counter's row
            raise Busy("the database is busy") from None

    def remove(self, connection: Connection, ids: Sequence[int], why: Any) -> int:
        return remove(connection, ids, why)

    def others_wait(self) -> bool:
        return False  # writers here do not wait for each other

    def entombed(self, project_id: int, after_person: int) -> Iterator[tombstones.Forbidden]:
        return tombstones.forbidden(self.read, "i.user_id = ?", str, project_id, after_person)

    def stored_in_spite(self, project_id: int, after_id: int, before: int) -> Iterator[tuple[list[int], int]]:
        hashes, newest = floors.Hashes(self.read(floors.KEY)[0][0], project_id), self.read(_LAST_ID)[0][0]
        for first in range(after_id, newest, _IDS_AT_ONCE):
            by_person: dict[bytes, list[tuple[int, int]]] = {}
            last = first + _IDS_AT_ONCE
            for number, at, device, user in self.read(_BETWEEN, (project_id, first, last, before)):
                if (whose := user if user is not None else device) is not None:
                    who = Who("user" if user is not None else "device", whose)
                    by_person.setdefault(hashes.person(who), []).append((number, at))
            erased = self.read(_ERASED_AT, (project_id, arrays.blobs(by_person))) if by_person else []
            yield [number for person, until in erased for number, at in by_person[person] if at < until], last

    def drop(self, project_id: int) -> None:
        for (table,) in self._database.read(_TABLES_OF_PROJECT, (), READ_S):
            self._database.run(partial(_drop, table=table, project_id=project_id), LONG_WRITE_S)

    def clean(self, *, anew: bool) -> bool:
        return True  # room is used again after VACUUM, which is the operator's


def _drop(connection: Connection, table: str, project_id: int) -> None:
    connection.execute(f"DELETE FROM {table} WHERE project_id = ?", (project_id,))
