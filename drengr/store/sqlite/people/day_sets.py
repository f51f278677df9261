"""Who was there on a day that is over, as one packed set: windows of many days are united in milliseconds (contract 8).

A row of day_sets is the set of everybody who was there, or of those who had an event of one name that is common that
day. Nothing needs a row to be there: without it the same is read from person_days or the events. They are made while
nobody waits (see gathering). Whatever changes who is in a set drops its row in the same transaction, so that what is
there is right.

The people of a row are null while they are being worked out. They are worked out outside of any transaction that
writes; what changes meanwhile drops the row, and then there is nothing left to fill in.
"""

import sqlite3
import zlib
from collections.abc import Iterable, Iterator, Mapping

import orjson

from drengr.events.times import DAY_MS
from drengr.people.sets import People, people_of, unpacked
from drengr.store.sqlite.people.united import united

EVERYBODY = 0  # in the place of a name
Key = tuple[int, int, int]  # project, name or EVERYBODY, day

_FEW_EVENTS = 1000  # to look at the name of each

_DROP = "DELETE FROM day_sets WHERE project_id = ? AND name_id = ? AND day = ?"
_DROP_DAYS = "DELETE FROM day_sets WHERE project_id = ? AND day IN (SELECT value FROM json_each(?))"
_DONE = """
SELECT name_id, occurred_at FROM semantic_events INDEXED BY events_by_identity_and_time WHERE identity_id = ?
"""
_THERE = """
SELECT id, day FROM day_sets
WHERE project_id = ? AND name_id = ? AND day >= ? AND day <= ? AND people IS NOT NULL ORDER BY day
"""
_SETS = """
SELECT day, people, newcomers FROM day_sets
WHERE project_id = ? AND name_id = ? AND day >= ? AND day <= ? AND people IS NOT NULL ORDER BY day
"""
_ON_DAY = "SELECT person_id, previous_day FROM person_days WHERE project_id = ? AND day = ?"
_OF_NAME = """
SELECT person_id FROM identities WHERE person_id IS NOT NULL AND id IN (
  SELECT identity_id FROM semantic_events INDEXED BY events_by_name_and_time
  WHERE name_id = ? AND occurred_at >= ? AND occurred_at < ?)
"""


def drop(connection: sqlite3.Connection, keys: Iterable[Key]) -> None:
    """Other people may be in these sets now."""
    connection.executemany(_DROP, keys)


def drop_moved(
    connection: sqlite3.Connection,
    project_id: int,
    identities: Iterable[int],
    events: Mapping[int, tuple[int, int, int]],
) -> None:
    """The events of these identities have become another person's.

    events  by day: how many, and when the first and last of them occurred
    """
    if sum(part[0] for part in events.values()) > _FEW_EVENTS:
        connection.execute(_DROP_DAYS, (project_id, orjson.dumps(list(events)).decode()))
        return
    done = (row for identity in identities for row in connection.execute(_DONE, (identity,)))
    drop(connection, {(project_id, name_id, at // DAY_MS) for name_id, at in done})


def people_of_name(connection: sqlite3.Connection, project_id: int, name_id: int, window: range) -> People:
    """The people who have an event of that name in these ms."""
    people, told, ids = 0, window.start, []
    whole = project_id, name_id, -(-window.start // DAY_MS), window.stop // DAY_MS - 1
    for number, day in connection.execute(_THERE, whole):
        if day * DAY_MS > told:
            people |= _of_name(connection, name_id, told, day * DAY_MS)
        ids.append(number)
        told = (day + 1) * DAY_MS
    if told < window.stop:
        people |= _of_name(connection, name_id, told, window.stop)
    return people | united(connection, tuple(ids)) if ids else people


def everybody_of_days(
    connection: sqlite3.Connection, project_id: int, days: list[int]
) -> Iterator[tuple[int, People, People]]:
    """(day, everybody who was there, who was there for the first time) of each of these days, ascending."""
    sets = {row[0]: row[1:] for row in connection.execute(_SETS, (project_id, EVERYBODY, days[0], days[-1]))}
    for day in days:
        yield day, *(map(unpacked, sets[day]) if day in sets else _on_day(connection, project_id, day))


def wrong_sets(connection: sqlite3.Connection, first_day: int) -> Iterator[int]:
    """The project of each set, of a day from the first one on, that is not what it is made from."""
    statement = "SELECT project_id, name_id, day, people, newcomers FROM day_sets WHERE day >= ? AND people IS NOT NULL"
    for project_id, name_id, day, *data in connection.execute(statement, (first_day,)):
        try:
            is_right = tuple(map(unpacked, data)) == made(connection, project_id, name_id, day)
        except (zlib.error, TypeError):
            is_right = False
        if not is_right:
            yield project_id


def made(connection: sqlite3.Connection, project_id: int, name_id: int, day: int) -> tuple[People, People]:
    """(who is in the set, who of everybody was there for the first time), read from days or events."""
    if name_id == EVERYBODY:
        return _on_day(connection, project_id, day)
    return _of_name(connection, name_id, day * DAY_MS, (day + 1) * DAY_MS), 0


def _on_day(connection: sqlite3.Connection, project_id: int, day: int) -> tuple[People, People]:
    rows = connection.execute(_ON_DAY, (project_id, day)).fetchall()
    newcomers = (number for number, previous_day in rows if previous_day is None)
    return people_of(number for number, _ in rows), people_of(newcomers)


def _of_name(connection: sqlite3.Connection, name_id: int, start: int, end: int) -> People:
    return people_of(row[0] for row in connection.execute(_OF_NAME, (name_id, start, end)))
