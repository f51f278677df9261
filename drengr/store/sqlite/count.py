"""Counts over a window, from totals where they reach and from the events at its ragged edges (contract 6).

A window is cut into whole days, whole hours, and at most one part of an hour at each end:

    since ├─ part of an hour ─┼─ hours ─┼────── days ──────┼─ hours ─┼─ part of an hour ─┤ until

so that ten million events are counted by adding a few thousand totals.
"""

import sqlite3
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import NamedTuple

import orjson

from drengr.admin.questions import CountQuery
from drengr.events.times import DAY_MS, HOUR_MS, iso_text
from drengr.store.results import Counted
from drengr.store.sqlite.database import Database

_DAYS = "FROM day_totals WHERE project_id = ? AND day >= ? AND day < ?"
_HOURS = "FROM hour_totals WHERE project_id = ? AND hour >= ? AND hour < ?"
_DAYS_OF_NAME = "FROM day_totals WHERE project_id = ? AND day IN (SELECT value FROM json_each(?)) AND name_id = ?"
_HOURS_OF_NAME = "FROM hour_totals WHERE project_id = ? AND hour IN (SELECT value FROM json_each(?)) AND name_id = ?"

# The indexes are named because the planner cannot know that they hold all that is asked for, and nothing of a row.
_EVENTS = """
SELECT count(*) FROM semantic_events INDEXED BY events_by_time
WHERE project_id = ? AND occurred_at >= ? AND occurred_at < ?
"""
_EVENTS_OF_NAME = """
SELECT count(*) FROM semantic_events INDEXED BY events_by_name_and_time
WHERE name_id = ? AND occurred_at >= ? AND occurred_at < ?
"""
# The hour's totals know which names it has: each is counted in its own index instead of reading every row for its name.
_EVENTS_BY_NAME = """
SELECT t.name_id, (
  SELECT count(*) FROM semantic_events AS e INDEXED BY events_by_name_and_time
  WHERE e.name_id = t.name_id AND e.occurred_at >= ? AND e.occurred_at < ?)
FROM hour_totals AS t WHERE t.project_id = ? AND t.hour = ?
"""


class Pieces(NamedTuple):
    """A window cut into what totals can tell and what they cannot; every range excludes its end."""

    days: range  # numbers of UTC days
    hours: list[range]  # numbers of UTC hours; each range lies within one day
    parts: list[range]  # epoch ms; each range lies within one hour


def count_events(database: Database, project_id: int, query: CountQuery) -> Counted:
    """The number of events in the window, and how they spread over days or names."""
    with _snapshot(database) as connection:
        count = _Count(connection, project_id, query.event_name)
        if count.is_unknown_name:
            return Counted(0, [] if query.group_by else None)
        pieces = cut(query.since, query.until + 1)
        if query.group_by is None:
            return Counted(count.total(pieces), None)
        if query.group_by == "day":
            found = count.by_day(pieces)
            buckets = [(_date(day), events) for day, events in sorted(found.items()) if events]
        else:
            found = count.by_name(pieces)
            buckets = sorted(((name, n) for name, n in found.items() if n), key=lambda pair: (-pair[1], pair[0]))
    return Counted(sum(events for _, events in buckets), buckets)


def cut(start_ms: int, end_ms: int) -> Pieces:
    """The pieces of the window from `start_ms` to just before `end_ms`.

    >>> cut(0, 86_400_000)
    Pieces(days=range(0, 1), hours=[], parts=[])
    >>> cut(3_599_000, 7_200_500)
    Pieces(days=range(0, 0), hours=[range(1, 2)], parts=[range(3599000, 3600000), range(7200000, 7200500)])
    """
    hours, parts = _whole(range(start_ms, end_ms), HOUR_MS)
    days, single_hours = _whole(hours, 24)
    return Pieces(days, single_hours, parts)


