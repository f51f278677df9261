"""A TCP proxy in front of PostgreSQL that cuts where a test says so."""

import socket
import threading
from contextlib import suppress
from typing import Self

from tests.service import free_port


class Proxy:
    """Forwards everything until `cut_at` bytes are seen on their way to the server: then both ends are closed.

    forwards  whether the server gets those bytes first
    """

    def __init__(self, port: int) -> None:
        self._target = port
        self.port = free_port()
        self.cut_at: bytes | None = None
        self.forwards = True
        self.cuts = 0
        self._listener = socket.create_server(("127.0.0.1", self.port))
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)  # wakes the thread that waits for the next client
        self._listener.close()

    def url(self, url: str) -> str:
        """The database's URL by way of this proxy."""
        return url.replace(f":{self._target}/", f":{self.port}/") + "?sslmode=disable&gssencmode=disable"

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                threading.Thread(target=self._serve, args=(self._listener.accept()[0],), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with client, suppress(OSError), socket.create_connection(("127.0.0.1", self._target)) as server:
            answers = threading.Thread(target=self._pump, args=(server, client))
            answers.start()
            self._pump(client, server)
            answers.join()

    def _pump(self, here: socket.socket, there: socket.socket) -> None:
        with suppress(OSError):
            while piece := here.recv(65536):
                if self.cut_at is not None and self.cut_at in piece:
                    self.cut_at, self.cuts = None, self.cuts + 1
                    here.shutdown(socket.SHUT_RDWR)  # first: no answer gets through any more
                    if self.forwards:
                        there.sendall(piece)
                    break
                there.sendall(piece)
        for each in (here, there):
            with suppress(OSError):
                each.shutdown(socket.SHUT_WR)
