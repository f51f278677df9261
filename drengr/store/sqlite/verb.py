"""What a verb of the store raises, whatever SQLite raised."""

import sqlite3
from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

from peewee import PeeweeException

from drengr.store.errors import Busy, StoreError

_P = ParamSpec("_P")
_R = TypeVar("_R")


def verb(call: Callable[_P, _R]) -> Callable[_P, _R]:
    """The call with StoreError in the place of what SQLite and peewee raise."""

    @wraps(call)
    def called(*args: _P.args, **kwargs: _P.kwargs) -> _R:
        try:
            return call(*args, **kwargs)
        except (sqlite3.Error, PeeweeException) as error:  # peewee's: a migration
            raise _store_error(error) from error

    return called


def _store_error(error: Exception) -> StoreError:
    if getattr(error, "sqlite_errorcode", 0) & 0xFF in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return Busy("another program keeps the database locked")
    return StoreError(f"{type(error).__name__}: {error}")
