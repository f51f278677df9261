"""Making the sets of people of days that are over, while nobody waits for it; see day_sets."""

import sqlite3
from functools import partial
from time import monotonic

from drengr.people.sets import packed
from drengr.store.clock import now_ms
from drengr.store.sqlite.database import Database
from drengr.store.sqlite.group_commit import GroupCommit
from drengr.store.sqlite.people.day_sets import EVERYBODY, Key, made

_COMMON = 50  # events of a name on a day: of fewer, the events are read as soon as a set
_AT_ONCE = 20  # sets of one transaction
_MOST = 500  # sets that are looked for
_FORSAKEN_MS = 600_000  # whoever began to work it out is gone
_MISSING = f"""
SELECT project_id, name_id, day FROM (
  SELECT DISTINCT project_id, {EVERYBODY} AS name_id, day FROM day_people
  UNION ALL SELECT project_id, name_id, day FROM day_totals WHERE events >= {_COMMON}) AS w
WHERE day < ? AND NOT EXISTS (
  SELECT 1 FROM day_sets AS s WHERE (s.project_id, s.name_id, s.day) = (w.project_id, w.name_id, w.day))
ORDER BY day DESC LIMIT ?
"""
_HISTORY = "SELECT ifnull(sum(last_id), 0) FROM ledger_days WHERE door = 'importer' AND day >= ?"
_FORSAKEN = "DELETE FROM day_sets WHERE people IS NULL AND begun_at < ?"
_BEGIN = f"""
INSERT INTO day_sets (id, project_id, name_id, day, begun_at) SELECT random(), :project_id, :name_id, :day, :now_ms
WHERE EXISTS (
  SELECT 1 FROM day_totals WHERE project_id = :project_id AND day = :day AND :name_id IN (name_id, {EVERYBODY}))
ON CONFLICT DO NOTHING RETURNING id
"""
_GIVE_UP = "DELETE FROM day_sets WHERE id = ?"
_FILL = "UPDATE day_sets SET people = ?, newcomers = ? WHERE id = ?"


def history_until(database: Database, today: int) -> int:
    """A number that grows while history is imported.

    Sets made meanwhile would be dropped by what comes next, and whoever waits for a turn makes history's transactions
    short.
    """
    (last,) = database.read(_HISTORY, (today - 1,))[0]
    return int(last)


def gather(database: Database, commits: GroupCommit, today: int, seconds: float) -> bool:
    """Make sets of the days before `today` that have none, for about so long; whether there is more to do."""
    end = monotonic() + seconds
    keys = database.read(_MISSING, (today, _MOST))
    for first in range(0, len(keys), _AT_ONCE):
        begun: dict[int, Key] = commits.run(partial(_begin, keys[first : first + _AT_ONCE]))
        sets: dict[int, tuple[bytes, bytes] | None] = dict.fromkeys(begun)
        for number, key in begun.items():
            if monotonic() < end:
                sets[number] = _worked_out(database, *key)
        commits.run(partial(_fill, sets))
        if monotonic() > end:
            return True
    return len(keys) == _MOST


def _begin(keys: list[Key], connection: sqlite3.Connection) -> dict[int, Key]:
    connection.execute(_FORSAKEN, (now_ms() - _FORSAKEN_MS,))
    begun: dict[int, Key] = {}
    for key in keys:
        asked = dict(zip(("project_id", "name_id", "day", "now_ms"), (*key, now_ms()), strict=True))
        row = connection.execute(_BEGIN, asked).fetchone()
        if row:  # else somebody else is at it, or its events have gone meanwhile
            begun[row[0]] = key
    return begun


def _worked_out(database: Database, project_id: int, name_id: int, day: int) -> tuple[bytes, bytes]:
    with database.snapshot() as connection:
        people, newcomers = made(connection, project_id, name_id, day)
    return packed(people), packed(newcomers)


def _fill(sets: dict[int, tuple[bytes, bytes] | None], connection: sqlite3.Connection) -> None:
    connection.executemany(_FILL, [(*data, number) for number, data in sets.items() if data])
    connection.executemany(_GIVE_UP, [(number,) for number, data in sets.items() if not data])
