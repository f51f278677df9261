"""Connections to the file: how one is opened, and one for each thread that reads."""

import sqlite3
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol
from urllib.parse import quote
from weakref import WeakSet

# Temporary tables and the journals of savepoints lie in memory: SQLite's temporary folder may be full or read-only, and
# pages of events have no business there. What is deleted is overwritten (contract 9): that costs nothing until then.
_ALWAYS = {"temp_store": "memory", "foreign_keys": 1, "secure_delete": 1}


def connect(path: str, mode: str = "rw", **pragmas: str | int) -> sqlite3.Connection:
    """A connection to a file that exists; a missing one is an error, never an empty database.

    mode     "rw" | "ro" | "immutable": read-only, of a file that nobody writes
    pragmas  to set, such as cache_size=-2048
    """
    connection = sqlite3.connect(uri(path, mode), uri=True, timeout=5, isolation_level=None, check_same_thread=False)
    try:
        for name, value in (_ALWAYS | pragmas).items():
            connection.execute(f"PRAGMA {name} = {value}")
    except BaseException:
        connection.close()
        raise
    return connection


def uri(path: str, mode: str = "rw") -> str:
    """The address by which SQLite opens a file without making one.

    >>> uri("/data/a?b.db")
    'file:///data/a%3Fb.db?mode=rw'
    """
    return f"file://{quote(path)}?mode=ro&immutable=1" if mode == "immutable" else f"file://{quote(path)}?mode={mode}"


class Readable(Protocol):
    """A file that is asked."""

    def read(self, sql: str, parameters: Sequence[object] | Mapping[str, object] = ()) -> list[tuple[Any, ...]]:
        """All rows of a query."""

    def reading_connection(self) -> sqlite3.Connection:
        """The connection that reads it."""


class Readers:
    """A connection for each thread that asks for one; closed when the thread ends or close_all() is called."""

    def __init__(self, opened: Callable[[], sqlite3.Connection]) -> None:
        self._opened = opened
        self._of_thread = threading.local()
        self._all: WeakSet[_Reader] = WeakSet()

    def connection(self) -> sqlite3.Connection:
        """This thread's."""
        reader: _Reader | None = getattr(self._of_thread, "reader", None)
        if reader is None or reader.connection is None:
            reader = self._of_thread.reader = _Reader(self._opened())
            self._all.add(reader)
        assert reader.connection is not None
        return reader.connection

    def close(self) -> None:
        """Close this thread's."""
        reader: _Reader | None = getattr(self._of_thread, "reader", None)
        if reader is not None:
            reader.close()

    def close_all(self) -> None:
        """Close every thread's."""
        for reader in list(self._all):
            reader.close()


class _Reader:
    """Closes its connection when the last name for it is gone: a thread that ends has no other last word."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self.connection: sqlite3.Connection | None = connection

    def close(self) -> None:
        if self.connection is not None:
            self.connection.close()
            self.connection = None

    def __del__(self) -> None:
        self.close()
