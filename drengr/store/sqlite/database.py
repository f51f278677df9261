"""One SQLite file: its connections, and the proof that it is still there (contract 2, 7)."""

import os
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from drengr.store.errors import DatabaseError
from drengr.store.results import Access, Project
from drengr.store.sqlite import migrate, place
from drengr.store.sqlite.connections import Readers, connect
from drengr.store.sqlite.history import History

# Checkpoints every 64 MB instead of 4 made inserts into 10 million rows 30 % faster; a reader never waits for one.
# While somebody reads one state for long (a backup) the -wal grows; afterwards it is cut back to its usual size.
_PAGES_OF_WAL, _BYTES_OF_WAL = 16000, 1 << 26
_WRITER: dict[str, int] = {
    "wal_autocheckpoint": _PAGES_OF_WAL, "journal_size_limit": _BYTES_OF_WAL, "cache_size": -16384,
}  # fmt: skip
_READER: dict[str, int] = {"cache_size": -2048, "query_only": 1}


class Database:
    """One SQLite file: a connection per reading thread, and one connection for whoever's turn it is to write.

    path         of the file, or a link to it
    synchronous  "FULL" | "NORMAL"
    access       see drengr.store.open_store
    Raises       DatabaseError
    """

    def __init__(self, path: str, synchronous: str = "FULL", access: Access = "write") -> None:
        self._asked = os.path.abspath(path)
        self.path = place.resolved(path)
        self._log, self._log_index = self.path + "-wal", self.path + "-shm"
        self.is_read_only = access in ("read", "inspect") and not place.is_writable(self.path)
        self._lock: place.UseLock | None = None
        self._writer: sqlite3.Connection | None = None
        self.history: History | None = None
        self.readers = Readers(self._opened_reader)
        self._identity: tuple[int, ...] = ()
        try:
            with place.in_plain_words(self.path):
                self._open(synchronous, access)
        except BaseException:
            self.close()
            raise

    def read(self, sql: str, parameters: Sequence[object] | Mapping[str, object] = ()) -> list[tuple[Any, ...]]:
        """All rows of a query, on this thread's own connection."""
        return self.reading_connection().execute(sql, parameters).fetchall()

    def reading_connection(self) -> sqlite3.Connection:
        """This thread's connection; it cannot write."""
        return self.readers.connection()

    @contextmanager
    def snapshot(self) -> Iterator[sqlite3.Connection]:
        """This thread's connection, looking at one state of the file: totals and events must not drift apart."""
        connection = self.reading_connection()
        connection.execute("BEGIN")
        try:
            yield connection
        finally:
            if connection.in_transaction:
                connection.execute("ROLLBACK")

    def writing_connection(self) -> sqlite3.Connection:
        """The one connection that writes. Only GroupCommit's leader may use it."""
        if self._writer is None:
            raise DatabaseError(place.unwritable_sentence(self.path), "the database cannot be written")
        return self._writer

    def met(self, project: Project) -> Project:
        """The project, whose number means it from now on. Raises DatabaseError when that number meant another one."""
        return project if self.history is None else self.history.met(project)

    def check_before(self, connection: sqlite3.Connection) -> None:
        """At the begin of a transaction that writes: raises DatabaseError when this process must not go on."""
        if self.history is None:
            raise DatabaseError(f"{self.path} was written by an older version of Drengr; {migrate.HOW_TO_UPGRADE}.")
        self.history.check(connection)
        if self.history.is_written_to():
            self.check_still_there()
            self.history.compare(connection)

    def words(self, connection: sqlite3.Connection) -> bytes:
        """What `committed` wants, asked before COMMIT."""
        return b"" if self.history is None else self.history.words(connection)

    def committed(self, words: bytes | None) -> None:
        """After COMMIT: raises DatabaseError when it went into a file that is gone. No words: they are as they were."""
        if self.history is not None and words is not None:
            self.history.committed(words)
        self.check_still_there()

    def check_still_there(self) -> None:
        """Raises DatabaseError when the file was deleted or replaced: what is written now would vanish."""
        if self._file_identity() != self._identity:
            raise DatabaseError(
                f"{self._asked} was deleted or replaced while in use; restart the service.",
                "the database was deleted or replaced while in use; the service must be restarted",
            )

    def close(self) -> None:
        """Close every connection, of all threads."""
        if self._writer is not None:
            self._writer.close()
        self.readers.close_all()
        if self._lock is not None:
            self._lock.close()

    def _open(self, synchronous: str, access: Access) -> None:
        self._lock = place.UseLock(self.path)
        is_older = migrate.make_ready(self.path, self._lock, access)
        if not self.is_read_only:
            self._writer = self._opened_writer(synchronous)
        connection = self._writer or self.readers.connection()
        connection.execute("SELECT count(*) FROM projects").fetchone()  # opens the -wal file too
        if not is_older:
            self.history = History(self.path, connection)
        self._identity = self._file_identity()

    def _opened_writer(self, synchronous: str) -> sqlite3.Connection:
        writer = connect(self.path, "rw", synchronous=synchronous, **_WRITER)
        writer.execute("PRAGMA busy_timeout = 0")  # GroupCommit does the waiting
        return writer

    def _opened_reader(self) -> sqlite3.Connection:
        """Never of a file that took the place of ours: it would refuse good keys."""
        if self._identity:
            self.check_still_there()
        if not self.is_read_only:
            return connect(self.path, "rw", **_READER)
        has_log = os.path.exists(self.path + "-wal")
        return connect(self.path, "ro" if has_log else "immutable", **_READER)

    def _file_identity(self) -> tuple[int, ...]:
        """Of the file that the path leads to, and of what SQLite keeps beside the real one; empty when it is gone.

        A file that nobody writes has nothing beside it: what appears there is a writer, and what was read is old.
        """
        try:
            found = os.stat(self._asked)
            if not self.is_read_only:
                return found.st_dev, found.st_ino, os.stat(self._log).st_ino, os.stat(self._log_index).st_ino
        except OSError:
            return ()
        return found.st_dev, found.st_ino, _inode(self._log), _inode(self._log_index)


def _inode(path: str) -> int:
    try:
        return os.stat(path).st_ino
    except OSError:
        return 0
