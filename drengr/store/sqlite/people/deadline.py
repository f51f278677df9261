"""The end of patience with a question that may read everything there is (contract 8)."""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import monotonic

from drengr.people.questions import LONGEST_QUESTION_S
from drengr.store.errors import TooLong

_STEPS = 20_000  # of SQLite's machine between two looks at the clock: about a millisecond


@contextmanager
def deadline(connection: sqlite3.Connection, seconds: float = LONGEST_QUESTION_S) -> Iterator[Callable[[], None]]:
    """Raises TooLong from the connection's statements once the time is over.

    What comes is a function that does so too, for work between the statements.
    """
    end = monotonic() + seconds

    def check() -> None:
        if monotonic() > end:
            raise TooLong(seconds)

    connection.set_progress_handler(lambda: monotonic() > end, _STEPS)
    try:
        yield check
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode == sqlite3.SQLITE_INTERRUPT:
            raise TooLong(seconds) from None
        raise
    finally:
        connection.set_progress_handler(None, 0)
