"""The tables: made, brought up to date, or refused with one sentence (contract 13)."""

import time
from pathlib import Path

from psycopg import errors

from drengr.log import faults
from drengr.store.clock import now_ms
from drengr.store.errors import Busy, DatabaseError
from drengr.store.postgresql.connections import Connection
from drengr.store.postgresql.database import Database, commit
from drengr.store.results import Access

MIGRATIONS = Path(__file__).with_name("migrations")
OLDEST_VERSION = 14
_UPGRADE_S = 3600.0  # for all steps, which write every event anew at most once
_ONE_AT_A_TIME = 1146244466  # the lock's number: our application_id in an SQLite file
# Not to_regclass: its cache does not see what another made while this one waited for the lock.
_ABOUT = """
SELECT current_setting('server_version_num')::integer / 10000, current_setting('server_encoding'), current_schema(),
  EXISTS (SELECT FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
          WHERE n.nspname = current_schema() AND c.relname = 'semantic_events')
"""
_MAY_NOT = (
    "The role may not make or change tables in the schema {schema}; run `drengr db migrate` once as a role that may,"
    " then give this one its rights (docs/postgresql.md)."
)


def schema_sql() -> str:
    """The text of schema_postgresql.sql: beside this file in an installed wheel, at the top of a checkout."""
    name = "schema_postgresql.sql"
    installed = Path(__file__).with_name(name)
    return (installed if installed.exists() else Path(__file__).parents[3] / name).read_text("utf-8")


def has_tables(database: Database) -> bool:
    """Whether the schema has Drengr's tables; nothing is made.

    Raises  DatabaseError when the database can never be used
    """
    with database.snapshot() as connection:
        return _looked_at(connection)[1]


def pending_steps(database: Database) -> list[str]:
    """The names of the migrations that are still to be done. Raises DatabaseError."""
    with database.snapshot() as connection:
        return [path.stem for path in _pending(connection)] if _looked_at(connection)[1] else ["schema"]


def make_ready(database: Database, access: Access) -> None:
    """The schema has the tables, as far as this access goes (see drengr.store.open_store).

    Raises  DatabaseError
    """
    with database.snapshot() as connection:
        schema, there = _looked_at(connection)
        pending = _pending(connection) if there else []
    if there and (not pending or access == "inspect"):
        return
    if there and access != "upgrade":
        step = pending[0].stem
        raise DatabaseError(f"The tables are those of an older version of Drengr ({step}): drengr db migrate")
    if access in ("read", "inspect"):
        raise DatabaseError("The PostgreSQL database has no tables of Drengr's yet; start the service first.")
    if there:
        steps = ", ".join(path.stem for path in pending)
        faults.warning("The tables are brought up to date (%s); until that is done events are refused.", steps)
    try:
        with database.writing(time.monotonic() + _UPGRADE_S) as (connection, _):
            connection.execute("SELECT pg_advisory_xact_lock(?)", (_ONE_AT_A_TIME,))
            _make_or_migrate(connection)  # looked at anew: another may have done it meanwhile
            commit(connection)
    except (errors.QueryCanceled, Busy):
        raise DatabaseError(
            f"The tables were not made or brought up to date within {_UPGRADE_S / 60:.0f} minutes; all is as it was."
            " See in pg_stat_activity who keeps PostgreSQL from it, and start again."
        ) from None
    except errors.InsufficientPrivilege:
        raise DatabaseError(_MAY_NOT.format(schema=schema)) from None
    except errors.ReadOnlySqlTransaction:
        raise DatabaseError("PostgreSQL is read-only and has no tables of this version of Drengr yet.") from None
    except (errors.DuplicateTable, errors.DuplicateObject):
        raise DatabaseError(
            f"The schema {schema} holds tables of another program; give Drengr a database or a schema of its own."
        ) from None


def _looked_at(connection: Connection) -> tuple[str, bool]:
    """(the schema that is ours, whether its tables are there)."""
    version, encoding, schema, there = connection.execute(_ABOUT).fetchall()[0]
    if version < OLDEST_VERSION:
        raise DatabaseError(f"PostgreSQL {version} is too old; Drengr needs {OLDEST_VERSION} or newer.")
    if encoding != "UTF8":
        raise DatabaseError(f"The database's encoding is {encoding}; make one with: createdb --encoding UTF8 …")
    if schema is None:
        raise DatabaseError("No schema of the search_path is there for this role; make one, or set its search_path.")
    return schema, there


def _pending(connection: Connection) -> list[Path]:
    """The migrations that are still to be done.

    Raises  DatabaseError when another version has done more than one that is unknown here
    """
    known = {path.stem: path for path in sorted(MIGRATIONS.glob("[0-9]*.sql"))}
    applied = {row[0] for row in connection.execute("SELECT name FROM migrations").fetchall()}
    newer = sorted(applied - known.keys())
    if len(newer) > 1:  # by one: this service goes on while the others are upgraded
        raise DatabaseError(f"The tables are those of a newer version of Drengr ({newer[-1]}); upgrade the service.")
    return [path for name, path in known.items() if name not in applied]


def _make_or_migrate(connection: Connection) -> None:
    there = _looked_at(connection)[1]
    if not there:
        connection.execute(schema_sql())
    for path in _pending(connection):
        if there:
            connection.execute(path.read_text("utf-8"))
        # a new schema has nothing to catch up with: schema_postgresql.sql is the newest state
        connection.execute("INSERT INTO migrations (name, applied_at) VALUES (?, ?)", (path.stem, now_ms()))


