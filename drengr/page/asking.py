"""How much of a worker the page may take: live events come first (contract 12, Load)."""

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from threading import BoundedSemaphore

from drengr.api.service import service
from drengr.store import Busy

_AT_ONCE = 2  # rooms that are made in a worker
_WAIT_S = 2.0
_ASK_S = 2.0

_places = BoundedSemaphore(_AT_ONCE)


@contextmanager
def asking(*, has_deadline: bool = False) -> Iterator[None]:
    """Hold one of the places in which rooms ask the database, and ask for 2 s at most.

    has_deadline  what is asked has a limit of its own
    Raises        Busy when no place was free for 2 s, TooLong
    """
    if not _places.acquire(timeout=_WAIT_S):
        raise Busy("other rooms of the page are still being made")
    try:
        with nullcontext() if has_deadline else service().store.limited(_ASK_S):
            yield
    finally:
        _places.release()
