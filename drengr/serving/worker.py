"""gunicorn's threaded worker, made so that slow clients cannot stop the others (contract 7).

gunicorn gives a connection a thread that then waits for its client: to send the request, to take the answer, to hang
up. Here the worker's one loop does all the waiting. A thread is given to a request that is here, to its end, and is
free again when the answer is made; what the client has not taken of it is sent by the loop. Only bodies that do not
fit in memory are read by the thread that works on them: few at once, and the slowest of them gives way.

Whoever waits has a time, and whatever is kept for those who wait has a limit, past which the one that has waited
longest is let go.

What is taken over from gunicorn's ThreadWorker is listed in TAKEN_OVER; a test holds it to gunicorn's source.
"""

import time
from concurrent.futures import Future
from contextlib import suppress
from functools import partial
from selectors import EVENT_READ, EVENT_WRITE
from socket import SO_SNDBUF, SOL_SOCKET
from sys import setswitchinterval

from drengr.api import arrivals
from drengr.config import read_config
from drengr.serving.arriving import Stage
from drengr.serving.connection import ClientSocket, Connection
from drengr.serving.refusals import error_answer, log_fault, status_of
from drengr.serving.waiting import SLOW_AFTER_S, WaitingWorker

TAKEN_OVER = (
    "accept", "enqueue_req", "finish_request", "handle", "handle_error", "handle_request", "murder_keepalived",
    "murder_pending", "set_accept_enabled", "_cap_keepalive", "run", "init_process", "_keepalive_after",
)  # fmt: skip

_ANSWER_S = 60.0  # for a client to take an answer
_MAX_HELD_BYTES = 64 * 1024 * 1024  # of requests that arrive, and again of answers that are not taken
_LARGE_BYTES = 64 * 1024
_CONNECTIONS_FOR_ONE_MORE = 64
_SEND_BUFFER_BYTES = 128 * 1024  # the kernel's own would hold 4 MB for each client that does not read
_SLOW_BYTES_PER_S = 1024
_STOP_IDLE_S, _STOP_ARRIVING_S, _STOP_ANSWER_S = 2.0, 3.0, 4.0
# Beside a large import, which computes without pause, live requests got their turn late: p99 fell from 111 to 48 ms.
_SWITCH_S = 0.001


