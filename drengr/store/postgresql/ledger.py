"""The ledger: what became of every row that came, kept in the transaction that stores the events (contract 10)."""

from collections.abc import Iterable, Mapping

from drengr.events.outcomes import DOORS, DROPPED, REMOVED
from drengr.events.times import DAY_MS
from drengr.store.entries import COUNTS, Entries, Key
from drengr.store.postgresql.connections import Connection
from drengr.store.postgresql.database import LONG_READ_S, READ_S, Database
from drengr.store.results import FIRST_DAY, NO_PROJECT, LedgerDay, Problem, WrongAccount

_KEY = "project_id, day, door"
_SUMS = ", ".join(f"sum({name})::bigint AS {name}" for name in COUNTS)
_ADD = f"""
INSERT INTO ledger_days AS l ({_KEY}, first_id, last_id, last_received_at, {", ".join(COUNTS)}, slot)
VALUES {{rows}}
ON CONFLICT ({_KEY}, slot) DO UPDATE SET
  first_id = least(l.first_id, excluded.first_id), last_id = greatest(l.last_id, excluded.last_id),
  last_received_at = greatest(l.last_received_at, excluded.last_received_at),
  {{sums}}
"""
_ADD_PROBLEM = """
INSERT INTO problems AS p (project_id, door, reason, event_name, sdk, sdk_version, key_hint, count, first_at, last_at)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (project_id, door, reason, event_name, sdk, sdk_version, key_hint) DO UPDATE SET
  count = p.count + excluded.count, first_at = least(p.first_at, excluded.first_at),
  last_at = greatest(p.last_at, excluded.last_at)
"""
_MOST_PROBLEMS = 200  # of a project, and of no project
_FORGET_PROBLEMS = """
DELETE FROM problems WHERE id IN (
  SELECT id FROM problems WHERE project_id = ? ORDER BY last_at DESC, id DESC OFFSET ? FOR UPDATE SKIP LOCKED)
"""


def addition(entries: Entries, slot: int) -> str:
    """The statement that adds the entries; empty when there are none.

    It has no parameters, so that others can go with it: all it holds are numbers, and doors of the closed list.
    """
    lines = entries.rows()
    if not lines:
        return ""
    rows = ", ".join(f"({', '.join(map(_literal, row))}, {slot})" for row in lines)
    columns = zip(COUNTS, *(row[-len(COUNTS) :] for row in lines), strict=True)
    counted = [name for name, *numbers in columns if any(numbers)] or COUNTS  # planned in half the time of all of them
    return _ADD.format(rows=rows, sums=", ".join(f"{name} = l.{name} + excluded.{name}" for name in counted))


def _literal(value: int | str | None) -> str:
    if isinstance(value, str):
        assert value in DOORS
        return f"'{value}'"
    return "NULL" if value is None else str(int(value))


def note(connection: Connection, counted: Mapping[Key, Mapping[str, int]], problems: Iterable[Problem]) -> None:
    """Add what was counted in memory: refusals, requests of which nothing was to be stored, and their problems."""
    known = {row[0] for row in connection.execute("SELECT id FROM projects").fetchall()} | {NO_PROJECT}
    entries = Entries()
    for key, counts in counted.items():
        if key[0] in known:  # else the project is gone
            entries.add_named(key, counts)
    _add(connection, entries)
    seen = sorted(problem for problem in problems if problem.project_id in known)
    if seen:
        connection.executemany(_ADD_PROBLEM, seen)
    for project_id in sorted({problem.project_id for problem in seen}):
        connection.execute(_FORGET_PROBLEMS, (project_id, _MOST_PROBLEMS))


def days(database: Database, project_id: int | None, first_day: int, last_day: int) -> list[LedgerDay]:
    """The ledger's lines of these days, inclusive, by project, day and door; None: all projects and NO_PROJECT."""
    rows = database.read(
        f"SELECT {_KEY}, min(first_id), max(last_id), max(last_received_at), {_SUMS} FROM ledger_days"
        f" WHERE coalesce(project_id = ?, true) AND day BETWEEN ? AND ? GROUP BY {_KEY} ORDER BY {_KEY}",
        (project_id, first_day, last_day),
        READ_S,
    )
    return [LedgerDay._make((*row[:6], dict(zip(COUNTS, row[6:], strict=True)))) for row in rows]


