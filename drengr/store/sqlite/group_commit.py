"""One transaction for all the writes that wait, one writing process at a time (contract 4: 200 means stored).

Every flush to disk costs the same, however much it carries. So the thread that finds nobody writing becomes the
leader: it takes all that waits, runs it in one transaction, and hands the lead to the first who came meanwhile.
Between processes a file lock gives turns in order, where SQLite's own busy handler would sleep and starve.
"""

import fcntl
import os
import sqlite3
import threading
import time
from collections import deque
from collections.abc import Callable
from functools import partial
from typing import Any

from drengr.store.errors import Busy, DatabaseError
from drengr.store.sqlite.database import Database
from drengr.store.sqlite.place import open_private

LONGEST_WAIT_S = 8.0  # SDKs give up and resend after 10 s: an answer must come before
MOST_ROWS = 10_000  # of one transaction, unless a single write has more
MANY_ROWS = 50  # what a transaction of fewer rows takes says little about a row
HISTORY_ROWS = 5000  # some 50 to 100 ms; 2,000 cost a tenth more
_FEWEST_ROWS = 50
_SHORT_S = 0.005
_ALONE_S = 3.0  # after so long without anybody waiting, history may take longer
_LOOKS_S = 0.5  # at the start, when nobody knows yet
_PAUSE_S = 0.0002  # between two looks at another process's lock
_DISK_REFUSES = (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR)

Work = Callable[[sqlite3.Connection], Any]


class _Ticket:
    """One write on its way: waits, is taken by a leader, ends with a result or an error."""

    __slots__ = ("deadline", "error", "leads", "result", "rows", "wake", "work")

    def __init__(self, work: Work, rows: int) -> None:
        self.work = work
        self.rows = rows
        self.deadline = time.monotonic() + LONGEST_WAIT_S
        self.result: Any = None
        self.error: BaseException | None = None
        self.leads = False
        self.wake = threading.Lock()
        self.wake.acquire()


class GroupCommit:
    """Runs writes. One per process and database."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._turn = FairTurn(database.path)
        self.pace = Pace()
        self.disk_refused = False  # a write, and none of its size has been proved possible since
        self._mutex = threading.Lock()
        self._waiting: deque[_Ticket] = deque()
        self._led = False
        self.observe: Callable[[float], None] = _unobserved

    def run(self, work: Work, rows: int = 1) -> Any:
        """What `work(connection)` returned, once its transaction is committed.

        work    executes SQL on the connection it is given; shares the transaction with others, but when it raises,
                only its own statements are undone and only its caller sees the error (see also _run_together)
        rows    about how many it writes
        Raises  Busy when its turn did not come in time; DatabaseError, sqlite3.Error when nothing could be stored
        """
        ticket = _Ticket(work, rows)
        with self._mutex:
            self._waiting.append(ticket)
            ticket.leads = not self._led
            self._led = True
        if not ticket.leads:
            self._wait(ticket)
        if ticket.leads:
            self._lead(ticket)
        if ticket.error is not None:
            raise ticket.error
        return ticket.result

    def close(self) -> None:
        """Close the lock file; the next write opens it again."""
        self._turn.close()

    def _wait(self, ticket: _Ticket) -> None:
        """Until the write is done or its ticket is to lead."""
        if ticket.wake.acquire(timeout=LONGEST_WAIT_S):
            return
        with self._mutex:
            if ticket.leads:
                return
            if ticket in self._waiting:
                self._waiting.remove(ticket)
                raise Busy("the database is busy")
        ticket.wake.acquire()  # a leader has it: its outcome is near, and only that outcome is the truth

    def _lead(self, ticket: _Ticket) -> None:
        connection: sqlite3.Connection | None = None
        group: list[_Ticket] = []
        try:
            connection = self._database.writing_connection()
            self._begin(connection, ticket.deadline)
            begun = time.perf_counter()
            group = self._take_group()  # only now: many came while this process waited for its turn
            self._commit(connection, group)
            self.observe(time.perf_counter() - begun)
        except BaseException as error:  # whatever it was, every member of the group must learn of it
            group = group or self._take_group(alone=True)
            for member in group:
                member.error = member.error or error
            if isinstance(error, sqlite3.Error) and _primary_code(error) in _DISK_REFUSES:
                self.disk_refused = True
            if connection is not None and connection.in_transaction:  # last, because it may fail too
                connection.execute("ROLLBACK")
            if not isinstance(error, Exception):
                raise
        finally:
            with self._mutex:
                next_leader = self._waiting[0] if self._waiting else None
                self._led = next_leader is not None
                if next_leader is not None:
                    next_leader.leads = True
            if next_leader is not None:
                next_leader.wake.release()
            for member in group:
                if not member.leads:
                    member.wake.release()

    def _take_group(self, *, alone: bool = False) -> list[_Ticket]:
        """The leader's ticket, which is first, and those behind it."""
        with self._mutex:
            group = [self._waiting.popleft()]
            rows = group[0].rows
            while self._waiting and not alone and rows + self._waiting[0].rows <= MOST_ROWS:
                group.append(self._waiting.popleft())
                rows += group[-1].rows
        return group

    def _commit(self, connection: sqlite3.Connection, group: list[_Ticket]) -> None:
        begun, rows = time.monotonic(), sum(ticket.rows for ticket in group)
        if len(group) == 1:
            group[0].result = group[0].work(connection)
        elif not _run_together(connection, group):
            if not connection.in_transaction:
                self._begin(connection, group[0].deadline)
            for ticket in group:
                _run_alone(connection, ticket)
        may_know_new_words = any(getattr(ticket.work, "learned", True) for ticket in group)
        words = self._database.words(connection) if may_know_new_words else None
        if rows >= MANY_ROWS and (len(group) > 1 or self._waiting or self._turn.is_wanted()):
            self.pace.others_waited()
        connection.execute("COMMIT")
        self._database.committed(words)
        self.pace.took(time.monotonic() - begun, rows)

    def _begin(self, connection: sqlite3.Connection, deadline: float) -> None:
        self._turn.begin(connection, deadline)
        self._database.check_before(connection)


