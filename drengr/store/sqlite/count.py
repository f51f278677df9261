"""What the totals and the events of the file say of a window (contract 6); see store/counting.py."""

import sqlite3
from collections.abc import Iterable
from typing import Any

import orjson

from drengr.admin.questions import CountQuery
from drengr.events.times import HOUR_MS
from drengr.store.counting import counted
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


def count_events(database: Database, project_id: int, query: CountQuery) -> Counted:
    """The number of events in the window, and how they spread over days or names."""
    with database.snapshot() as connection:
        totals = _Totals(connection, project_id, query.event_name)
        if totals.is_unknown_name:
            return Counted(0, [] if query.group_by else None)
        return counted(totals, query)


class _Totals:
    """One count under way; all its statements see the same state of the file."""

    def __init__(self, connection: sqlite3.Connection, project_id: int, event_name: str | None) -> None:
        self._connection = connection
        self._project_id = project_id
        self._name_id = None if event_name is None else self._name_code(event_name)
        self.is_unknown_name = event_name is not None and self._name_id is None

    def sum(self, unit: str, span: range) -> int:
        return self._number(f"SELECT coalesce(sum(events), 0) {self._totals(unit)}", *self._within(span))

    def days(self, span: range) -> list[tuple[Any, ...]]:
        return self._read(f"SELECT day, sum(events) {self._totals('day')} GROUP BY day", *self._within(span))

    def part(self, span: range) -> int:
        if self._name_id is None:
            return self._number(_EVENTS, self._project_id, span.start, span.stop)
        return self._number(_EVENTS_OF_NAME, self._name_id, span.start, span.stop)

    def names(self, unit: str, span: range) -> list[tuple[Any, ...]]:
        source = _DAYS if unit == "day" else _HOURS
        statement = f"SELECT name_id, sum(events) {source} GROUP BY name_id"
        return self._read(statement, self._project_id, span.start, span.stop)

    def names_of_part(self, span: range) -> list[tuple[Any, ...]]:
        return self._read(_EVENTS_BY_NAME, span.start, span.stop, self._project_id, span.start // HOUR_MS)

    def texts(self, name_ids: Iterable[int]) -> list[tuple[Any, ...]]:
        names = "SELECT id, name FROM event_names WHERE id IN (SELECT value FROM json_each(?))"
        return self._read(names, _json(name_ids))

    def _totals(self, unit: str) -> str:
        if self._name_id is None:
            return _DAYS if unit == "day" else _HOURS
        return _DAYS_OF_NAME if unit == "day" else _HOURS_OF_NAME

    def _within(self, span: range) -> tuple[Any, ...]:
        if self._name_id is None:
            return self._project_id, span.start, span.stop
        return self._project_id, _json(span), self._name_id

    def _name_code(self, name: str) -> int | None:
        found = self._read("SELECT id FROM event_names WHERE project_id = ? AND name = ?", self._project_id, name)
        return found[0][0] if found else None

    def _number(self, statement: str, *parameters: object) -> int:
        return int(self._read(statement, *parameters)[0][0])

    def _read(self, statement: str, *parameters: object) -> list[tuple[Any, ...]]:
        return self._connection.execute(statement, parameters).fetchall()


def _json(numbers: Iterable[int]) -> str:
    return orjson.dumps(list(numbers)).decode()
