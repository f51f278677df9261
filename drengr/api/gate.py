"""How much is worked on at once; past that, a quick 503 (contract 4: infrastructure)."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from queue import Empty, SimpleQueue

from flask import request

from drengr.api import arrivals
from drengr.store import Busy

_GIVE_UP_S = 0.5  # since the whole request was here
_LARGE_BYTES = 64 * 1024
_LONG_PAGE = 100  # events
_LONGEST_PAGE = 1000
# A megabyte of JSON becomes some thirty of Python objects while it is mapped; a page of 1,000 events may be 9 MB, and
# is there four times over before it is JSON.
_LARGE_AT_ONCE = 2
_PAGES_WAITING = 32  # for their turn: each has a thread, and without threads nobody is answered


class Gate:
    """Keeps work within what the machine can do: who finds no place within half a second of being here is answered 503.

    Late is worse than no: SDKs give up after 10 s and send everything again, while a 503 makes them wait.
    """

    def __init__(self, places: int) -> None:
        self._places = _Places(places)
        self._large = _Places(_LARGE_AT_ONCE)
        self._pages = _Places(_LARGE_AT_ONCE, most_waiting=_PAGES_WAITING)
        self._samples = _Places(1, "another sample of events is being looked through")
        self._heavy = _Places(1, "another funnel or retention is being worked out")

    def at_work(self) -> AbstractContextManager[None]:
        """Hold a place for one request. Raises Busy."""
        return self._places

    def page(self, limit: int) -> AbstractContextManager[None]:
        """Hold the memory for a page of so many events; short ones need no leave. Raises Busy."""
        if limit > _LONGEST_PAGE:
            return self._samples
        return self._pages if limit > _LONG_PAGE else nullcontext()

    def heavy(self) -> AbstractContextManager[None]:
        """Hold the one place for a question that may read everything there is, for 20 s. Raises Busy."""
        return self._heavy

    def mapping(self, size_bytes: int) -> AbstractContextManager[None]:
        """Hold the memory for parsing and mapping a body; small ones need no leave. Raises Busy."""
        return self._large if size_bytes > _LARGE_BYTES else nullcontext()


class _Places:
    """A counting semaphore made of C: threading.Semaphore is Python, and took 70 us of a busy request's 1,250."""

    def __init__(
        self, count: int, taken: str = "more requests than this service can work on", most_waiting: int | None = None
    ) -> None:
        self._taken = taken
        self._free = _queue_of(count)
        self._seats = None if most_waiting is None else _queue_of(most_waiting)

    def __enter__(self) -> None:
        try:
            self._free.get_nowait()
        except Empty:
            self._wait()

    def __exit__(self, *_: object) -> None:
        self._free.put(None)

    def _wait(self) -> None:
        waited = arrivals.waited_s(request.environ.get("gunicorn.socket"))
        try:
            with self._seats_taken():
                self._free.get(timeout=max(0.0, _GIVE_UP_S - waited))
        except Empty:
            raise Busy(self._taken) from None

    @contextmanager
    def _seats_taken(self) -> Iterator[None]:
        if self._seats is None:
            yield
            return
        self._seats.get_nowait()
        try:
            yield
        finally:
            self._seats.put(None)


def _queue_of(count: int) -> "SimpleQueue[None]":
    queue: SimpleQueue[None] = SimpleQueue()
    for _ in range(count):
        queue.put(None)
    return queue
