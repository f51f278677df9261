"""One transaction for all the writes that wait, one writing process at a time (contract 4: 200 means stored).

Every flush to disk costs the same, however much it carries. So the thread that finds nobody writing becomes the
leader: it takes all that waits, runs it in one transaction, and hands the lead to the first who came meanwhile.
Between processes a pair of file locks gives turns in order, where SQLite's own busy handler would sleep and starve.
"""

import fcntl
import os
import sqlite3
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from drengr.store.database import Database, DatabaseError

LONGEST_WAIT_S = 8.0  # SDKs give up and resend after 10 s: an answer must come before
MOST_ROWS = 10_000  # of one transaction, unless a single write has more

Work = Callable[[sqlite3.Connection], Any]


class Busy(Exception):
    """The write waited too long for its turn and was withdrawn: nothing of it is stored, it is safe to send again."""


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
        self._mutex = threading.Lock()
        self._waiting: deque[_Ticket] = deque()
        self._led = False

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
            self._lead()
        if ticket.error is not None:
            raise ticket.error
        return ticket.result

    def close(self) -> None:
        """Close the lock files; the next write opens them again."""
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

    def _lead(self) -> None:
        with self._mutex:
            group = self._take_group()
        try:
            self._commit(group)
        except BaseException as error:  # whatever it was, every member of the group must learn of it
            for ticket in group:
                ticket.error = ticket.error or error
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
            for ticket in group:
                if not ticket.leads:
                    ticket.wake.release()

    def _take_group(self) -> list[_Ticket]:
        """The leader's ticket, which is first, and those behind it."""
        group = [self._waiting.popleft()]
        rows = group[0].rows
        while self._waiting and rows + self._waiting[0].rows <= MOST_ROWS:
            group.append(self._waiting.popleft())
            rows += group[-1].rows
        return group

    def _commit(self, group: list[_Ticket]) -> None:
        deadline = group[0].deadline  # the oldest's: it may have waited for another leader already
        with self._turn.taken(deadline):
            connection = self._database.writing_connection()
            _begin_before(connection, deadline)
            try:
                if len(group) == 1:
                    group[0].result = group[0].work(connection)
                elif not _run_together(connection, group):
                    for ticket in group:
                        _run_alone(connection, ticket)
                connection.execute("COMMIT")
            except BaseException:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                raise
            self._database.check_still_there()


class FairTurn:
    """Turns between processes, in order: who waits for `-write` holds `-queue`, so nobody can overtake."""

    def __init__(self, database_path: str) -> None:
        self._paths = (database_path + "-queue", database_path + "-write")
        self._descriptors: tuple[int, ...] | None = None

    @contextmanager
    def taken(self, deadline: float) -> Iterator[None]:
        """Hold the turn. Raises Busy when it has not come by `deadline`, in seconds of the monotonic clock."""
        if self._descriptors is None:
            self._descriptors = tuple(map(_open, self._paths))
        queue, write = self._descriptors
        _lock_before(queue, deadline)
        try:
            _lock_before(write, deadline)
        finally:
            fcntl.flock(queue, fcntl.LOCK_UN)
        try:
            yield
        finally:
            fcntl.flock(write, fcntl.LOCK_UN)

    def close(self) -> None:
        """Close both files."""
        for descriptor in self._descriptors or ():
            os.close(descriptor)
        self._descriptors = None


def _open(path: str) -> int:
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)


def _lock_before(descriptor: int, deadline: float) -> None:
    """Lock the file. A blocking flock could not be given up when another process hangs with the lock held."""
    while True:
        try:
            return fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > deadline:
                raise Busy("another process has kept the database locked") from None
            time.sleep(0.0005)


def _begin_before(connection: sqlite3.Connection, deadline: float) -> None:
    """Begin the transaction. Only who knows nothing of turns can be in the way, such as somebody's sqlite3 shell."""
    while True:
        try:
            connection.execute("BEGIN IMMEDIATE")
            return
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY:
                raise
            if time.monotonic() > deadline:
                raise Busy("another program keeps the database locked") from None


def _run_together(connection: sqlite3.Connection, group: list[_Ticket]) -> bool:
    """Whether all of the group could be done as one, which takes the statements of one write instead of many.

    Works of a kind that has `together(connection, works)` are; when that fails or cannot say what became of each, it is
    undone and every work runs by itself.
    """
    kind = type(group[0].work)
    if not hasattr(kind, "together") or any(type(ticket.work) is not kind for ticket in group):
        return False
    connection.execute("SAVEPOINT all_writes")
    try:
        results = kind.together(connection, [ticket.work for ticket in group])
    except Exception as error:
        if not connection.in_transaction:
            raise DatabaseError(f"nothing was stored: {error}") from error
        results = None
    if results is None:
        connection.execute("ROLLBACK TO all_writes")
    else:
        for ticket, result in zip(group, results, strict=True):
            ticket.result = result
    connection.execute("RELEASE all_writes")
    return results is not None


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
