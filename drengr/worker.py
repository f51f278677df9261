"""gunicorn's threaded worker, made so that slow clients can use up neither its threads nor its one loop.

gunicorn gives a new connection a thread before the first byte is there, lets a client that sends a byte a second keep
it for ever, and waits in its loop for clients to hang up. Browsers open connections they may never use, and phones lose
their network: thirty-two sleepy clients would stop all.
"""

import time
from contextlib import suppress
from functools import partial
from http import HTTPStatus
from selectors import EVENT_READ
from socket import MSG_DONTWAIT, SHUT_WR, socket

import orjson
from gunicorn import util
from gunicorn.workers.gthread import STOP_KEEPALIVE_LINGER, TConn, ThreadWorker

from drengr import arrivals
from drengr.config import read_config
from drengr.request_head import length_of_request
from drengr.sparing_log import faults

_MOST_HELD_BYTES = 32 * 1024 * 1024  # of requests that are arriving or worked on
_READ_BYTES = 256 * 1024
_GOODBYE_S = 10.0  # for a client to read its last answer and hang up


class Connection(TConn):
    """A client, and what has come in of its request before a thread takes it."""

    def __init__(self, cfg, sock, client, server, say_goodbye) -> None:
        super().__init__(cfg, sock, client, server)
        self.data_ready = True  # so gunicorn does not wait for it again
        self.early = bytearray()
        self.length = 1  # of the request, as far as it is known
        self.held_bytes = 0
        self.streams = False  # its thread reads the request as it comes
        self.leaving = False  # it has its last answer
        self._say_goodbye = say_goodbye

    def close(self, graceful: bool = False) -> None:
        """Close now, or once the client has read its answer."""
        if graceful:
            self._say_goodbye(self)
        else:
            super().close()


class Worker(ThreadWorker):
    """The loop gathers a request; a thread takes it when it is whole. Only files and the like are read by threads."""

    def init_process(self) -> None:
        self._read_seconds = read_config()["DRENGR_BODY_SECONDS"]
        self._awaited: set[Connection] = set()
        self._held_bytes = 0
        self._streams = 0
        self._next_sweep = 0.0
        super().init_process()

    def set_accept_enabled(self, enabled: bool) -> None:
        """At the end, close the door and not only the ears.

        gunicorn leaves a stopping worker's port open while it finishes what it has. Who connects meanwhile is cut off
        at the end: Python's SDK drops its events then, but tries twelve times when it is refused.
        """
        super().set_accept_enabled(enabled)
        if self.alive:
            return
        for listener in self.sockets:
            while self._takes_in_one(listener):
                pass
            listener.close()
        soon = time.monotonic() + STOP_KEEPALIVE_LINGER
        for conn in self._awaited:
            if not conn.early:
                conn.timeout = min(conn.timeout, soon)

    def _takes_in_one(self, listener) -> bool:
        try:
            client, address = listener.accept()
        except OSError:
            return False  # another worker had it, it is gone, or the system has no more open files
        self.nr_conns += 1
        conn = Connection(self.cfg, client, address, listener.getsockname(), self._say_goodbye)
        conn.timeout = time.monotonic() + self.cfg.keepalive
        self._read(conn)
        return True

    def accept(self, listener) -> None:
        """A new connection, which may or may not say something soon."""
        self._takes_in_one(listener)

    def enqueue_req(self, conn) -> None:
        """A kept connection says something, or has said it together with the request before."""
        conn.length = 1
        if before := conn.parser.unreader.take_buffered():
            self._gather(conn, before)
        else:
            self._read(conn)

    def _read(self, conn, _socket=None) -> None:
        """Take what has come in."""
        try:
            piece = conn.sock.recv(_READ_BYTES, MSG_DONTWAIT)
        except BlockingIOError:
            self._await(conn)
            return
        except OSError:
            piece = b""
        if not piece:
            self._drop(conn)
        elif not conn.leaving:
            self._gather(conn, piece)

    def _gather(self, conn, piece: bytes) -> None:
        """Hand the request to a thread when this is the last piece of it, or when no end can be waited for."""
        if not conn.early:
            piece = piece.lstrip(b"\r\n")  # RFC 9112, 2.2: blank lines before a request mean nothing
            if piece:
                conn.timeout = time.monotonic() + self._read_seconds
        conn.early += piece
        conn.held_bytes += len(piece)
        self._held_bytes += len(piece)
        if len(conn.early) >= conn.length:
            length = length_of_request(conn.early)
            conn.streams = length is None
            conn.length = length or 0
        if self._held_bytes > _MOST_HELD_BYTES or (conn.streams and self._streams >= self.cfg.threads // 2):
            faults.error("503: more or larger requests at once than this service can hold")
            self._refuse(conn, 503, "too many requests at once, nothing was stored; send it again later")
        elif len(conn.early) < conn.length:
            self._await(conn)
        else:
            self._start(conn)

    def _await(self, conn) -> None:
        if conn not in self._awaited:
            self._awaited.add(conn)
            self.poller.register(conn.sock, EVENT_READ, partial(self._read, conn))

    def _leave(self, conn) -> None:
        if conn in self._awaited:
            self._awaited.remove(conn)
            self.poller.unregister(conn.sock)

    def _start(self, conn) -> None:
        self._leave(conn)
        self._streams += conn.streams
        arrivals.note(conn.sock, self._read_seconds)  # waiting for a free thread counts as waiting
        super().enqueue_req(conn)

    def handle(self, conn):
        """One request, in a thread."""
        try:
            conn.init()
            conn.parser.unreader.unread(bytes(conn.early))
            conn.early.clear()
            return super().handle(conn)
        finally:
            arrivals.forget(conn.sock)

    def handle_request(self, req, conn):
        """A request that was not read to its end cannot be followed by another: say so, or a proxy sends one."""
        if conn.streams:
            req.force_close()
        return super().handle_request(req, conn)

    def finish_request(self, conn, fs) -> None:
        """The thread is done with it: keep the connection for the next request, or end it."""
        self._streams -= conn.streams
        conn.streams = False
        self._release(conn)
        super().finish_request(conn, fs)

    def _release(self, conn) -> None:
        self._held_bytes -= conn.held_bytes
        conn.held_bytes = 0

    def _refuse(self, conn, status: int, reason: str) -> None:
        with suppress(OSError):
            util.write_error(conn.sock, status, reason, "")
        self.nr_conns -= 1
        self._say_goodbye(conn)

    def _say_goodbye(self, conn) -> None:
        """Say that nothing more follows, and throw away what still comes: if it were left unread, the client's system
        would report a reset and many SDKs never see the answer.
        """
        self.nr_conns += 1
        self._release(conn)
        conn.early.clear()
        conn.leaving = True
        conn.timeout = time.monotonic() + (_GOODBYE_S if self.alive else STOP_KEEPALIVE_LINGER)
        try:
            conn.sock.shutdown(SHUT_WR)
            self._await(conn)
        except OSError:
            self._drop(conn)

    def _drop(self, conn) -> None:
        self._leave(conn)
        self._release(conn)
        self.nr_conns -= 1
        conn.close()

    def murder_pending(self) -> None:
        """Once a second: end what takes too long."""
        now = time.monotonic()
        if now < self._next_sweep:
            return
        self._next_sweep = now + 1.0
        arrivals.cut_off_overdue()
        for conn in [conn for conn in self._awaited if conn.timeout < now]:
            if conn.early:
                self._refuse(conn, 408, "request timeout")
            else:
                self._drop(conn)


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