class Worker(WaitingWorker):
    """All clients wait in the loop; threads work."""

    sockets: list  # gunicorn's own

    def init_process(self) -> None:
        self._arriving_s = read_config()["DRENGR_BODY_SECONDS"]
        self._long: set[Connection] = set()
        self._long_at_most = max(1, self.cfg.threads // 4)
        for listener in self.sockets:  # whoever is accepted has it too
            listener.setsockopt(SOL_SOCKET, SO_SNDBUF, _SEND_BUFFER_BYTES)
        setswitchinterval(_SWITCH_S)
        super().init_process()

    # Coming -----------------------------------------------------------------------------------------------------------

    def set_accept_enabled(self, enabled: bool) -> None:
        """At the end, close the port and do not only stop listening to it.

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
        """Let new connections wait in the loop until their requests are here.

        One at a time, so that workers share them evenly; beside many slow clients, whose rounds of the loop are long,
        more: the kernel turned honest ones away, who tried again after a second or three.
        """
        for _ in range(1 + self.nr_conns // _CONNECTIONS_FOR_ONE_MORE):
            if not self._takes_in_one(listener):
                break
            if self.nr_conns >= self.worker_connections:
                self._let_one_go()

    def _takes_in_one(self, listener) -> bool:
        try:
            accepted, address = listener.accept()
        except (BlockingIOError, ConnectionAbortedError):
            return False  # another worker had it, or it is gone
        except OSError:  # no file left: gunicorn listens again when one is closed
            if not self._let_one_go():
                self.worker_connections = max(1, self.nr_conns)
            return False
        self.nr_conns += 1
        conn = Connection(self.cfg, ClientSocket(accepted), address, listener.getsockname())
        self._wait(conn, self._fresh, self._arriving_s, EVENT_READ, self._read)
        return True

    def _read(self, conn: Connection, _: object) -> None:
        try:
            size = conn.sock.recv_into(self._buffer)
        except BlockingIOError:
            return
        except OSError:
            self._close(conn)
            return
        if size:
            conn.arriving.bytes += self._buffer[:size]
            self._count(conn)
            self._look(conn)
        elif conn.arriving.bytes:
            self._serve_part(conn)  # it has said all that it will say
        else:
            self._close(conn)

    def _serve_part(self, conn: Connection) -> None:
        """What is here is all that is waited for: the parser or the door says what is missing."""
        conn.arriving.end = len(conn.arriving.bytes)
        conn.is_last = True
        self._serve(conn)

    def _look(self, conn: Connection) -> None:
        """Give what has come to a thread, or let it wait for more."""
        stage = conn.arriving.stage()
        if stage is Stage.WHOLE:
            self._serve(conn)
        elif stage is Stage.LONG:
            self._queue(conn)
        elif stage is Stage.TOO_LONG:
            self._refuse(conn, 431)
        else:
            if conn.state is not self._arriving:
                self._wait(conn, self._arriving, self._arriving_s, EVENT_READ, self._read)
            if len(conn.arriving.bytes) > _LARGE_BYTES:
                self._large[conn] = None
            if conn.arriving.wants_continue and not conn.told_to_continue:
                conn.told_to_continue = True
                with suppress(OSError):
                    conn.sock.send(b"HTTP/1.1 100 Continue\r\n\r\n")
            while self._requests_bytes > _MAX_HELD_BYTES and self._refuse_oldest_large():
                pass

    def _refuse_oldest_large(self) -> bool:
        conn = next(iter(self._large), None)
        if conn is not None:
            self._refuse(conn, 503)
        return conn is not None

    # Being worked on --------------------------------------------------------------------------------------------------

    def _serve(self, conn: Connection) -> None:
        self._unwait(conn)
        now = time.monotonic()
        conn.sock.arrival = arrivals.Arrival(due=now, whole_at=now)
        self.enqueue_req(conn)

    def _queue(self, conn: Connection) -> None:
        """A body that the thread itself reads: few of them at once, or their clients would have all the threads."""
        seconds = conn.due - time.monotonic() if conn.state is self._arriving else self._arriving_s
        self._unwait(conn)
        self._wait(conn, self._queued, seconds)
        self._serve_queued()

    def _serve_queued(self) -> None:
        while self._queued and len(self._long) < self._long_at_most:
            conn = next(iter(self._queued))
            self._unwait(conn)
            conn.is_long = conn.is_last = True
            conn.long_since = time.monotonic()
            self._long.add(conn)
            conn.sock.arrival = arrivals.Arrival(due=conn.due)
            self.enqueue_req(conn)
        if self._queued:
            self._hurry_the_slowest()

    def _hurry_the_slowest(self) -> None:
        now = time.monotonic()
        for conn in self._long:
            age_s = now - conn.long_since
            if age_s > SLOW_AFTER_S and conn.long_bytes < age_s * _SLOW_BYTES_PER_S and conn.sock.arrival:
                conn.sock.arrival.due = now

    def handle(self, conn: Connection) -> bool:
        """One request, in a thread; true when the connection is kept."""
        try:
            return super().handle(conn)
        finally:
            with suppress(OSError):
                conn.sock.flush()

    def handle_request(self, req, conn: Connection) -> bool:
        """A request that may not be read to its end cannot be followed by another: say so, or a proxy sends one."""
        if conn.is_last:
            req.force_close()
        if conn.told_to_continue:
            req._expected_100_continue = False  # the loop has said it
        return super().handle_request(req, conn)

    def _keepalive_after(self, conn: Connection, keepalive: bool) -> bool:
        """What the application has not read is in memory: nobody is waited for."""
        return bool(keepalive and conn.parser.finish_body())

    def handle_error(self, req, client: ClientSocket, addr, exc: Exception) -> None:
        """gunicorn's would log the line that was wrong."""
        log_fault(exc)
        with suppress(OSError):
            client.sendall(error_answer(status_of(exc)))

    # Going ------------------------------------------------------------------------------------------------------------

    def finish_request(self, conn: Connection, fs: Future) -> None:
        """In the loop again: send what is left of the answer, then wait for the next request or hang up."""
        self._long.discard(conn)
        kept = not fs.cancelled() and fs.exception() is None and bool(fs.result())
        conn.sock.arrival = None
        self._count(conn)
        if conn.sock.unsent:
            conn.answer_bytes = len(conn.sock.unsent)
            self._answers_bytes += conn.answer_bytes
            self._wait(conn, self._sending, _ANSWER_S, EVENT_WRITE, partial(self._send, kept))
            while self._answers_bytes > _MAX_HELD_BYTES and self._sending:
                self._close(next(iter(self._sending)))
        else:
            self._after_answer(conn, kept)
        self._serve_queued()

    def _send(self, kept: bool, conn: Connection, _: object) -> None:
        try:
            conn.sock.flush()
        except OSError:
            self._close(conn)
            return
        if not conn.sock.unsent:
            self._unwait(conn)
            self._after_answer(conn, kept)

    def _after_answer(self, conn: Connection, kept: bool) -> None:
        if not kept:
            self._hang_up(conn)
            return
        conn.told_to_continue = False
        conn.arriving.bytes[:0] = conn.parser.unreader.take_buffered()
        conn.arriving.next_request()
        self._count(conn)
        self._wait(conn, self._idle, self.cfg.keepalive, EVENT_READ, self._read)
        if conn.arriving.bytes:
            self._look(conn)

    def _refuse(self, conn: Connection, status: int) -> None:
        """Answer without a thread, and hang up."""
        self._unwait(conn)
        with suppress(OSError):
            conn.sock.sendall(error_answer(status))
            conn.sock.flush()
        conn.is_last = True
        self._hang_up(conn)

    # Having waited long enough ----------------------------------------------------------------------------------------

    def murder_keepalived(self, force: bool = False) -> None:
        """Once a second at least, and after every round of the loop: end the waiting of whoever has had his time."""
        now = time.monotonic()
        for state, end in (
            (self._fresh, self._close),
            (self._idle, self._close),
            (self._arriving, self._end_arriving),
            (self._queued, partial(self._refuse, status=503)),
            (self._sending, self._close),
            (self._leaving, self._close),
        ):
            while state and (force or next(iter(state)).due <= now):
                end(next(iter(state)))

    def murder_pending(self) -> None:
        """Nobody is in gunicorn's own list."""

    def _end_arriving(self, conn: Connection) -> None:
        if arrivals.is_stopping():
            self._refuse(conn, 503)
        elif conn.arriving.has_head:
            self._serve_part(conn)
        else:
            self._close(conn)

    def _cap_keepalive(self, deadline: float) -> None:
        """The worker stops: everybody who waits gets the few seconds that are left."""
        arrivals.stop()
        now = time.monotonic()
        for state, seconds in (
            (self._fresh, _STOP_IDLE_S),
            (self._idle, _STOP_IDLE_S),
            (self._arriving, _STOP_ARRIVING_S),
            (self._queued, 0.0),
            (self._sending, _STOP_ANSWER_S),
            (self._leaving, 1.0),
        ):
            for conn in state:
                conn.due = min(conn.due, now + seconds)
