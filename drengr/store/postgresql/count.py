"""What the totals and the events say of a window (contract 6); see store/counting.py."""

from collections.abc import Iterable
from typing import Any

from drengr.admin.questions import CountQuery
from drengr.store.counting import counted
from drengr.store.postgresql.connections import Connection
from drengr.store.postgresql.database import Database
from drengr.store.results import Counted


def count_events(database: Database, project_id: int, query: CountQuery) -> Counted:
    """The number of events in the window, and how they spread over days or names."""
    with database.snapshot() as connection:
        totals = _Totals(connection, project_id, query.event_name)
        if totals.is_unknown_name:
            return Counted(0, [] if query.group_by else None)
        return counted(totals, query)


class _Totals:
    """One count under way; all its statements see the same state of the database. Totals of all slots are added up."""

    def __init__(self, connection: Connection, project_id: int, event_name: str | None) -> None:
        self._connection = connection
        self._whose = "project_id = ?"
        self._parameters: tuple[object, ...] = (project_id,)
        self.is_unknown_name = False
        if event_name is not None:
            name_id = self._name_code(project_id, event_name)
            self.is_unknown_name = name_id is None
            self._whose, self._parameters = "project_id = ? AND name_id = ?", (project_id, name_id)

    def sum(self, unit: str, span: range) -> int:
        return int(self._read("coalesce(sum(events), 0)::bigint", f"{unit}_totals", unit, span)[0][0])

    def days(self, span: range) -> list[tuple[Any, ...]]:
        return self._read("day, sum(events)::bigint", "day_totals", "day", span, "GROUP BY day")

    def part(self, span: range) -> int:
        return int(self._read("count(*)", "semantic_events", "occurred_at", span)[0][0])

    def names(self, unit: str, span: range) -> list[tuple[Any, ...]]:
        return self._read("name_id, sum(events)::bigint", f"{unit}_totals", unit, span, "GROUP BY name_id")

    def names_of_part(self, span: range) -> list[tuple[Any, ...]]:
        return self._read("name_id, count(*)", "semantic_events", "occurred_at", span, "GROUP BY name_id")

    def texts(self, name_ids: Iterable[int]) -> list[tuple[Any, ...]]:
        return self._connection.execute(
            "SELECT id, name FROM event_names WHERE id = ANY(?::bigint[])", (list(name_ids),)
        ).fetchall()

    def _name_code(self, project_id: int, name: str) -> int | None:
        if "\0" in name:  # which no stored text has, and PostgreSQL does not take
            return None
        found = "SELECT id FROM event_names WHERE project_id = ? AND name = ?"
        rows = self._connection.execute(found, (project_id, name)).fetchall()
        return rows[0][0] if rows else None

    def _read(self, columns: str, table: str, place: str, span: range, group: str = "") -> list[tuple[Any, ...]]:
        statement = f"SELECT {columns} FROM {table} WHERE {self._whose} AND {place} >= ? AND {place} < ? {group}"
        return self._connection.execute(statement, (*self._parameters, span.start, span.stop)).fetchall()
