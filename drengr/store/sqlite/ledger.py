"""The ledger: what became of every row that came, kept in the transaction that stores the events (contract 10)."""

import sqlite3
from collections.abc import Iterable, Mapping

from drengr.events.outcomes import DROPPED, REMOVED
from drengr.events.times import DAY_MS
from drengr.store.entries import COUNTS, Entries, Key
from drengr.store.results import FIRST_DAY, NO_PROJECT, LedgerDay, Problem, WrongAccount
from drengr.store.sqlite.connections import Readable
from drengr.store.sqlite.database import Database

_KEY = "project_id, day, door"
ADD = f"""
INSERT INTO ledger_days ({_KEY}, first_id, last_id, last_received_at, {", ".join(COUNTS)})
VALUES (?, ?, ?, ?, ?, ?, {", ".join("?" * len(COUNTS))})
ON CONFLICT ({_KEY}) DO UPDATE SET
  first_id = min(ifnull(first_id, excluded.first_id), ifnull(excluded.first_id, first_id)),
  last_id = max(ifnull(last_id, excluded.last_id), ifnull(excluded.last_id, last_id)),
  last_received_at = max(ifnull(last_received_at, excluded.last_received_at),
                         ifnull(excluded.last_received_at, last_received_at)),
  {", ".join(f"{name} = {name} + excluded.{name}" for name in COUNTS)}
"""
_ADD_PROBLEM = """
INSERT INTO problems (project_id, door, reason, event_name, sdk, sdk_version, key_hint, count, first_at, last_at)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (project_id, door, reason, event_name, sdk, sdk_version, key_hint) DO UPDATE SET
  count = count + excluded.count, first_at = min(first_at, excluded.first_at), last_at = max(last_at, excluded.last_at)
"""
_MOST_PROBLEMS = 200  # of a project, and of no project
_FORGET_PROBLEMS = """
DELETE FROM problems WHERE project_id = :project_id AND rowid NOT IN (
  SELECT rowid FROM problems WHERE project_id = :project_id ORDER BY last_at DESC, rowid DESC LIMIT :most)
"""


def note(
    connection: sqlite3.Connection, counted: Mapping[Key, Mapping[str, int]], problems: Iterable[Problem]
) -> None:
    """Add what was counted in memory: refusals, requests of which nothing was to be stored, and their problems."""
    known = {row[0] for row in connection.execute("SELECT id FROM projects")} | {NO_PROJECT}
    entries = Entries()
    for key, counts in counted.items():
        if key[0] in known:  # else the project is gone
            entries.add_named(key, counts)
    connection.executemany(ADD, entries.rows())
    seen = [problem for problem in problems if problem.project_id in known]
    connection.executemany(_ADD_PROBLEM, seen)
    for project_id in {problem.project_id for problem in seen}:
        connection.execute(_FORGET_PROBLEMS, {"project_id": project_id, "most": _MOST_PROBLEMS})


def days(database: Database, project_id: int | None, first_day: int, last_day: int) -> list[LedgerDay]:
    """The ledger's lines of these days, inclusive, by project, day and door; None: all projects and NO_PROJECT."""
    rows = database.read(
        f"SELECT {_KEY}, first_id, last_id, last_received_at, {', '.join(COUNTS)} FROM ledger_days"
        " WHERE ifnull(project_id = ?, 1) AND day BETWEEN ? AND ? ORDER BY project_id, day, door",
        (project_id, first_day, last_day),
    )
    return [LedgerDay._make((*row[:6], dict(zip(COUNTS, row[6:], strict=True)))) for row in rows]


def problems(database: Database, project_id: int | None) -> list[Problem]:
    """The problems of a project, last seen first; None: of all projects and of none."""
    rows = database.read(
        "SELECT project_id, door, reason, event_name, sdk, sdk_version, key_hint, count, first_at, last_at"
        " FROM problems WHERE ifnull(project_id = ?, 1) ORDER BY last_at DESC, rowid DESC",
        (project_id,),
    )
    return [Problem(*row) for row in rows]


_COUNTED = f"""
SELECT e.project_id, e.received_at / {DAY_MS} AS day,
  CASE o.source WHEN 'amplitude_http' THEN 'acceptor' WHEN 'admin' THEN 'admin' ELSE 'importer' END AS door,
  count(*) AS events, min(e.id) AS first_id, max(e.id) AS last_id, max(e.received_at) AS last_at
FROM semantic_events AS e JOIN origins AS o ON o.id = e.origin_id
WHERE {{newer}} GROUP BY 1, 2, 3
"""
# Row numbers follow the order of storing: the events of some last days are behind the first one of those days.
_FIRST_OF_DAYS = "ifnull((SELECT min(first_id) FROM ledger_days WHERE day >= :first_day), 0)"
_NEWER = f"e.id >= {_FIRST_OF_DAYS} AND e.received_at >= :first_day * {DAY_MS}"
_DROPS = " + ".join(f"l.dropped_{reason}" for reason in DROPPED)
_REMOVALS = " + ".join(f"l.removed_{how}" for how in REMOVED)
_WRONG = f"""
WITH c AS ({_COUNTED.format(newer=_NEWER)})
SELECT l.project_id, p.name, l.day, l.door, l.stored - ({_REMOVALS}), ifnull(c.events, 0),
  l.received, l.stored + l.duplicates + ({_DROPS})
FROM ledger_days AS l LEFT JOIN c USING (project_id, day, door) LEFT JOIN projects AS p ON p.id = l.project_id
WHERE l.day >= :first_day
  AND (l.stored - ({_REMOVALS}) <> ifnull(c.events, 0) OR l.received <> l.stored + l.duplicates + ({_DROPS}))
UNION ALL
SELECT c.project_id, p.name, c.day, c.door, 0, c.events, 0, 0
FROM c JOIN projects AS p ON p.id = c.project_id
WHERE NOT EXISTS (SELECT 1 FROM ledger_days AS l WHERE (l.project_id, l.day, l.door) = (c.project_id, c.day, c.door))
ORDER BY 1, 3, 4
"""
# An older file's earlier days, and lines that are missing: every event was received and stored.
FILL = f"""
INSERT INTO ledger_days ({_KEY}, first_id, last_id, last_received_at, {", ".join(COUNTS)})
SELECT project_id, day, door, first_id, last_id, last_at, events, events, {", ".join("0" * (len(COUNTS) - 2))}
FROM ({_COUNTED.format(newer="true")}) WHERE true
ON CONFLICT ({_KEY}) DO NOTHING
"""
_MEND = f"""
UPDATE ledger_days AS l SET stored = stored + :missing, received = stored + :missing + duplicates + {_DROPS}
WHERE project_id = :project_id AND day = :day AND door = :door
"""


def wrong_accounts(database: Readable, first_day: int) -> list[WrongAccount]:
    """Every line from that day on whose events are not those in the file, or whose sum does not come out."""
    return [WrongAccount(*row) for row in database.read(_WRONG, {"first_day": first_day})]


def repair_accounts(connection: sqlite3.Connection) -> None:
    """Make every line say what is in the file; one reading of all events, in the caller's transaction."""
    connection.execute(FILL)
    for wrong in [WrongAccount(*row) for row in connection.execute(_WRONG, {"first_day": FIRST_DAY})]:
        key = {"project_id": wrong.project_id, "day": wrong.day, "door": wrong.door}
        connection.execute(_MEND, key | {"missing": wrong.counted - wrong.kept})