def _unobserved(_seconds: float) -> None:
    pass


class Pace:
    """How many rows of history one transaction should have: few while others wait for their turn, many otherwise."""

    def __init__(self) -> None:
        self._row_s = 50e-6  # what a row takes; most likely less
        self._waited_at = time.monotonic() - _ALONE_S + _LOOKS_S

    def rows(self) -> int:
        """So many that a transaction takes some 5 ms while others wait."""
        if time.monotonic() - self._waited_at > _ALONE_S:
            return HISTORY_ROWS
        return min(max(int(_SHORT_S / self._row_s), _FEWEST_ROWS), HISTORY_ROWS)

    def took(self, seconds: float, rows: int) -> None:
        """Learn from a transaction."""
        if rows >= MANY_ROWS:
            self._row_s = seconds / rows

    def others_waited(self) -> None:
        """Somebody waited for a transaction of many rows."""
        self._waited_at = time.monotonic()


class FairTurn:
    """Turns between processes, in order: who holds the lock on `-queue` is the next to begin.

    The turn itself is SQLite's write lock. COMMIT gives it back before Python goes on: a file lock held around the
    transaction would also be held while a busy process waits for its interpreter.
    """

    def __init__(self, database_path: str) -> None:
        self._path = database_path + "-queue"
        self._descriptor: int | None = None

    def begin(self, connection: sqlite3.Connection, deadline: float) -> None:
        """Begin a transaction that writes. Raises Busy when that is not possible by `deadline`, monotonic seconds."""
        if self._descriptor is None:
            self._descriptor = open_private(self._path)
        _insist(partial(fcntl.flock, self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB), deadline)
        try:
            _insist(partial(connection.execute, "BEGIN IMMEDIATE"), deadline)
        finally:
            fcntl.flock(self._descriptor, fcntl.LOCK_UN)

    def is_wanted(self) -> bool:
        """Whether another process waits for this one, whose transaction is open, to commit."""
        if self._descriptor is None:
            return False
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        fcntl.flock(self._descriptor, fcntl.LOCK_UN)
        return False

    def close(self) -> None:
        """Close the file."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


def _insist(take: Callable[[], object], deadline: float) -> None:
    """Take a lock. Waiting for it inside the call could not be given up when another process hangs with it."""
    while True:
        try:
            take()
            return
        except BlockingIOError:
            pass
        except sqlite3.OperationalError as error:
            if _primary_code(error) != sqlite3.SQLITE_BUSY:
                raise
        if time.monotonic() > deadline:
            raise Busy("another program keeps the database locked")
        time.sleep(_PAUSE_S)


def _primary_code(error: sqlite3.Error) -> int:
    """Of SQLite's extended codes: busy may also mean that somebody recovers a dead process's -wal."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF


def _run_together(connection: sqlite3.Connection, group: list[_Ticket]) -> bool:
    """Whether all of the group could be done as one, which takes the statements of one write instead of many.

    Works of a kind that has `together(connection, works)` are. When that fails or cannot say what became of each, the
    transaction is rolled back, and every work must run by itself. A savepoint would spare that, but SQLite copies every
    page that is changed after one.
    """
    kind = type(group[0].work)
    together = getattr(kind, "together", None)
    if together is None or any(type(ticket.work) is not kind for ticket in group):
        return False
    try:
        results = together(connection, [ticket.work for ticket in group])
    except Exception as error:
        if not connection.in_transaction:
            raise DatabaseError(f"nothing was stored: {error}") from error
        results = None
    if results is None:
        connection.execute("ROLLBACK")
        return False
    for ticket, result in zip(group, results, strict=True):
        ticket.result = result
    return True


def _run_alone(connection: sqlite3.Connection, ticket: _Ticket) -> None:
    """The ticket's work inside a savepoint: when it fails, its neighbours do not notice."""
    connection.execute("SAVEPOINT one_write")
    try:
        ticket.result = ticket.work(connection)
    except Exception as error:
        ticket.error = error
        if not connection.in_transaction:  # SQLite gave up the whole transaction: disk full, I/O error
            raise DatabaseError(f"nothing was stored: {error}") from error
        connection.execute("ROLLBACK TO one_write")
    connection.execute("RELEASE one_write")
