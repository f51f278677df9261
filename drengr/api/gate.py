"""How much is worked on at once; past that, a quick 503 (contract 4: infrastructure)."""

import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext

from flask import request

from drengr import arrivals
from drengr.store.group_commit import Busy

_GIVE_UP_S = 0.5  # since the request arrived
_LARGE_BYTES = 64 * 1024
_LARGE_AT_ONCE = 2  # a megabyte of JSON becomes some thirty of Python objects while it is mapped


class Gate:
    """Keeps work within what the machine can do: who finds no place within half a second of arriving is answered 503.

    Late is worse than no: SDKs give up after 10 s and send everything again, while a 503 makes them wait.
    """

    def __init__(self, places: int) -> None:
        self._places = threading.BoundedSemaphore(places)
        self._large = threading.BoundedSemaphore(_LARGE_AT_ONCE)

    def at_work(self) -> AbstractContextManager[None]:
        """Hold a place for one request. Raises Busy."""
        return _held(self._places)

    def mapping(self, size_bytes: int) -> AbstractContextManager[None]:
        """Hold the memory for parsing and mapping a body; small ones need no leave. Raises Busy."""
        return _held(self._large) if size_bytes > _LARGE_BYTES else nullcontext()


@contextmanager
def _held(places: threading.BoundedSemaphore) -> Iterator[None]:
    waited = arrivals.waited_s(request.environ.get("gunicorn.socket"))
    if not places.acquire(timeout=max(0.0, _GIVE_UP_S - waited)):
        raise Busy("more requests than this service can work on")
    try:
        yield
    finally:
        places.release()
