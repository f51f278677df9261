"""Transactions: how long they may take, and whether they are committed although nobody said so (contract 13)."""

import random
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from typing import Any, TypeVar

import psycopg
from psycopg import errors

from drengr.store.errors import StoreError, TooLong, Unreachable
from drengr.store.postgresql.connections import Connection, Connections, Statement

# A request waits half a second for its place (see api/gate.py), looks up its key, and then writes or reads: below 5 s
# in all, on the service's own clock.
LOOK_UP_S = 1.0
READ_S = 3.0
WRITE_S = 2.2
ASK_AGAIN_S = 0.8  # past WRITE_S: what became of a COMMIT whose answer did not come
LONG_WRITE_S = 25.0  # history: followers look back 60 s, and no transaction may take longer than 30
LONG_READ_S = 3600.0  # verify

_LONGEST_PAUSE_S = 5.0  # between two statements of a transaction that writes
_ASK_EVERY_S = 0.05
_LITTLE_S = 0.01
_WORK_MEM = "64MB"  # for one sort or table of people; the default of 4 would go to the disk
_TRIALS = 6
_PAUSE_S = 0.02  # at most, before the second trial; longer before each later one
_STATUS = "SELECT pg_xact_status(?::xid8)"
_IS_THERE = "SELECT count(*) FROM semantic_events WHERE project_id = ? AND dedup_key = ?::bytea AND id = ?"

R = TypeVar("R")
EventRow = tuple[int, bytes, int]  # its project_id, dedup_key, id
Answers = list[list[tuple[Any, ...]]]  # the rows of each statement


class LostCommit(Exception):
    """The connection broke while it was committing.

    transaction  its number
    row          an event that it inserted, if it did
    """

    def __init__(self, transaction: str, row: EventRow | None) -> None:
        super().__init__(transaction)
        self.transaction = transaction
        self.row = row


class Database:
    """One database, through this process's connections.

    url          libpq's
    connections  the most that this process may hold
    synchronous  "FULL" | "NORMAL"
    """

    def __init__(self, url: str, connections: int, synchronous: str) -> None:
        self.connections = Connections(url, connections)
        self._limit = threading.local()  # .end: until when this thread may ask
        self._synchronous = "on" if synchronous == "FULL" else "off"

    def read(self, sql: str, parameters: Sequence[object] = (), seconds: float = LOOK_UP_S) -> list[tuple[Any, ...]]:
        """All rows of one quick query."""
        deadline = time.monotonic() + self._left(seconds)
        try:
            return self._rows(sql, parameters, deadline)
        except psycopg.OperationalError as error:
            if error.sqlstate is not None and error.sqlstate[:2] not in ("08", "57"):
                raise
            return self._rows(sql, parameters, deadline)  # the server was restarted since: a new connection may do

    @contextmanager
    def snapshot(self, seconds: float = READ_S, *, slow: bool = False) -> Iterator[Connection]:
        """A connection that sees one state of the database; it has its own limit on each statement."""
        seconds = self._left(seconds)
        with self._begun(lambda: _look(seconds), time.monotonic() + seconds, slow=slow) as (connection, _):
            yield connection
            connection.execute("ROLLBACK")

    def see_anew(self, connection: Connection, seconds: float = READ_S) -> None:
        """Let a snapshot's connection see the state of the database that is committed now."""
        connection.together((Statement("ROLLBACK"), *_look(self._left(seconds))))

    @contextmanager
    def limited(self, seconds: float) -> Iterator[None]:
        """What this thread reads inside takes no longer than that together, nor than limits outside. Raises TooLong."""
        outer: float | None = getattr(self._limit, "end", None)
        end = time.monotonic() + seconds
        self._limit.end = end if outer is None else min(end, outer)
        try:
            yield
        except StoreError:
            if time.monotonic() > self._limit.end - _LITTLE_S:
                raise TooLong(seconds) from None
            raise
        finally:
            self._limit.end = outer

    def _left(self, seconds: float) -> float:
        """How long this thread may read now, at most so long. Raises TooLong when its time is over."""
        end: float | None = getattr(self._limit, "end", None)
        if end is None:
            return seconds
        left = end - time.monotonic()
        if left < _LITTLE_S:
            raise TooLong(seconds)
        return min(seconds, left)

    @contextmanager
    def writing(
        self, deadline: float, *, slow: bool = False, first: Callable[[], Sequence[Statement]] = tuple
    ) -> Iterator[tuple[Connection, Answers]]:
        """(a connection in a transaction, which `commit` ends, else all is taken back; what `first` answered).

        first  what the transaction begins with, in one message with its BEGIN; called once there is a connection
        """
        # idle_in_transaction: a process that is stopped must not hold a transaction for longer than followers look back
        begin = (
            Statement("BEGIN ISOLATION LEVEL READ COMMITTED"),
            Statement(f"SET LOCAL synchronous_commit = {self._synchronous}"),
            Statement("SET LOCAL statement_timeout = ?", (_ms(max(deadline - time.monotonic(), 0.1)),)),
            Statement("SET LOCAL idle_in_transaction_session_timeout = ?", (_ms(_LONGEST_PAUSE_S),)),
            Statement("SELECT pg_current_xact_id()::text"),
        )
        with self._begun(lambda: (*begin, *first()), deadline, slow=slow) as (connection, answers):
            connection.transaction = answers[len(begin) - 1][0][0]
            yield connection, answers[len(begin) :]

    def run(self, work: Callable[[Connection], R], seconds: float = WRITE_S) -> R:
        """What `work(connection)` returned, once its transaction is committed; see `again`."""
        deadline = time.monotonic() + seconds

        def once() -> R:
            try:
                with self.writing(deadline, slow=seconds > WRITE_S) as (connection, _):
                    result = work(connection)
                    commit(connection)
            except LostCommit as lost:
                self.find_out(lost, deadline + ASK_AGAIN_S)
            return result

        return again(once, deadline)

    def find_out(self, lost: LostCommit, deadline: float) -> None:
        """Returns when the transaction is committed. Raises StoreError when it is not, or cannot be known in time.

        While its server process has not noticed yet that nobody listens, it is still in progress. The status alone may
        be another's: a server that crashed before it had written the number to its disk gives it out once more.
        """
        status = None
        while status in (None, "in progress") and time.monotonic() < deadline:
            with suppress(psycopg.Error, StoreError):
                status = self._rows(_STATUS, (lost.transaction,), deadline)[0][0]
                if status == "committed" and lost.row and not self._rows(_IS_THERE, lost.row, deadline)[0][0]:
                    status = "aborted"
            time.sleep(_ASK_EVERY_S)
        if status != "committed":
            known = "nothing was stored" if status == "aborted" else "what became of it is not known"
            raise Unreachable(f"PostgreSQL broke the connection while it was committing; {known}.")

    def close(self) -> None:
        """Hang up."""
        self.connections.close()

    def _rows(self, sql: str, parameters: Sequence[object], deadline: float) -> list[tuple[Any, ...]]:
        with self.connections.lent(deadline) as connection:
            return connection.execute(sql, parameters).fetchall()

    @contextmanager
    def _begun(
        self, begin: Callable[[], Sequence[Statement]], deadline: float, *, slow: bool = False
    ) -> Iterator[tuple[Connection, Answers]]:
        """(a connection after this beginning of a transaction, what it answered); the block's error rolls back."""
        with ExitStack() as stack:

            def lent() -> Connection:
                connection = stack.enter_context(self.connections.lent(deadline, slow=slow))
                stack.callback(_take_back, connection)
                return connection

            connection, statements = lent(), begin()
            try:
                answers = connection.together(statements)
            except psycopg.OperationalError:
                if not connection.raw.closed:
                    raise
                stack.close()  # the server was restarted since: a new connection may do
                connection = lent()
                answers = connection.together(statements)
            yield connection, answers


