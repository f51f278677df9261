"""Open the file: recognise it, migrate it, hand out connections (contract 2, 7)."""

import fcntl
import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from peewee import PeeweeException, SqliteDatabase
from playhouse.migrations import Runner

from drengr.store.errors import DatabaseError

APPLICATION_ID = 1146244466  # as in schema.sql
MIGRATIONS = Path(__file__).with_name("migrations")

# Checkpoints every 64 MB instead of 4 made inserts into 10 million rows 30 % faster; a reader never waits for one.
_PRAGMAS = {"journal_mode": "wal", "wal_autocheckpoint": 16000, "foreign_keys": 1, "busy_timeout": 5000}
_WRITER_CACHE_KIB = -16384
_READER_CACHE_KIB = -2048


class Database:
    """One SQLite file: a connection per reading thread, and one connection for whoever's turn it is to write.

    path         of the file; made with its tables when missing
    synchronous  "FULL" | "NORMAL"
    Raises       DatabaseError
    """

    def __init__(self, path: str, synchronous: str = "FULL") -> None:
        self.path = os.path.abspath(path)
        _make_ready(self.path)
        self.readers = SqliteDatabase(self.path, pragmas={**_PRAGMAS, "cache_size": _READER_CACHE_KIB, "query_only": 1})
        self._writer = SqliteDatabase(
            self.path,
            pragmas={**_PRAGMAS, "cache_size": _WRITER_CACHE_KIB, "synchronous": synchronous},
            thread_safe=False,
            check_same_thread=False,
        )
        self._writer.connect()
        self.writing_connection().execute("SELECT count(*) FROM projects").fetchone()  # opens the -wal file too
        self.writing_connection().execute("PRAGMA busy_timeout = 0")  # GroupCommit does the waiting
        self._identity = self._file_identity()

    def read(self, sql: str, parameters: tuple = ()) -> list[tuple]:
        """All rows of a query, on this thread's own connection."""
        return self.reading_connection().execute(sql, parameters).fetchall()

    def reading_connection(self) -> sqlite3.Connection:
        """This thread's connection; it cannot write."""
        if self.readers.is_closed():
            self.check_still_there()  # or a new thread would read whatever lies there now, and refuse good keys
        return self.readers.connection()

    def writing_connection(self) -> sqlite3.Connection:
        """The one connection that writes. Only GroupCommit's leader may use it."""
        return self._writer.connection()

    def check_still_there(self) -> None:
        """Raises DatabaseError when the file was deleted or replaced: what is written now would vanish."""
        if self._file_identity() != self._identity:
            raise DatabaseError(
                f"{self.path} was deleted or replaced while in use; restart the service.",
                "the database was deleted or replaced while in use; the service must be restarted",
            )

    def close(self) -> None:
        """Close this thread's connections."""
        self._writer.close()
        self.readers.close()

    def _file_identity(self) -> tuple[int, ...] | None:
        try:
            found, *beside = (os.stat(self.path + ending) for ending in ("", "-wal", "-shm"))
        except OSError:
            return None
        return found.st_dev, found.st_ino, *(file.st_ino for file in beside)


@contextmanager
def file_lock(path: str) -> Iterator[None]:
    """Hold an exclusive lock on a file beside the database, waiting for whoever holds it."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def schema_sql() -> str:
    """The text of schema.sql: beside this file in an installed wheel, at the top of a checkout."""
    installed = Path(__file__).with_name("schema.sql")
    return (installed if installed.exists() else Path(__file__).parents[3] / "schema.sql").read_text("utf-8")


def _make_ready(path: str) -> None:
    """The file exists, is ours, and has every migration."""
    folder = os.path.dirname(path)
    if not os.path.isdir(folder):
        raise DatabaseError(f"The folder {folder} does not exist; make it or set DRENGR_DATABASE to another path.")
    if os.path.isdir(path):
        raise DatabaseError(f"{path} is a folder; set DRENGR_DATABASE to the path of a file.")
    try:
        with file_lock(path + "-lock"):
            _migrate(path)
    except (sqlite3.DatabaseError, PeeweeException) as error:
        raise DatabaseError(_sentence(path, error)) from error
    except OSError as error:
        raise DatabaseError(f"{path} cannot be used: {error.strerror}. Check who owns the folder.") from error


def _migrate(path: str) -> None:
    connection = sqlite3.connect(path, isolation_level=None)
    try:
        found_tables = connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0]
        found_id = connection.execute("PRAGMA application_id").fetchone()[0]
        if found_tables and found_id != APPLICATION_ID:
            raise DatabaseError(f"{path} is a SQLite file of another program; set DRENGR_DATABASE to another path.")
        connection.execute("PRAGMA journal_mode = wal")
        if not found_tables:
            connection.executescript(f"BEGIN IMMEDIATE; {schema_sql()} COMMIT;")
    finally:
        connection.close()
    _run_migrations(path, fresh=not found_tables)


def _run_migrations(path: str, *, fresh: bool) -> None:
    database = SqliteDatabase(path)
    with database.connection_context():
        runner = Runner(database, str(MIGRATIONS))
        steps = runner.status()
        if fresh or not any(step.applied for step in steps):
            # schema.sql is the newest state: a new file has nothing to catch up with. (Nothing applied in a file with
            # tables: the process that made it died between the two steps.)
            runner.fake()
            return
        newer = [step.name for step in steps if step.path is None]
        if newer:
            raise DatabaseError(f"{path} was written by a newer version of Drengr ({newer[-1]}); upgrade the service.")
        pending = [step.name for step in steps if not step.applied]
        if pending:
            _back_up(path, f"{path}.before-{pending[0]}")
            runner.up()


def _back_up(path: str, copy: str) -> None:
    with sqlite3.connect(path) as source, sqlite3.connect(copy) as target:
        source.backup(target)
    source.close()
    target.close()


def _sentence(path: str, error: Exception) -> str:
    text = str(error)
    if "not a database" in text:
        return f"{path} is no SQLite database; set DRENGR_DATABASE to another path."
    if "readonly" in text or "unable to open" in text:
        return f"{path} cannot be opened for writing ({text}); check who owns the file and its folder."
    return f"{path} cannot be used: {text}."