def problems(database: Database, project_id: int | None) -> list[Problem]:
    """The problems of a project, last seen first; None: of all projects and of none."""
    rows = database.read(
        "SELECT project_id, door, reason, event_name, sdk, sdk_version, key_hint, count, first_at, last_at"
        " FROM problems WHERE coalesce(project_id = ?, true) ORDER BY last_at DESC, id DESC",
        (project_id,),
        READ_S,
    )
    return [Problem(*row) for row in rows]


_COUNTED = f"""
SELECT e.project_id, e.received_at / {DAY_MS} AS day,
  CASE o.source WHEN 'amplitude_http' THEN 'acceptor' WHEN 'admin' THEN 'admin' ELSE 'importer' END AS door,
  count(*) AS events, min(e.id) AS first_id, max(e.id) AS last_id, max(e.received_at) AS last_at
FROM semantic_events AS e JOIN origins AS o ON o.id = e.origin_id
WHERE e.received_at >= ?::bigint * {DAY_MS} GROUP BY 1, 2, 3
"""
_DROPS = " + ".join(f"l.dropped_{reason}" for reason in DROPPED)
_REMOVALS = " + ".join(f"l.removed_{how}" for how in REMOVED)
_WRONG = f"""
WITH c AS ({_COUNTED}), l AS (SELECT {_KEY}, {_SUMS} FROM ledger_days WHERE day >= ? GROUP BY {_KEY})
SELECT project_id, p.name, day, door, coalesce(l.stored - ({_REMOVALS}), 0), coalesce(c.events, 0),
  coalesce(l.received, 0), coalesce(l.stored + l.duplicates + ({_DROPS}), 0)
FROM l FULL JOIN c USING (project_id, day, door) LEFT JOIN projects AS p ON p.id = project_id
WHERE coalesce(l.stored - ({_REMOVALS}), 0) <> coalesce(c.events, 0)
  OR l.received <> l.stored + l.duplicates + ({_DROPS})
ORDER BY 1, 3, 4
"""
_OF_LINE = f"""
SELECT min(first_id), max(last_id), max(last_received_at), {_SUMS}
FROM ledger_days WHERE project_id = ? AND day = ? AND door = ?
"""
_OF_EVENTS = f"SELECT first_id, last_id, last_at FROM ({_COUNTED}) AS c WHERE project_id = ? AND day = ? AND door = ?"


def wrong_accounts(database: Database, first_day: int) -> list[WrongAccount]:
    """Every line from that day on whose events are not those in the table, or whose sum does not come out."""
    with database.snapshot(LONG_READ_S) as connection:
        return _wrong(connection, first_day)


def repair_accounts(connection: Connection) -> None:
    """Make every line say what is there; writers wait until the transaction ends."""
    connection.execute("LOCK TABLE ledger_days IN SHARE ROW EXCLUSIVE MODE")
    for wrong in _wrong(connection, FIRST_DAY):
        key = wrong.project_id, wrong.day, wrong.door
        ids, counts = _line(connection, key)
        counts["stored"] += wrong.counted - wrong.kept
        counts["received"] = counts["stored"] + counts["duplicates"] + sum(counts[f"dropped_{why}"] for why in DROPPED)
        if not ids and wrong.counted:
            ids = connection.execute(_OF_EVENTS, (wrong.day, *key)).fetchall()[0]
        entries = Entries()
        entries.add_named(key, counts)
        if ids:
            entries.saw(key, *ids)
        connection.execute(f"DELETE FROM ledger_days WHERE ({_KEY}) = (?, ?, ?)", key)
        _add(connection, entries)


def _add(connection: Connection, entries: Entries) -> None:
    if statement := addition(entries, connection.slot):
        connection.execute(statement)


def _line(connection: Connection, key: Key) -> tuple[tuple[int, ...], dict[str, int]]:
    """((first_id, last_id, last_received_at), counts) of all slots together; no ids where it has no events."""
    first, last, at, *counts = connection.execute(_OF_LINE, key).fetchall()[0]
    ids = () if first is None else (first, last, at)
    return ids, {name: number or 0 for name, number in zip(COUNTS, counts, strict=True)}


def _wrong(connection: Connection, first_day: int) -> list[WrongAccount]:
    return [WrongAccount(*row) for row in connection.execute(_WRONG, (first_day, first_day)).fetchall()]
