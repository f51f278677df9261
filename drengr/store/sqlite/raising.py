"""What a verb of the store raises, whatever SQLite raised."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

from peewee import PeeweeException

from drengr.store.errors import Busy, StoreError


@contextmanager
def store_errors() -> Iterator[None]:
    """StoreError in the place of what SQLite and peewee raise."""
    try:
        yield
    except (sqlite3.Error, PeeweeException) as error:  # peewee's: a migration
        raise _store_error(error) from error


def _store_error(error: Exception) -> StoreError:
    if getattr(error, "sqlite_errorcode", 0) & 0xFF in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return Busy("another program keeps the database locked")
    return StoreError(f"{type(error).__name__}: {error}")
