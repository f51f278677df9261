"""Proof that the totals equal the events, and their repair (contract 2; counts rest on the totals)."""

from drengr.events.times import DAY_MS, HOUR_MS
from drengr.store.postgresql.connections import Connection
from drengr.store.postgresql.database import LONG_READ_S, LONG_WRITE_S, Database
from drengr.store.results import WrongTotal

# Times before 1970 are rounded down too: a shift of whole days, past the year 0, makes every time positive.
_SHIFT_DAYS = 1_000_000


def _counted(unit: str, length_ms: int) -> str:
    number = f"(occurred_at + {_SHIFT_DAYS * DAY_MS}) / {length_ms} - {_SHIFT_DAYS * DAY_MS // length_ms}"
    return f"""
  INSERT INTO {unit}_totals (project_id, {unit}, name_id, slot, events)
  SELECT project_id, {number}, name_id, ?::smallint, {{events}} FROM {{rows}} GROUP BY 1, 2, 3 ORDER BY 1, 2, 3
  ON CONFLICT (project_id, {unit}, name_id, slot) DO UPDATE SET events = {unit}_totals.events + excluded.events"""


# The part of a statement that stores or removes events which counts them, in two slots. In one statement, because
# whoever counts must lock the rows of hours and of days in the same order.
COUNTED = f"""hours AS ({_counted("hour", HOUR_MS)}
), days AS ({_counted("day", DAY_MS)}
)"""
_WRONG_HOURS = f"""
SELECT project_id, name_id, unit, sum(kept)::bigint AS kept, sum(counted)::bigint AS counted FROM (
  SELECT project_id, name_id, (occurred_at + {_SHIFT_DAYS * DAY_MS}) / {HOUR_MS} - {_SHIFT_DAYS * 24} AS unit,
    0 AS kept, count(*) AS counted
  FROM semantic_events WHERE occurred_at >= ?::bigint * {DAY_MS} GROUP BY 1, 2, 3
  UNION ALL SELECT project_id, name_id, hour, events, 0 FROM hour_totals WHERE hour >= ?::bigint * 24) AS sides
GROUP BY project_id, name_id, unit HAVING sum(kept) <> sum(counted)
"""
_WRONG_DAYS = f"""
SELECT project_id, name_id, unit, sum(kept)::bigint AS kept, sum(counted)::bigint AS counted FROM (
  SELECT project_id, name_id, (hour + {_SHIFT_DAYS * 24}) / 24 - {_SHIFT_DAYS} AS unit, 0 AS kept, events AS counted
  FROM hour_totals WHERE hour >= ?::bigint * 24
  UNION ALL SELECT project_id, name_id, day, events, 0 FROM day_totals WHERE day >= ?) AS sides
GROUP BY project_id, name_id, unit HAVING sum(kept) <> sum(counted)
"""
_NAMED = """
SELECT w.*, p.name, n.name FROM ({wrong}) AS w
JOIN projects AS p ON p.id = w.project_id JOIN event_names AS n ON n.id = w.name_id ORDER BY 1, 2, 3
"""
_COUNT_HOUR = """
SELECT count(*) FROM semantic_events WHERE project_id = ? AND name_id = ? AND occurred_at >= ? AND occurred_at < ?
"""
_COUNT_DAY = """
SELECT coalesce(sum(events), 0)::bigint FROM hour_totals
WHERE project_id = ? AND name_id = ? AND hour >= ? AND hour < ?
"""
_PARENTS = (
    ("project_id", "projects"),
    ("name_id", "event_names"),
    ("origin_id", "origins"),
    ("identity_id", "identities"),
)


def orphans(database: Database) -> list[str]:
    """Events that point nowhere: no foreign key watches over them, see schema_postgresql.sql."""
    found = []
    with database.snapshot(LONG_READ_S) as connection:
        for column, parent in _PARENTS:
            statement = (
                f"SELECT coalesce(sum(events), 0)::bigint FROM"
                f" (SELECT {column} AS id, count(*) AS events FROM semantic_events GROUP BY 1) AS e"
                f" WHERE NOT EXISTS (SELECT FROM {parent} AS p WHERE p.id = e.id)"
            )
            rows = connection.execute(statement).fetchall()[0][0]
            if rows:
                found.append(f"{rows} rows of semantic_events point to no row of {parent}")
    return found


def wrong_totals(database: Database, first_day: int) -> list[WrongTotal]:
    """Every hour that differs from its events, every day that differs from its hours; one look at one state."""
    with database.snapshot(LONG_READ_S) as connection:
        return [
            WrongTotal(unit, *row)
            for unit, wrong in (("hour", _WRONG_HOURS), ("day", _WRONG_DAYS))
            for row in connection.execute(_NAMED.format(wrong=wrong), (first_day, first_day)).fetchall()
        ]


def repair(database: Database, wrong: list[WrongTotal]) -> None:
    """Count these totals anew, in one transaction that is as short as they are few; writers wait for it."""
    hours = {(cell.project_id, cell.name_id, cell.number) for cell in wrong if cell.unit == "hour"}
    days = {(cell.project_id, cell.name_id, cell.number) for cell in wrong if cell.unit == "day"}
    days |= {(project_id, name_id, hour // 24) for project_id, name_id, hour in hours}
    database.run(lambda connection: _recount(connection, hours, days), LONG_WRITE_S)


def _recount(connection: Connection, hours: set[tuple[int, int, int]], days: set[tuple[int, int, int]]) -> None:
    # Who has counted events that are not committed yet has added to the totals in the same statement: after this no
    # such statement is under way.
    connection.execute("LOCK TABLE hour_totals, day_totals IN SHARE ROW EXCLUSIVE MODE")
    for project_id, name_id, hour in sorted(hours):
        window = (project_id, name_id, hour * HOUR_MS, (hour + 1) * HOUR_MS)
        _put(connection, "hour", (project_id, hour, name_id), connection.execute(_COUNT_HOUR, window).fetchall()[0][0])
    for project_id, name_id, day in sorted(days):
        window = (project_id, name_id, day * 24, (day + 1) * 24)
        _put(connection, "day", (project_id, day, name_id), connection.execute(_COUNT_DAY, window).fetchall()[0][0])


def _put(connection: Connection, unit: str, key: tuple[int, int, int], events: int) -> None:
    connection.execute(f"DELETE FROM {unit}_totals WHERE project_id = ? AND {unit} = ? AND name_id = ?", key)
    if events:
        connection.execute(
            f"INSERT INTO {unit}_totals (project_id, {unit}, name_id, slot, events) VALUES (?, ?, ?, 0, ?)",
            (*key, events),
        )
