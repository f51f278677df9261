"""A worker's few connections: opened when they are needed, lent for one verb, never waited for past its deadline."""

import select
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from functools import lru_cache
from queue import Empty, LifoQueue
from secrets import randbelow
from typing import Any, NamedTuple

import psycopg
from psycopg.conninfo import conninfo_to_dict
from psycopg.pq import TransactionStatus

from drengr.store.errors import Busy, Unreachable
from drengr.store.postgresql.sentences import cannot_connect
from drengr.store.postgresql.watchdog import Watchdog

SLOTS = 16  # rows that one total is spread over, see schema_postgresql.sql
_ROWS_AT_ONCE = 10_000  # of a stream
_CONNECT_S = 3  # unless the URL says something else


class Statement(NamedTuple):
    """SQL with ? for a parameter, and the parameters."""

    sql: str
    values: Sequence[object] = ()


class Connection:
    """One connection in autocommit; statements have ? for a parameter, as the other store's do.

    slot         which row of a total it adds to, so that connections seldom wait for each other
    transaction  the number by which PostgreSQL knows the last one that was to write
    """

    def __init__(self, url: str) -> None:
        given = conninfo_to_dict(url)
        more: dict[str, Any] = {} if "connect_timeout" in given else {"connect_timeout": _CONNECT_S}
        # Prepared statements are off, as is all else that a session would have to remember: PgBouncer gives each
        # transaction another one.
        self.raw: psycopg.Connection[tuple[Any, ...]] = psycopg.connect(
            url, autocommit=True, prepare_threshold=None, client_encoding="UTF8",
            fallback_application_name="drengr", **more,
        )  # fmt: skip
        self.slot = randbelow(SLOTS)
        self.transaction = ""

    def execute(self, sql: str, parameters: Sequence[object] = ()) -> psycopg.Cursor[tuple[Any, ...]]:
        """The cursor after one statement; without parameters also after several."""
        return self.raw.execute(_with_placeholders(sql).encode(), parameters or None)

    def together(self, statements: Sequence[Statement]) -> list[list[tuple[Any, ...]]]:
        """The rows of each statement; all go in one message, to and fro once, the parameters written into them."""
        cursor = psycopg.ClientCursor(self.raw)
        values = [value for statement in statements for value in statement.values]
        cursor.execute(_with_placeholders("; ".join(sql for sql, _ in statements)).encode(), values or None)
        answers = [cursor.fetchall() if cursor.description else []]
        while cursor.nextset():
            answers.append(cursor.fetchall() if cursor.description else [])
        return answers

    def executemany(self, sql: str, rows: Sequence[Sequence[object]]) -> None:
        """The statement with each row, sent together."""
        self.raw.cursor().executemany(_with_placeholders(sql).encode(), rows)

    def stream(self, sql: str, parameters: Sequence[object] = ()) -> Iterator[tuple[Any, ...]]:
        """The rows of a query within a transaction; no more than some thousands of them are here at once."""
        self.raw.execute("SET LOCAL cursor_tuple_fraction = 1")  # all of them are wanted, not the first ones soon
        with self.raw.cursor(name="stream") as cursor:
            cursor.itersize = _ROWS_AT_ONCE
            cursor.execute(_with_placeholders(sql).encode(), parameters or None)
            yield from cursor

    @property
    def descriptor(self) -> int:
        """Of its socket."""
        return self.raw.pgconn.socket

    @property
    def is_idle(self) -> bool:
        """Whether it can be lent again."""
        return not self.raw.closed and self.raw.info.transaction_status == TransactionStatus.IDLE

    @property
    def was_hung_up(self) -> bool:
        """Whether the server sent something unasked: it does so only when it closes the connection."""
        poll = select.poll()
        poll.register(self.descriptor, select.POLLIN)
        return bool(poll.poll(0))

    def close(self) -> None:
        """Hang up."""
        self.raw.close()


class Connections:
    """At most so many connections of one process. The last one given back is the next one lent."""

    def __init__(self, url: str, most: int) -> None:
        self._url = url
        self._places: LifoQueue[Connection | None] = LifoQueue()  # None: may be opened
        self._most = most
        for _ in range(most):
            self._places.put(None)
        self._slow = threading.BoundedSemaphore(max(1, most // 2))
        self._watchdog = Watchdog()

    @contextmanager
    def lent(self, deadline: float, *, slow: bool = False) -> Iterator[Connection]:
        """A connection until the end of the block, or until the deadline, monotonic seconds.

        slow    for a verb that may take long: those have half of the connections, so that short ones find one
        Raises  Busy, Unreachable, DatabaseError, psycopg.Error
        """
        if slow and not self._slow.acquire(timeout=_left(deadline)):
            raise Busy("too many long questions are being answered")
        try:
            with self._taken(deadline) as connection:
                yield connection
        finally:
            if slow:
                self._slow.release()

    def close(self) -> None:
        """Hang up all that are not lent."""
        self._watchdog.end()
        for connection in self._idle():
            connection.close()

    def _idle(self) -> list[Connection]:
        """The open connections that nobody uses, taken out of their places."""
        places = []
        with suppress(Empty):
            while True:
                places.append(self._places.get_nowait())
        for _ in places:
            self._places.put(None)
        return [connection for connection in places if connection is not None]

    @contextmanager
    def _taken(self, deadline: float) -> Iterator[Connection]:
        try:
            connection = self._places.get(timeout=_left(deadline))
        except Empty:
            raise Busy("every connection to the database is busy") from None
        if connection is not None and connection.was_hung_up:
            connection.close()
            connection = None
        if connection is None:
            connection = self._opened(deadline)
        try:
            with self._watchdog.watching(connection.descriptor, deadline):
                yield connection
        except TimeoutError:
            raise Busy("the database did not answer in time") from None
        finally:
            if not connection.is_idle:
                connection.close()
            self._places.put(None if connection.raw.closed else connection)

    def _opened(self, deadline: float) -> Connection:
        """A new connection. Another thread opens it: looking up a host's name knows no deadline."""
        opening: Future[Connection] = Future()
        threading.Thread(target=self._open, args=(opening,), daemon=True).start()
        try:
            return opening.result(_left(deadline))
        except TimeoutError:
            if opening.cancel():  # the place comes back with what the other thread gets
                raise Unreachable("PostgreSQL cannot be reached in time.") from None
            return opening.result()  # it came at this very moment

    def _open(self, opening: "Future[Connection]") -> None:
        try:
            connection = Connection(self._url)
        except Exception as error:
            self._places.put(None)
            if opening.set_running_or_notify_cancel():
                opening.set_exception(cannot_connect(error) if isinstance(error, psycopg.Error) else error)
            return
        if opening.set_running_or_notify_cancel():
            opening.set_result(connection)
        else:
            self._places.put(connection)


def _left(deadline: float) -> float:
    return max(0.0, deadline - time.monotonic())


@lru_cache(maxsize=512)
def _with_placeholders(sql: str) -> str:
    return sql.replace("%", "%%").replace("?", "%s") if "?" in sql else sql
