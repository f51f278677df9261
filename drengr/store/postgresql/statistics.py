"""What PostgreSQL's planner knows of the large tables (contract 13).

Its own autovacuum looks at them once a minute or less. Until then, after a first import of 50,000 events, a count of
people a day took longer than the 3 s that it may take; with statistics 0.1 s.
"""

from drengr.store.postgresql.connections import Connection
from drengr.store.postgresql.database import LONG_WRITE_S, Database

# Of events newer than its statistics, such as those of the last hours, the planner expects one, and would go through
# all devices for each that there is. For few events that is right: they must not wait for the devices of all projects.
HASH_JOINS = "SET LOCAL enable_nestloop = off"
_MANY = 500  # events

NEW_ROWS = 5_000  # fewer are planned well enough
_ONE_AT_A_TIME = 1146244468  # the lock's number: one more than that of people/unused.py
_EVENTS = """
SELECT coalesce(sum(events), 0)::bigint FROM day_totals
WHERE project_id = ? AND coalesce(name_id = ?, true) AND day >= ? AND day <= ?
"""
_GOT_ALONE = "SELECT pg_try_advisory_xact_lock(?)"
# Tables of other owners are left alone: ANALYZE would only warn, each time.
_UNKNOWN = """
SELECT c.relname FROM pg_stat_user_tables AS s JOIN pg_class AS c ON c.oid = s.relid
WHERE s.relid IN ('semantic_events'::regclass, 'identities'::regclass, 'persons'::regclass)
  AND s.n_mod_since_analyze >= ? AND pg_has_role(c.relowner, 'USAGE')
  AND (coalesce(s.last_analyze, s.last_autoanalyze) IS NULL OR s.n_mod_since_analyze > c.reltuples)
ORDER BY c.relname
"""


def expect_many(connection: Connection, project_id: int, name_id: int | None, first_day: int, last_day: int) -> None:
    """Let the planner expect many events, in the caller's snapshot, if these days have many of the name (None: any)."""
    if connection.execute(_EVENTS, (project_id, name_id, first_day, last_day)).fetchall()[0][0] > _MANY:
        connection.execute(HASH_JOINS)


def refresh(database: Database) -> list[str]:
    """Count anew the tables that have doubled, at least, since they were last counted: their names."""
    return database.run(_refresh, LONG_WRITE_S) if database.read(_UNKNOWN, (NEW_ROWS,)) else []


def _refresh(connection: Connection) -> list[str]:
    if not connection.execute(_GOT_ALONE, (_ONE_AT_A_TIME,)).fetchall()[0][0]:
        return []
    unknown = [row[0] for row in connection.execute(_UNKNOWN, (NEW_ROWS,)).fetchall()]
    for table in unknown:
        connection.execute(f"ANALYZE {table}")
    return unknown
