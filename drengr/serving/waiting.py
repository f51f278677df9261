"""Who waits in a worker's loop, for what, until when, how many bytes are kept for them, and how they leave
(contract 7).
"""

import time
from contextlib import suppress
from functools import partial
from selectors import EVENT_READ
from socket import SHUT_WR

from gunicorn import util
from gunicorn.workers.gthread import ThreadWorker

from drengr.api import arrivals
from drengr.serving.connection import Connection
from drengr.serving.refusals import error_answer

SLOW_AFTER_S = 5.0

_LEAVING_S, _LEAVING_BYTES = 2.0, 64 * 1024  # for a client to see that we hung up
_LONG_LEAVING_S, _LONG_LEAVING_BYTES = 5.0, 64 * 1024 * 1024  # while it still sends: cut off, it would see no answer
_READ_BYTES = 256 * 1024


class WaitingWorker(ThreadWorker):
    """A connection is worked on by a thread, or it is in one of these states, the one that has waited longest first."""

    def init_process(self) -> None:
        self._fresh: dict[Connection, None] = {}  # nothing said yet
        self._idle: dict[Connection, None] = {}  # between two requests
        self._arriving: dict[Connection, None] = {}
        self._large: dict[Connection, None] = {}  # those of them of which much is here
        self._queued: dict[Connection, None] = {}  # long bodies without a thread
        self._sending: dict[Connection, None] = {}
        self._leaving: dict[Connection, None] = {}
        self._requests_bytes = self._answers_bytes = 0
        self._buffer = memoryview(bytearray(_READ_BYTES))
        super().init_process()

    def _wait(self, conn: Connection, state: dict, seconds: float, event: int = 0, then=None) -> None:
        """Move the connection to that state; everybody in a state has the same time, so the first is the first due."""
        self._unwait(conn)
        conn.state, conn.since = state, time.monotonic()
        conn.due = conn.since + seconds
        state[conn] = None
        if then is not None:
            self.poller.register(conn.sock, event, partial(then, conn))

    def _unwait(self, conn: Connection) -> None:
        if conn in conn.state:
            del conn.state[conn]
            self._large.pop(conn, None)
            if conn.state is self._sending:
                self._answers_bytes -= conn.answer_bytes
            if conn.state is not self._queued:
                self.poller.unregister(conn.sock)

    def _count(self, conn: Connection) -> None:
        self._requests_bytes += len(conn.arriving.bytes) - conn.counted
        conn.counted = len(conn.arriving.bytes)

    def _close(self, conn: Connection) -> None:
        if conn.sock.fileno() < 0:  # let go for another in the same round of the loop in which it spoke
            return
        self._unwait(conn)
        conn.arriving.bytes.clear()
        self._count(conn)
        self.nr_conns -= 1
        util.close(conn.sock)

    def _let_one_go(self) -> bool:
        """Close the connection that is missed least, for a new one: who is slow goes before who is idle.

        Whoever was about to ask is told to come again: SDKs keep what a 503 answers.
        """
        slow = (self._leaving, self._sending, self._arriving, self._queued)
        long_ago = time.monotonic() - SLOW_AFTER_S
        first = [next(iter(state)) for state in (*slow, self._fresh, self._idle) if state]
        if not first:
            return False
        gone = next((conn for conn in first if conn.state in slow and conn.since < long_ago), first[-1])
        if gone.state in (self._fresh, self._arriving, self._queued):
            with suppress(OSError):
                gone.sock.sendall(error_answer(503))
                gone.sock.flush()
                gone.sock.recv_into(self._buffer)  # what is not read resets the connection, and the answer with it
        self._close(gone)
        return True

    def _hang_up(self, conn: Connection) -> None:
        """Hang up, and read until the client has seen it: cut off while it sends, it would not see its answer."""
        conn.arriving.bytes.clear()
        self._count(conn)
        try:
            conn.sock.shutdown(SHUT_WR)
        except OSError:
            self._close(conn)
            return
        seconds, size = (_LONG_LEAVING_S, _LONG_LEAVING_BYTES) if conn.is_last else (_LEAVING_S, _LEAVING_BYTES)
        conn.left_bytes = size
        self._wait(conn, self._leaving, 1.0 if arrivals.is_stopping() else seconds, EVENT_READ, self._discard)
        self._discard(conn, None)

    def _discard(self, conn: Connection, _: object) -> None:
        try:
            size = conn.sock.recv_into(self._buffer)
        except BlockingIOError:
            return
        except OSError:
            size = 0
        conn.left_bytes -= size
        if not size or conn.left_bytes < 0:
            self._close(conn)
