"""Old totals in one row: when nobody adds to them any more they need not lie in many slots (contract 13)."""

from functools import partial

from drengr.store.postgresql.connections import Connection
from drengr.store.postgresql.database import Database

_AT_ONCE = 500  # rows: some 10 ms, which whoever stores events of these very hours waits for
_UNITS = {"hour": 24, "day": 1}  # how many of them are a day

_FOLD = """
WITH old AS MATERIALIZED (
  SELECT project_id, {unit}, name_id, slot, events FROM {unit}_totals WHERE slot > 0 AND {unit} < ?
  ORDER BY {unit} LIMIT ? FOR UPDATE SKIP LOCKED
), gone AS (
  DELETE FROM {unit}_totals AS t USING old
  WHERE (t.project_id, t.{unit}, t.name_id, t.slot) = (old.project_id, old.{unit}, old.name_id, old.slot)
), kept AS (
  INSERT INTO {unit}_totals (project_id, {unit}, name_id, slot, events)
  SELECT project_id, {unit}, name_id, 0, sum(events) FROM old GROUP BY 1, 2, 3 ORDER BY 1, 2, 3
  ON CONFLICT (project_id, {unit}, name_id, slot) DO UPDATE SET events = {unit}_totals.events + excluded.events
)
SELECT count(*) FROM old
"""


def fold(database: Database, today: int) -> bool:
    """Add rows of days before yesterday to those of slot 0, a few in a transaction; whether there are more."""
    are_left = [database.run(partial(_fold, unit=unit, today=today)) for unit in _UNITS]
    return any(are_left)


def _fold(connection: Connection, unit: str, today: int) -> bool:
    """Rows that somebody adds to at this moment are left for the next time."""
    end = (today - 1) * _UNITS[unit]
    folded = connection.execute(_FOLD.format(unit=unit), (end, _AT_ONCE)).fetchall()[0][0]
    return bool(folded == _AT_ONCE)