def _whole(span: range, unit: int) -> tuple[range, list[range]]:
    """(the whole units inside a span, what is left of the span before and after them)."""
    first, last = -(-span.start // unit), span.stop // unit
    if first > last:
        return range(0), [span] if span else []
    left = [range(span.start, first * unit), range(last * unit, span.stop)]
    return range(first, last), [piece for piece in left if piece]


class _Count:
    """One count under way; all its statements see the same state of the file."""

    def __init__(self, connection: sqlite3.Connection, project_id: int, event_name: str | None) -> None:
        self._connection = connection
        self._project_id = project_id
        self._name = event_name
        self._name_id = None if event_name is None else self._name_code(event_name)
        self.is_unknown_name = event_name is not None and self._name_id is None

    def total(self, pieces: Pieces) -> int:
        """All events."""
        totals = [self._sum("day", pieces.days), *(self._sum("hour", hours) for hours in pieces.hours)]
        return sum(totals) + sum(map(self._part, pieces.parts))

    def by_day(self, pieces: Pieces) -> Counter[int]:
        """Events by number of the day."""
        found = Counter(dict(self._days(pieces.days)))
        for hours in pieces.hours:
            found[hours.start // 24] += self._sum("hour", hours)
        for part in pieces.parts:
            found[part.start // DAY_MS] += self._part(part)
        return found

    def by_name(self, pieces: Pieces) -> dict[str, int]:
        """Events by event name."""
        if self._name is not None:
            return {self._name: self.total(pieces)}
        found: Counter[int] = Counter()
        for spans, source in (([pieces.days], _DAYS), (pieces.hours, _HOURS)):
            for span in spans:
                statement = f"SELECT name_id, sum(events) {source} GROUP BY name_id"
                _add(found, self._read(statement, self._project_id, span.start, span.stop))
        for part in pieces.parts:
            hour = part.start // HOUR_MS
            _add(found, self._read(_EVENTS_BY_NAME, part.start, part.stop, self._project_id, hour))
        names = "SELECT id, name FROM event_names WHERE id IN (SELECT value FROM json_each(?))"
        return {name: found[name_id] for name_id, name in self._read(names, _json(found))}

    def _sum(self, unit: str, span: range) -> int:
        return self._read(f"SELECT coalesce(sum(events), 0) {self._totals(unit)}", *self._within(span))[0][0]

    def _days(self, span: range) -> list[tuple]:
        return self._read(f"SELECT day, sum(events) {self._totals('day')} GROUP BY day", *self._within(span))

    def _totals(self, unit: str) -> str:
        if self._name_id is None:
            return _DAYS if unit == "day" else _HOURS
        return _DAYS_OF_NAME if unit == "day" else _HOURS_OF_NAME

    def _within(self, span: range) -> tuple:
        if self._name_id is None:
            return self._project_id, span.start, span.stop
        return self._project_id, _json(span), self._name_id

    def _part(self, part: range) -> int:
        if self._name_id is None:
            return self._read(_EVENTS, self._project_id, part.start, part.stop)[0][0]
        return self._read(_EVENTS_OF_NAME, self._name_id, part.start, part.stop)[0][0]

    def _name_code(self, name: str) -> int | None:
        found = self._read("SELECT id FROM event_names WHERE project_id = ? AND name = ?", self._project_id, name)
        return found[0][0] if found else None

    def _read(self, statement: str, *parameters: object) -> list[tuple]:
        return self._connection.execute(statement, parameters).fetchall()


@contextmanager
def _snapshot(database: Database) -> Iterator[sqlite3.Connection]:
    """This thread's connection, looking at one state of the file: totals and events must not drift apart."""
    connection = database.reading_connection()
    connection.execute("BEGIN")
    try:
        yield connection
    finally:
        connection.execute("ROLLBACK")


def _add(found: Counter[int], rows: Iterable[tuple[int, int]]) -> None:
    for name_id, events in rows:
        found[name_id] += events


def _json(numbers: Iterable[int]) -> str:
    return orjson.dumps(list(numbers)).decode()


def _date(day: int) -> str:
    return iso_text(day * DAY_MS)[:10]
