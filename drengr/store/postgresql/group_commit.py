"""One transaction for the writes that wait, a few transactions at a time (contract 13: writing).

Every commit costs the same flush, however much it carries. A thread that finds a place free leads: it opens a
transaction, takes all that waits meanwhile, and hands its place to the first who came since.
"""

import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import Generic, TypeVar

from drengr.store.errors import Busy
from drengr.store.results import Added

MOST_ROWS = 10_000  # of one transaction, unless a single write has more

W = TypeVar("W")


class Ticket(Generic[W]):
    """One write on its way: waits, is taken by a leader, ends with a result or an error."""

    __slots__ = ("deadline", "error", "leads", "result", "rows", "wake", "work")

    def __init__(self, work: W, rows: int, deadline: float) -> None:
        self.work = work
        self.rows = rows
        self.deadline = deadline
        self.result: Added | None = None
        self.error: BaseException | None = None
        self.leads = False
        self.wake = threading.Lock()
        self.wake.acquire()


class GroupCommit(Generic[W]):
    """Runs writes.

    lead     stores a group in one transaction: is given the deadline of its first write, and what to call for the
             tickets once the transaction is open; leaves each with a result or an error
    leaders  how many may do so at once
    """

    def __init__(self, lead: Callable[[float, Callable[[], list[Ticket[W]]]], None], leaders: int) -> None:
        self._store = lead
        self._mutex = threading.Lock()
        self._waiting: deque[Ticket[W]] = deque()
        self._free = leaders

    def run(self, work: W, rows: int, deadline: float) -> Added:
        """What became of the work, once its transaction is committed.

        Raises  Busy when its turn did not come by the deadline, monotonic seconds; what kept it from being stored
        """
        ticket = Ticket(work, rows, deadline)
        with self._mutex:
            self._waiting.append(ticket)
            ticket.leads = self._free > 0
            self._free -= ticket.leads
        if not ticket.leads:
            self._wait(ticket)
        if ticket.leads:
            self._lead(ticket)
        if ticket.error is not None:
            raise ticket.error
        assert ticket.result is not None
        return ticket.result

    def _wait(self, ticket: Ticket[W]) -> None:
        """Until the write is done or its ticket is to lead."""
        if ticket.wake.acquire(timeout=max(0.0, ticket.deadline - time.monotonic())):
            return
        with self._mutex:
            if ticket.leads:
                return
            if ticket in self._waiting:
                self._waiting.remove(ticket)
                raise Busy("the database is busy")
        ticket.wake.acquire()  # a leader has it: its outcome is near, and only that outcome is the truth

    def _lead(self, ticket: Ticket[W]) -> None:
        group: list[Ticket[W]] = []

        def take() -> list[Ticket[W]]:
            group[:] = self._take_group(ticket)
            return group

        try:
            self._store(ticket.deadline, take)
        except BaseException as error:  # whatever it was, every member of the group must learn of it
            if not group:
                group.append(ticket)
                with self._mutex, suppress(ValueError):
                    self._waiting.remove(ticket)
            for member in group:
                member.error = member.error or error
            if not isinstance(error, Exception):
                raise
        finally:
            self._hand_over()
            for member in group:
                if member is not ticket:
                    member.wake.release()

    def _take_group(self, first: Ticket[W]) -> list[Ticket[W]]:
        """The leader's ticket, and as many of those that wait as fit. Another leader's own ticket is not taken."""
        with self._mutex:
            self._waiting.remove(first)
            group, rows = [first], first.rows
            while self._waiting and not self._waiting[0].leads and rows + self._waiting[0].rows <= MOST_ROWS:
                group.append(self._waiting.popleft())
                rows += group[-1].rows
        return group

    def _hand_over(self) -> None:
        with self._mutex:
            following = next((ticket for ticket in self._waiting if not ticket.leads), None)
            if following is None:
                self._free += 1
                return
            following.leads = True
        following.wake.release()
