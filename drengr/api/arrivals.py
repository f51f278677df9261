"""What the server knows of a request's arrival: the worker notes it, the doors ask.

The worker's sockets (`gunicorn.socket` in the WSGI environment) carry an Arrival; under another server nothing is
known, and nothing is limited.
"""

import re
import time
from dataclasses import dataclass
from threading import Event
from urllib.parse import parse_qs

_WHOLE_FILE_PATH = "/import-events"
_OF_THE_PAGE = re.compile("/ui/[^/]+/import/file")
_stopping = Event()


@dataclass(slots=True)
class Arrival:
    """One request as it comes in; times are those of time.monotonic()."""

    due: float  # when a client that is still sending has taken too long
    whole_at: float | None = None  # None: its body is still coming


def is_whole_file(target: str) -> bool:
    """Whether a request's target is that of a whole file, which may take as long as it goes on coming.

    >>> is_whole_file("/import-events?source=ga4"), is_whole_file("/import-events"), is_whole_file("/batch?source=ga4")
    (True, False, False)
    >>> is_whole_file("/ui/0b6f1c1e-5d5c-4a53-8b0c-2f8f3a3c7d10/import/file?source=ga4")
    True
    """
    path, _, query = target.partition("?")
    is_file = path.rstrip("/") == _WHOLE_FILE_PATH or _OF_THE_PAGE.fullmatch(path) is not None
    return is_file and "source" in parse_qs(query, keep_blank_values=True)


def waited_s(connection: object) -> float:
    """Seconds since the whole request was here: what a client needs to send it is no waiting for us."""
    arrival = _of(connection)
    return 0.0 if arrival is None or arrival.whole_at is None else time.monotonic() - arrival.whole_at


def awaited(connection: object, seconds: float) -> None:
    """From now on we wait for the client: the next piece of its body may take `seconds`."""
    arrival = _of(connection)
    if arrival is not None:
        arrival.due = time.monotonic() + seconds


def received(connection: object) -> None:
    """The body, or this piece of it, is here: from now on it waits for us."""
    arrival = _of(connection)
    if arrival is not None and arrival.whole_at is None:
        arrival.whole_at = time.monotonic()


def stop() -> None:
    """The service is to stop: bodies that are still coming end where they are."""
    _stopping.set()


def is_stopping() -> bool:
    """Whether whatever takes long should come to an end now: a stop is given a few seconds."""
    return _stopping.is_set()


def _of(connection: object) -> Arrival | None:
    return getattr(connection, "arrival", None)
