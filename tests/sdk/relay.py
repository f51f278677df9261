"""A byte relay between an SDK and the service that remembers every request and answer; it changes no byte."""

import gzip
import json
import socket
import threading
import urllib.parse
from contextlib import closing, suppress
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Self


@dataclass
class Exchange:
    """One request as it crossed the wire; status is 0 while no answer has passed."""

    method: str
    path: str
    headers: dict[str, str]
    raw_body: bytes
    status: int = 0

    @property
    def body(self) -> bytes:
        return gzip.decompress(self.raw_body) if self.headers.get("content-encoding") == "gzip" else self.raw_body

    @cached_property
    def envelope(self) -> dict[str, Any]:
        """The JSON body, or amplitude-js' form in the JSON body's words (api_key, events)."""
        if self.headers.get("content-type", "").startswith("application/x-www-form-urlencoded"):
            form = dict(urllib.parse.parse_qsl(self.body.decode()))
            return {"api_key": form["client"], "events": json.loads(form["e"]), "form": form}
        return json.loads(self.body)


@dataclass
class Stream:
    """One direction of a connection, cut into HTTP messages; every sender seen here gives Content-Length."""

    pending: bytes = b""
    messages: list[tuple[str, dict[str, str], bytes]] = field(default_factory=list)

    def feed(self, more: bytes) -> None:
        self.pending += more
        while b"\r\n\r\n" in self.pending:
            head, rest = self.pending.split(b"\r\n\r\n", 1)
            first, *lines = head.decode("latin-1").split("\r\n")
            headers = {k.lower(): v.strip() for k, v in (line.split(":", 1) for line in lines)}
            length = int(headers.get("content-length", 0))
            if len(rest) < length:
                return
            self.messages.append((first, headers, rest[:length]))
            self.pending = rest[length:]


class Relay:
    """Listens on a loopback port of its own and passes everything to `port`."""

    def __init__(self, port: int) -> None:
        self.upstream_port = port
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.url = f"http://127.0.0.1:{self.listener.getsockname()[1]}"
        self.connections: list[tuple[Stream, Stream]] = []
        threading.Thread(target=self.accept, daemon=True).start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.listener.shutdown(socket.SHUT_RDWR)  # wakes accept()
        self.listener.close()

    def exchanges(self) -> list[Exchange]:
        """Every request so far, oldest first within each connection."""
        return [exchange for pair in list(self.connections) for exchange in paired(*pair)]

    def accept(self) -> None:
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:  # closed: the tests are over
                return
            threading.Thread(target=self.carry, args=(client,), daemon=True).start()

    def carry(self, client: socket.socket) -> None:
        asked, answered = Stream(), Stream()
        self.connections.append((asked, answered))
        with closing(client), suppress(OSError):  # either side may vanish at any moment: so do networks
            upstream = socket.create_connection(("127.0.0.1", self.upstream_port), 10)
            upstream.settimeout(None)
            with closing(upstream):
                back = threading.Thread(target=carry_back, args=(upstream, client, answered), daemon=True)
                back.start()
                carry_on(client, upstream, asked)
                back.join(60)


def carry_on(client: socket.socket, upstream: socket.socket, asked: Stream) -> None:
    with suppress(OSError):
        while more := client.recv(65536):
            asked.feed(more)
            upstream.sendall(more)
    with suppress(OSError):
        upstream.shutdown(socket.SHUT_WR)


def carry_back(upstream: socket.socket, client: socket.socket, answered: Stream) -> None:
    with suppress(OSError):
        while more := upstream.recv(65536):
            answered.feed(more)
            with suppress(OSError):  # a page that sent a beacon is gone before the answer comes
                client.sendall(more)
    with suppress(OSError):
        client.shutdown(socket.SHUT_RDWR)


def paired(asked: Stream, answered: Stream) -> list[Exchange]:
    exchanges = []
    for first, headers, body in list(asked.messages):
        method, path, _ = first.split(" ", 2)
        exchanges.append(Exchange(method, path, headers, body))
    finals = [first for first, _, _ in list(answered.messages) if " 100 " not in first]
    for exchange, first in zip(exchanges, finals, strict=False):
        exchange.status = int(first.split(" ", 2)[1])
    return exchanges
