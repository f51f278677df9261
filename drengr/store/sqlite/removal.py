"""Events that go: everything that counts them follows in the same transaction (contract 9, 10)."""

import sqlite3
from collections import Counter
from collections.abc import Iterable
from typing import Literal

import orjson

from drengr.events.outcomes import door_of
from drengr.events.times import DAY_MS, HOUR_MS
from drengr.store.entries import Entries
from drengr.store.sqlite import ledger
from drengr.store.sqlite.people import day_sets
from drengr.store.sqlite.people.days import PersonDays, parts
from drengr.store.sqlite.people.identities import drop_unused

_GOING = """
SELECT e.project_id, e.name_id, e.occurred_at, e.received_at, o.source, e.identity_id, i.person_id
FROM semantic_events AS e
CROSS JOIN origins AS o ON o.id = e.origin_id
CROSS JOIN identities AS i ON i.id = e.identity_id
WHERE e.id IN (SELECT value FROM json_each(?))
"""
_DELETE = "DELETE FROM semantic_events WHERE id IN (SELECT value FROM json_each(?))"
_FEWER = "UPDATE {unit}_totals SET events = events - ? WHERE project_id = ? AND {unit} = ? AND name_id = ?"
_NONE = "DELETE FROM {unit}_totals WHERE project_id = ? AND {unit} = ? AND name_id = ? AND events = 0"


def remove(
    connection: sqlite3.Connection, ids: Iterable[int], why: Literal["erased", "expired", "undone", "deleted"]
) -> int:
    """How many events of these ids there were; they are gone, in the caller's transaction.

    Totals, ledger and people are those of the events that are left. Slices of some hundreds hold others up least.
    """
    wanted = orjson.dumps(list(ids)).decode()
    going = connection.execute(_GOING, (wanted,)).fetchall()
    connection.execute(_DELETE, (wanted,))
    _subtract(connection, Counter((project_id, at // HOUR_MS, name_id) for project_id, name_id, at, *_ in going))
    _enter(connection, Counter((row[0], row[3] // DAY_MS, door_of(row[4])) for row in going), why)
    times: dict[tuple[int, int], list[int]] = {}
    for project_id, _, at, _, _, _, person_id in going:
        if person_id is not None:
            times.setdefault((project_id, person_id), []).append(at)
    days = PersonDays(connection)
    for (project_id, person_id), those in times.items():
        days.remove(project_id, person_id, parts(those))
    drop_unused(connection, {row[5] for row in going}, days)
    days.write()
    return len(going)


def _subtract(connection: sqlite3.Connection, hours: Counter[tuple[int, int, int]]) -> None:
    days: Counter[tuple[int, int, int]] = Counter()
    for (project_id, hour, name_id), events in hours.items():
        days[project_id, hour // 24, name_id] += events
    for unit, counted in (("hour", hours), ("day", days)):
        connection.executemany(_FEWER.format(unit=unit), [(events, *key) for key, events in counted.items()])
        connection.executemany(_NONE.format(unit=unit), list(counted))
    day_sets.drop(connection, [(project_id, name_id, day) for project_id, day, name_id in days])


def _enter(connection: sqlite3.Connection, lines: Counter[tuple[int, int, str]], why: str) -> None:
    entries = Entries()
    for key, events in lines.items():
        entries.add_named(key, {f"removed_{why}": events})
    connection.executemany(ledger.ADD, entries.rows())
