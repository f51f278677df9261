"""A client's connection: its requests wait here until they are whole, and its answers until they are taken."""

import errno
import select
import socket
import threading
import time

from gunicorn import http
from gunicorn.workers.gthread import TConn

from drengr.api import arrivals
from drengr.serving.arriving import Arriving

STREAMS_AT_ONCE = 4  # answers without end whose client is waited for, in a worker
_STREAM_PATIENCE_S = 300.0  # without a byte being taken
_SMALL_BYTES = 64 * 1024
_LOOK_UP_S = 0.5  # how soon a waiting thread sees that the service stops

_streams = threading.BoundedSemaphore(STREAMS_AT_ONCE)


class ClientSocket(socket.socket):
    """A socket that takes an answer without waiting: what the network does not take yet is kept in `unsent`.

    arrival  of the request in work; the doors ask for it by drengr.api.arrivals
    """

    def __init__(self, accepted: socket.socket) -> None:
        super().__init__(accepted.family, accepted.type, accepted.proto, accepted.detach())
        super().setblocking(False)
        self.unsent = memoryview(b"")
        self.arrival: arrivals.Arrival | None = None

    def setblocking(self, flag: bool) -> None:
        """It never blocks, though gunicorn asks for it before every request."""

    def sendall(self, data, flags: int = 0) -> None:
        """Keep a head for its body, send what can be sent, keep the rest; of a stream, wait until the rest is small."""
        is_head = not self.unsent and data.startswith(b"HTTP/1.")
        if len(self.unsent) > _SMALL_BYTES:
            self._wait_until_taken()
        self.unsent = memoryview(b"".join((self.unsent, data)) if self.unsent else data)
        if not is_head:
            self.flush()

    def flush(self) -> None:
        """Send what the network takes now. Raises OSError when the client is gone."""
        while self.unsent:
            try:
                sent = self.send(self.unsent)
            except BlockingIOError:
                return
            self.unsent = self.unsent[sent:] if sent < len(self.unsent) else memoryview(b"")

    def wait_readable(self, until: float) -> bool:
        """Whether there is something to read before that moment, and before the service stops."""
        return self._wait(select.POLLIN, until)

    def _wait_until_taken(self) -> None:
        if not _streams.acquire(blocking=False):
            raise OSError(errno.EPIPE, "too many answers without end")
        try:
            while self.unsent:
                if not self._wait(select.POLLOUT, time.monotonic() + _STREAM_PATIENCE_S):
                    raise OSError(errno.EPIPE, "an answer was not taken")
                self.flush()
        finally:
            _streams.release()

    def _wait(self, event: int, until: float) -> bool:
        poll = select.poll()
        poll.register(self, event)
        while not arrivals.is_stopping():
            left = until - time.monotonic()
            if left <= 0:
                return False
            if poll.poll(1000 * min(left, _LOOK_UP_S)):
                return True
        return False


class Connection(TConn):
    """A client, and what gunicorn's parser reads its requests from.

    state    the worker's dict that holds it while it waits in the loop
    since, due  when that waiting began and when it has lasted too long, by time.monotonic()
    counted, answer_bytes  bytes of its requests and of its answer that the worker counts as held
    left_bytes  how much more is read after its last answer
    is_long  whether the thread reads the rest of the request from the network
    is_last  whether the client may be sending more than is read: no other request can follow
    """

    def __init__(self, cfg, sock: ClientSocket, client, server) -> None:
        super().__init__(cfg, sock, client, server)
        self.parser = http.get_parser(cfg, self, client)
        self.initialized = self.data_ready = True  # for gunicorn: nothing is left to be waited for
        self.arriving = Arriving()
        self.state: dict[Connection, None] = {}
        self.since = self.due = 0.0
        self.counted = self.answer_bytes = self.left_bytes = 0
        self.is_long = self.is_last = self.told_to_continue = False
        self.long_since = 0.0
        self.long_bytes = 0

    def recv(self, size: int) -> bytes:
        """Bytes of the request in work; none at its end, past its time, or when the service stops."""
        if self.arriving.bytes or not self.is_long:
            return self.arriving.take(size)
        while True:
            try:
                piece = self.sock.recv(size)
            except BlockingIOError:
                if not self.sock.wait_readable(self.sock.arrival.due):
                    return b""
            else:
                self.long_bytes += len(piece)
                return piece
