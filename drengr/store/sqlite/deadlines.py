"""The end of patience with a question that may read much, and with all that a thread asks together (contract 8, 12).

SQLite keeps one progress handler a connection. So deadlines may lie inside each other: the nearest is in force, and the
outer one again when the inner one is left.
"""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import monotonic

from drengr.people.questions import LONGEST_QUESTION_S
from drengr.store.errors import StoreError, TooLong

_STEPS = 20_000  # of SQLite's machine between two looks at the clock: about a millisecond

_in_force: dict[int, "Deadline"] = {}  # by the connection's id(), while it has any


class Deadline:
    """A moment, and how many seconds there were until then."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._end = monotonic() + seconds

    def is_over(self) -> bool:
        """Whether the time is over."""
        return monotonic() > self._end

    def check(self) -> None:
        """Raises TooLong when it is."""
        if self.is_over():
            raise TooLong(self.seconds)

    def is_before(self, other: "Deadline") -> bool:
        """Which of two comes first."""
        return self._end < other._end


@contextmanager
def deadline(connection: sqlite3.Connection, seconds: float = LONGEST_QUESTION_S) -> Iterator[Callable[[], None]]:
    """Raises TooLong from the connection's statements, or from the verbs that execute them, once the time is over.

    What comes is a function that does so too, for work between the statements.
    """
    outer = _in_force.get(id(connection))
    nearest = Deadline(seconds)
    if outer is not None and outer.is_before(nearest):
        nearest = outer
    _set(connection, nearest)
    try:
        yield nearest.check
    except (sqlite3.OperationalError, StoreError) as error:
        if _is_interrupt(error) or _is_interrupt(error.__cause__):
            raise TooLong(nearest.seconds) from None
        raise
    finally:
        _set(connection, outer)


def _set(connection: sqlite3.Connection, nearest: Deadline | None) -> None:
    if nearest is None:
        _in_force.pop(id(connection), None)
        connection.set_progress_handler(None, 0)
    else:
        _in_force[id(connection)] = nearest
        connection.set_progress_handler(nearest.is_over, _STEPS)


def _is_interrupt(error: BaseException | None) -> bool:
    return getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_INTERRUPT