def _look(seconds: float) -> tuple[Statement, ...]:
    """The beginning of a transaction that reads."""
    return (
        Statement("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"),
        Statement("SET LOCAL statement_timeout = ?", (_ms(seconds),)),
        Statement("SET LOCAL jit = off"),
        Statement(f"SET LOCAL work_mem = '{_WORK_MEM}'"),
    )


def _take_back(connection: Connection) -> None:
    """End what was begun and is not committed."""
    if not connection.is_idle and not connection.raw.closed:
        with suppress(psycopg.Error):
            connection.execute("ROLLBACK")


def again(write: Callable[[], R], deadline: float) -> R:
    """What the write returned. While others are in its way it is tried again, a few times, up to the deadline.

    That is: PostgreSQL ended the transaction, because two waited for each other, or it would not wait for a lock.
    """
    for trial in range(_TRIALS):
        try:
            return write()
        except (errors.DeadlockDetected, errors.LockNotAvailable):
            if trial == _TRIALS - 1 or time.monotonic() > deadline:
                raise
        time.sleep(random.uniform(0, _PAUSE_S) * (trial + 1))
    raise AssertionError  # the last trial returned or raised


def commit(connection: Connection, row: EventRow | None = None, last: Iterable[Statement] = ()) -> None:
    """Commit, with these last statements, in one message.

    row     an event that was inserted, if one was
    Raises  LostCommit when nobody says whether it was done
    """
    # The statement's limit is lifted: a COMMIT that waits for a standby would give up that wait and say COMMIT all the
    # same.
    statements = (*last, Statement("SET LOCAL statement_timeout = 0"), Statement("COMMIT"))
    try:
        connection.together(statements)
    except psycopg.Error as error:
        if connection.raw.closed:
            raise LostCommit(connection.transaction, row) from error
        raise


def _ms(seconds: float) -> int:
    return round(seconds * 1000)
