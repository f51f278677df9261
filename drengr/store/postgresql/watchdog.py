"""The service's own clock over connections that wait for an answer (contract 13: 5 s).

A server that was stopped (SIGSTOP, a frozen machine) goes on acknowledging what its kernel receives: no limit of the
server, of TCP or of libpq ends the wait. Only the socket, shut down from another thread, does so at once.
"""

import os
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import psycopg

_LOOK_EVERY_S = 0.1


class Watchdog:
    """Shuts the sockets of those who wait past their deadline. Its thread starts with the first who waits."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: dict[int, float] = {}  # file descriptor → deadline
        self._overdue: set[int] = set()
        self._runs = False
        self._ended = threading.Event()

    @contextmanager
    def watching(self, descriptor: int, deadline: float) -> Iterator[None]:
        """Whoever waits on this socket inside the block is interrupted at the deadline, monotonic seconds.

        Raises  TimeoutError instead of what the interrupted call raised
        """
        with self._lock:
            self._waiting[descriptor] = deadline
            if not self._runs:
                self._runs = True
                threading.Thread(target=self._run, name="drengr-watchdog", daemon=True).start()
        try:
            yield
        except psycopg.Error:
            if descriptor in self._overdue:
                raise TimeoutError from None
            raise
        finally:
            with self._lock:  # before anybody closes the socket: its number may be another's at once
                self._waiting.pop(descriptor, None)
                self._overdue.discard(descriptor)

    def end(self) -> None:
        """Let the thread end."""
        self._ended.set()

    def _run(self) -> None:
        while not self._ended.wait(_LOOK_EVERY_S):
            now = time.monotonic()
            with self._lock:
                for descriptor, deadline in list(self._waiting.items()):
                    if deadline < now:
                        del self._waiting[descriptor]
                        self._overdue.add(descriptor)
                        _shut(descriptor)


def _shut(descriptor: int) -> None:
    with suppress(OSError), socket.socket(fileno=os.dup(descriptor)) as copy:
        copy.shutdown(socket.SHUT_RDWR)
