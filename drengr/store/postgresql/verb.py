"""What every verb of the store does besides its work."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import Any, ParamSpec, TypeVar

import psycopg

from drengr.store.postgresql.sentences import as_store_error

_P = ParamSpec("_P")
_R = TypeVar("_R")


def verb(call: Callable[_P, _R]) -> Callable[_P, _R]:
    """The call with StoreError in the place of what psycopg raises, once the tables are known to be there."""

    @wraps(call)
    def called(*args: _P.args, **kwargs: _P.kwargs) -> _R:
        store: Any = args[0]
        store.make_ready()
        with in_plain_words():
            return call(*args, **kwargs)

    return called


@contextmanager
def in_plain_words() -> Iterator[None]:
    """StoreError in the place of what psycopg raises, whose text names host and user."""
    try:
        yield
    except psycopg.Error as error:
        raise as_store_error(error) from None
