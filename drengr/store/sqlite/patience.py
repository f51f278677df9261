"""A limit to how long one thread's questions may take together (contract 12, Load)."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from time import monotonic

from drengr.store.errors import StoreError, TooLong

_STEPS = 20_000  # of SQLite's machine between two looks at the clock: about a millisecond


@contextmanager
def limited(connection: sqlite3.Connection, seconds: float) -> Iterator[None]:
    """Raises TooLong from the verb that is being asked on this connection when the time is over."""
    end = monotonic() + seconds
    connection.set_progress_handler(lambda: monotonic() > end, _STEPS)
    try:
        yield
    except StoreError as error:
        if getattr(error.__cause__, "sqlite_errorcode", None) == sqlite3.SQLITE_INTERRUPT:
            raise TooLong(seconds) from None
        raise
    finally:
        connection.set_progress_handler(None, 0)
