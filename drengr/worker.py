"""gunicorn's threaded worker, made so that slow clients cannot use up its threads."""

import time
from functools import partial
from selectors import EVENT_READ

from gunicorn.workers.gthread import TConn, ThreadWorker

from drengr import arrivals
from drengr.config import read_config


class Worker(ThreadWorker):
    """A thread for every request that has begun to arrive, and a deadline for the rest of it.

    gunicorn gives a new connection a thread before the first byte is there, and lets a client that sends a byte a
    second keep it for ever. Browsers open connections they may never use; thirty-two sleepy clients would stop all.
    """

    def init_process(self) -> None:
        self._read_seconds = read_config()["DRENGR_BODY_SECONDS"]
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

    def _takes_in_one(self, listener) -> bool:
        waiting = self.nr_conns
        self.accept(listener)
        return self.nr_conns > waiting

    def accept(self, listener) -> None:
        """Let the new connection wait in the poller until it says something."""
        try:
            client, address = listener.accept()
        except (BlockingIOError, ConnectionAbortedError):
            return  # another worker had it, or it is gone
        self.nr_conns += 1
        connection = TConn(self.cfg, client, address, listener.getsockname())
        connection.timeout = time.monotonic() + self.cfg.keepalive
        self.pending_conns.append(connection)
        self.poller.register(client, EVENT_READ, partial(self.on_pending_socket_readable, connection))

    def enqueue_req(self, conn) -> None:
        """Note the time: waiting for a free thread counts as waiting."""
        arrivals.note(conn.sock, self._read_seconds)
        super().enqueue_req(conn)

    def handle(self, conn):
        """One request, after which its deadline is forgotten."""
        try:
            return super().handle(conn)
        finally:
            arrivals.forget(conn.sock)

    def murder_pending(self) -> None:
        """Once a second at least: end what takes too long."""
        super().murder_pending()
        arrivals.cut_off_overdue()
