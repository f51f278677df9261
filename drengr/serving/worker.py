"""gunicorn's threaded worker, made so that slow clients cannot stop the others.

gunicorn gives a new connection a thread before its first byte is there, lets a client that sends a byte a second keep
it for ever, and says goodbye to clients in its one loop, two seconds at worst. Browsers open connections they may never
use, and phones lose their network. Here a thread is only given to a request that has begun, for a limited time, and the
goodbye is the thread's own.
"""

import sys
import time
from contextlib import suppress
from functools import partial
from http import HTTPStatus
from selectors import EVENT_READ
from socket import socket

import orjson
from gunicorn import util
from gunicorn.workers.gthread import TConn, ThreadWorker

from drengr.api import arrivals
from drengr.config import read_config

_LONGEST_READ_DIGITS = 7  # bodies below 10 MB are always read to their end, refused or not
_LAST_READ_BYTES = 64 * 1024 * 1024
_LAST_READ_S = 5.0
# Beside a large import, which computes without pause, live requests got their turn late: p99 fell from 111 to 48 ms.
_SWITCH_S = 0.001


class Connection(TConn):
    """A client. Closing it takes no time: its thread has said goodbye."""

    def close(self, graceful: bool = False) -> None:
        super().close()


class Worker(ThreadWorker):
    """A thread for every request that has begun to arrive, and a deadline for the rest of it."""

    def init_process(self) -> None:
        self._read_seconds = read_config()["DRENGR_BODY_SECONDS"]
        sys.setswitchinterval(_SWITCH_S)
        super().init_process()

    def set_accept_enabled(self, enabled: bool) -> None:
        """At the end, close the door and not only the ears.

        gunicorn leaves a stopping worker's port open while it finishes what it has. Who connects meanwhile is cut off
        at the end: Python's SDK drops its events then, but tries twelve times when it is refused.
        """
        super().set_accept_enabled(enabled)
        if not (enabled or self.alive):
            for listener in self.sockets:
                while self._takes_in_one(listener):
                    pass
                listener.close()
            self.sockets = []  # a worker stopped at a bad moment comes here twice

    def accept(self, listener) -> None:
        """Let the new connection wait in the loop until it says something."""
        self._takes_in_one(listener)

    def _takes_in_one(self, listener) -> bool:
        try:
            client, address = listener.accept()
        except (BlockingIOError, ConnectionAbortedError):
            return False  # another worker had it, or it is gone
        self.nr_conns += 1
        conn = Connection(self.cfg, client, address, listener.getsockname())
        conn.timeout = time.monotonic() + self.cfg.keepalive
        self.pending_conns.append(conn)
        self.poller.register(client, EVENT_READ, partial(self.on_pending_socket_readable, conn))
        return True

    def enqueue_req(self, conn) -> None:
        """Note the time: waiting for a free thread counts as waiting."""
        arrivals.note(conn.sock, self._read_seconds)
        super().enqueue_req(conn)

    def handle(self, conn):
        """One request, in a thread; true when the connection is kept."""
        kept = False
        try:
            kept = super().handle(conn)
            return kept
        finally:
            arrivals.forget(conn.sock)
            if not kept:
                self._say_goodbye(conn)

    def _say_goodbye(self, conn) -> None:
        """Read what is left of the request and hang up: a client that is cut off while it sends sees no answer."""
        with suppress(Exception):  # whatever the rest is, it is of no use any more
            conn.parser.finish_body(deadline=time.monotonic() + _LAST_READ_S, max_bytes=_LAST_READ_BYTES)
        util.close_graceful(conn.sock)

    def handle_request(self, req, conn):
        """A request that may not be read to its end cannot be followed by another: say so, or a proxy sends one."""
        headers = dict(req.headers)
        if "TRANSFER-ENCODING" in headers or len(headers.get("CONTENT-LENGTH", "")) > _LONGEST_READ_DIGITS:
            req.force_close()
        return super().handle_request(req, conn)

    def murder_pending(self) -> None:
        """Once a second at least: end what takes too long."""
        super().murder_pending()
        arrivals.cut_off_overdue()


def write_json_error(sock: socket, status: int, reason: str, _message: str) -> None:
    """gunicorn's own refusals (bad chunks, huge headers) as SDKs understand them; its HTML makes Go's loop for ever."""
    status = 400 if status == 501 else status  # an unknown transfer coding is the client's fault
    body = orjson.dumps({"code": status, "error": reason.lower()}).decode()
    head = (
        f"HTTP/1.1 {status} {HTTPStatus(status).phrase}",
        "Connection: close",
        "Content-Type: application/json",
        "Access-Control-Allow-Origin: *",
        f"Content-Length: {len(body)}",
    )
    util.write_nonblock(sock, "\r\n".join((*head, "", body)).encode("latin-1"))


util.write_error = write_json_error
