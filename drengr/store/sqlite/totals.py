"""Proof that the totals equal the events, and their repair (contract 2; counts rest on the totals)."""

import sqlite3
from collections import Counter
from typing import Any

from drengr.events.times import DAY_MS, HOUR_MS
from drengr.store.results import WrongTotal
from drengr.store.sqlite.connections import Readable
from drengr.store.sqlite.group_commit import GroupCommit

_MOST_FAULTS = 20
# SQLite's division rounds towards zero, ours down: a shift of whole days, past the year 0, makes every time positive.
_SHIFT_DAYS = 1_000_000

_WRONG_HOURS = f"""
SELECT project_id, name_id, unit, sum(kept) AS kept, sum(counted) AS counted FROM (
  SELECT n.project_id, e.name_id, e.unit, 0 AS kept, e.counted
  FROM (SELECT name_id, count(*) AS counted,
          (occurred_at + {_SHIFT_DAYS * DAY_MS}) / {HOUR_MS} - {_SHIFT_DAYS * 24} AS unit
        FROM event_names CROSS JOIN semantic_events INDEXED BY events_by_name_and_time
          ON name_id = event_names.id AND occurred_at >= :first_day * {DAY_MS}
        GROUP BY name_id, unit) AS e
  JOIN event_names AS n ON n.id = e.name_id
  UNION ALL SELECT project_id, name_id, hour, events, 0 FROM hour_totals WHERE hour >= :first_day * 24)
GROUP BY project_id, name_id, unit HAVING sum(kept) <> sum(counted)
"""
_WRONG_DAYS = f"""
SELECT project_id, name_id, unit, sum(kept) AS kept, sum(counted) AS counted FROM (
  SELECT project_id, name_id, (hour + {_SHIFT_DAYS * 24}) / 24 - {_SHIFT_DAYS} AS unit, 0 AS kept, events AS counted
  FROM hour_totals WHERE hour >= :first_day * 24
  UNION ALL SELECT project_id, name_id, day, events, 0 FROM day_totals WHERE day >= :first_day)
GROUP BY project_id, name_id, unit HAVING sum(kept) <> sum(counted)
"""
_NAMED = """
SELECT w.*, p.name, n.name FROM ({wrong}) AS w
JOIN projects AS p ON p.id = w.project_id JOIN event_names AS n ON n.id = w.name_id ORDER BY 1, 2, 3
"""
_COUNT_HOUR = """
SELECT count(*) FROM semantic_events INDEXED BY events_by_name_and_time
WHERE name_id = ? AND occurred_at >= ? AND occurred_at < ?
"""
_COUNT_DAY = "SELECT sum(events) FROM hour_totals WHERE project_id = ? AND name_id = ? AND hour >= ? AND hour < ?"


def faults_of_file(database: Readable) -> list[str]:
    """What SQLite itself finds wrong: damaged pages, rows that point nowhere. The first 20 of each."""
    pages = [row[0] for row in database.read(f"PRAGMA quick_check({_MOST_FAULTS})") if row[0] != "ok"]
    return pages + orphans(database)


def orphans(database: Readable) -> list[str]:
    """Rows that point nowhere, by table."""
    found = Counter((table, parent) for table, _, parent, _ in database.read("PRAGMA foreign_key_check"))
    return [f"{rows} rows of {table} point to no row of {parent}" for (table, parent), rows in found.items()]


def wrong_totals(database: Readable, first_day: int) -> list[WrongTotal]:
    """Every hour that differs from its events, every day that differs from its hours; one look at one state."""
    connection = database.reading_connection()
    connection.execute("BEGIN")
    try:
        return [
            WrongTotal(unit, *row)
            for unit, wrong in (("hour", _WRONG_HOURS), ("day", _WRONG_DAYS))
            for row in connection.execute(_NAMED.format(wrong=wrong), {"first_day": first_day})
        ]
    finally:
        connection.execute("ROLLBACK")


def repair(commits: GroupCommit, wrong: list[WrongTotal]) -> None:
    """Count these totals anew, in one transaction that is as short as they are few."""
    hours = {(cell.project_id, cell.name_id, cell.number) for cell in wrong if cell.unit == "hour"}
    days = {(cell.project_id, cell.name_id, cell.number) for cell in wrong if cell.unit == "day"}
    days |= {(project_id, name_id, hour // 24) for project_id, name_id, hour in hours}
    commits.run(lambda connection: _recount(connection, hours, days))


def _recount(connection: sqlite3.Connection, hours: set[tuple[Any, ...]], days: set[tuple[Any, ...]]) -> None:
    for project_id, name_id, hour in sorted(hours):
        window = (name_id, hour * HOUR_MS, (hour + 1) * HOUR_MS)
        _put(connection, "hour", (project_id, hour, name_id), connection.execute(_COUNT_HOUR, window).fetchone()[0])
    for project_id, name_id, day in sorted(days):
        hours_of_day = (project_id, name_id, day * 24, (day + 1) * 24)
        _put(connection, "day", (project_id, day, name_id), connection.execute(_COUNT_DAY, hours_of_day).fetchone()[0])


def _put(connection: sqlite3.Connection, unit: str, key: tuple[int, int, int], events: int | None) -> None:
    connection.execute(f"DELETE FROM {unit}_totals WHERE project_id = ? AND {unit} = ? AND name_id = ?", key)
    if events:
        connection.execute(
            f"INSERT INTO {unit}_totals (project_id, {unit}, name_id, events) VALUES (?, ?, ?, ?)", (*key, events)
        )
