"""What stays of the database that is there when a backup takes its place (contract 9, Restore).

Only events and what counts them go back; every other table stays as the database has it.
"""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any, NamedTuple

from drengr.store.errors import DatabaseError
from drengr.store.sqlite import migrate
from drengr.store.sqlite.connections import connect
from drengr.store.sqlite.people.devices import keep_marks

# Events, the words they hold by number, and what counts them. Every other table stays as the database has it.
GO_BACK = frozenset(
    {
        "semantic_events", "event_names", "origins", "identities", "persons", "person_days", "day_people", "day_sets",
        "day_totals", "hour_totals", "live_usage", "ledger_days", "problems", "imports", "import_ids",
        "import_progress", "heartbeat",
    }
)  # fmt: skip
_ITS_OWN = frozenset({"schema_migration"})  # of each file
ENDS = ("session_projects", "sessions")  # whoever is signed in signs in again
_BUSY = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)
_UNREADABLE = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_ERROR)

Table = tuple[list[str], list[tuple[Any, ...]]]  # columns, rows


class Kept(NamedTuple):
    """What stays of the database that is there."""

    tables: dict[str, Table]
    sequences: dict[str, int]  # the highest number that each table ever gave out

    @property
    def database_id(self) -> str | None:
        columns, rows = self.tables.get("identity", ([], []))
        return str(rows[0][columns.index("database_id")]) if rows else None

    @property
    def projects(self) -> dict[int, str]:
        columns, rows = self.tables["projects"]
        return {row[columns.index("id")]: row[columns.index("uuid")] for row in rows}


@contextmanager
def held(path: str, without_old: bool) -> Iterator[Kept | None]:
    """What stays of the database that is there; its -wal is folded in, and nobody else has it until the end.

    None: there is none, or it cannot be read, if that is allowed. A program that had it open would, when it ends,
    delete the -wal of whichever database has the name then.
    """
    if not os.path.exists(path) or not os.path.getsize(path):
        yield None
        return
    old = os.stat(path)
    try:
        connection, kept = _taken(path)
    except sqlite3.DatabaseError as error:
        _must_be_unreadable(path, error, without_old)
        yield None
        return
    with closing(connection):
        try:
            yield kept
        finally:
            connection.execute("ROLLBACK")
            if os.path.samestat(old, os.stat(path)):  # else it would make a -wal beside the new one
                connection.execute("PRAGMA journal_mode = wal")


def _taken(path: str) -> tuple[sqlite3.Connection, Kept | None]:
    """A connection that has the file alone, and what it keeps. Raises sqlite3.DatabaseError."""
    migrate.missing(path, path)
    connection = connect(path)
    try:
        connection.execute("PRAGMA journal_mode = delete")
        connection.execute("BEGIN EXCLUSIVE")
        return connection, _read(connection)
    except BaseException:
        connection.close()
        raise


def _must_be_unreadable(path: str, error: sqlite3.DatabaseError, without_old: bool) -> None:
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    if code in _BUSY:
        raise DatabaseError(f"{path} is open in another program; close it first.") from error
    if code not in _UNREADABLE:
        raise error
    if not without_old:
        raise DatabaseError(
            f"{path} cannot be read ({error}), so its projects, keys and settings cannot be kept;"
            " with --without-erasures those of the backup are taken."
        ) from error


def _read(connection: sqlite3.Connection) -> Kept | None:
    found = [row[0] for row in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")]
    names = {name for name in found if not name.startswith("sqlite_")} - GO_BACK - _ITS_OWN - set(ENDS)
    if "projects" not in names:  # whoever made it died before it had tables
        return None
    tables = {name: _rows(connection, name) for name in sorted(names)}
    has_sequences = connection.execute("SELECT 1 FROM sqlite_schema WHERE name = 'sqlite_sequence'").fetchone()
    sequences = dict(connection.execute("SELECT name, seq FROM sqlite_sequence")) if has_sequences else {}
    return Kept(tables, sequences)


def _rows(connection: sqlite3.Connection, table: str) -> Table:
    found = connection.execute(f"SELECT * FROM {table}")
    return [column[0] for column in found.description], found.fetchall()


def carry_over(connection: sqlite3.Connection, kept: Kept, projects: dict[int, str]) -> bool:
    """Put what stays into the copy; whether a project that is no more took events along."""
    gone = [(number,) for number in projects if number not in kept.projects]
    connection.execute("BEGIN")
    for table in sorted(GO_BACK) if gone else ():
        if "project_id" in _columns(connection, table):
            connection.executemany(f"DELETE FROM {table} WHERE project_id = ?", gone)
    for table, (columns, rows) in kept.tables.items():
        known = [column for column in columns if column in _columns(connection, table)]
        if known:
            places = [columns.index(column) for column in known]
            connection.execute(f"DELETE FROM {table}")
            connection.executemany(
                f"INSERT INTO {table} ({', '.join(known)}) VALUES ({', '.join('?' * len(known))})",
                ([row[at] for at in places] for row in rows),
            )
    for table, number in kept.sequences.items():  # what was given out since the backup is not given out again
        raised = "UPDATE sqlite_sequence SET seq = max(seq, ?) WHERE name = ?"
        if not connection.execute(raised, (number, table)).rowcount:
            connection.execute("INSERT INTO sqlite_sequence (seq, name) VALUES (?, ?)", (number, table))
    connection.execute("UPDATE identity SET words = randomblob(16)")
    keep_marks(connection)
    orphans = connection.execute("PRAGMA foreign_key_check").fetchone()
    if orphans:
        raise DatabaseError(f"What stays and what goes back do not fit: {orphans[0]} points to no row of {orphans[2]}.")
    connection.execute("COMMIT")
    return bool(gone)


def _columns(connection: sqlite3.Connection, table: str) -> set[str]:
    return {row[0] for row in connection.execute("SELECT name FROM pragma_table_info(?)", (table,))}
