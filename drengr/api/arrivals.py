"""When each request arrived, and how long its client may take to send it. The worker notes it, the doors ask.

Keyed by the connection's socket (`gunicorn.socket` in the WSGI environment); under another server nothing is known, and
nothing is limited.
"""

import time
from socket import SHUT_RD, socket

_arrived: dict[socket, float] = {}
_due: dict[socket, float] = {}


def note(connection: socket, seconds: float) -> None:
    """A request begins on this connection; its headers and body must be here within `seconds`."""
    now = time.monotonic()
    _arrived[connection] = now
    _due[connection] = now + seconds


def waited_s(connection: socket | None) -> float:
    """Seconds since the request began."""
    return time.monotonic() - _arrived[connection] if connection in _arrived else 0.0


def awaited(connection: socket | None, seconds: float) -> None:
    """From now on we wait for the client: the next piece of its body may take `seconds`."""
    if connection in _arrived:
        _due[connection] = time.monotonic() + seconds


def received(connection: socket | None) -> None:
    """The body, or this piece of it, is here; how long storing and answering take is not the client's fault."""
    if connection is not None:
        _due.pop(connection, None)


def forget(connection: socket) -> None:
    """The request is answered."""
    _arrived.pop(connection, None)
    _due.pop(connection, None)


def cut_off_overdue() -> None:
    """End the reading of every client that is too slow: whoever waits for its bytes sees the end of the stream."""
    now = time.monotonic()
    for connection, due in list(_due.items()):
        if due < now:
            _due.pop(connection, None)
            try:
                connection.shutdown(SHUT_RD)
            except OSError:
                continue  # it left by itself
