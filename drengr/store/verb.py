"""What every verb of a store does besides its work."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import wraps
from typing import Concatenate, ParamSpec, Protocol, TypeVar


class Raising(Protocol):
    """Whoever has verbs."""

    def store_errors(self) -> AbstractContextManager[None]:
        """StoreError in the place of what the database's library raises inside."""


_P = ParamSpec("_P")
_R = TypeVar("_R")
_S = TypeVar("_S", bound=Raising)


def verb(call: Callable[Concatenate[_S, _P], _R]) -> Callable[Concatenate[_S, _P], _R]:
    """The method, which raises StoreError when the database cannot do it now."""

    @wraps(call)
    def called(self: _S, /, *args: _P.args, **kwargs: _P.kwargs) -> _R:
        with self.store_errors():
            return call(self, *args, **kwargs)

    return called
