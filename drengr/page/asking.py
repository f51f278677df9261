"""How much of a worker the page may take: live events come first (contract 12, Load)."""

from collections.abc import Iterator
from contextlib import contextmanager
from threading import BoundedSemaphore

from drengr.store import Busy

_AT_ONCE = 2  # rooms that are made in a worker
_WAIT_S = 2.0

_places = BoundedSemaphore(_AT_ONCE)


@contextmanager
def asking() -> Iterator[None]:
    """Hold one of the places in which rooms ask the database. Raises Busy when none was free for 2 s."""
    if not _places.acquire(timeout=_WAIT_S):
        raise Busy("other rooms of the page are still being made")
    try:
        yield
    finally:
        _places.release()
