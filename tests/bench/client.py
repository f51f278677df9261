"""A load of live events from one process: `python client.py PORT KEY CLIENTS SECONDS EVENTS [PATH]` → one JSON line.

One thread and a selector, requests made of prepared bytes: it takes a tenth of what the service needs a request, so on
two cores the service is what is measured. Every insert_id is random, as SDKs' are.
"""

import json
import os
import selectors
import socket
import sys
import time
from itertools import count

_EVENT = (
    b'{"event_type":"%s","user_id":"user_%d","device_id":"%s","time":%d,"insert_id":"%s","session_id":1795188904355,'
    b'"os_name":"iOS","os_version":"17.4","device_model":"iPhone15,2","app_version":"4.12.0","platform":"iOS",'
    b'"language":"en","library":"amplitude-ts/2.48.1","event_properties":{"screen":"checkout","plan":"pro",'
    b'"currency":"EUR","revenue":42.5,"items":3,"coupon":null},"user_properties":{"plan":"pro"}}'
)
_NAMES = [
    b"Order Completed",
    b"Page Viewed",
    b"session_start",
    b"Item Added",
    b"Search",
    b"Sign Up",
    b"Paused",
    b"Played",
]
_numbers = count()


def uuid_text() -> bytes:
    """A random UUID as text, cheaply."""
    digits = os.urandom(16).hex()
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}".encode()


_DEVICES = [uuid_text() for _ in range(5000)]


def event(now_ms: int | None = None) -> bytes:
    """One event as an SDK writes it, about 460 bytes of JSON."""
    number = next(_numbers)
    user = (number * 2654435761) % 5000
    sent_at = int(time.time() * 1000) if now_ms is None else now_ms
    return _EVENT % (_NAMES[number * number % 8], user, _DEVICES[user], sent_at, uuid_text())


def request(key: str, events: int, path: str = "/amplitude-ingest") -> bytes:
    """A whole HTTP request with that many fresh events."""
    body = b'{"api_key":"%s","events":[%s]}' % (key.encode(), b",".join(event() for _ in range(events)))
    return b"POST %s HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s" % (
        path.encode(),
        len(body),
        body,
    )


class _Client:
    """One keep-alive connection, one request at a time."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.connect()

    def connect(self) -> None:
        self.socket = socket.create_connection(("127.0.0.1", self.port), timeout=30)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.answer = b""

    def send(self, request_bytes: bytes) -> None:
        self.sent_at = time.perf_counter()
        self.answer = b""
        self.socket.sendall(request_bytes)

    def status(self) -> int | None:
        """The answer's status once it is all here; 0 when the connection broke."""
        piece = self.socket.recv(65536)
        self.answer += piece
        if not piece:
            return 0
        head, found, body = self.answer.partition(b"\r\n\r\n")
        if not found:
            return None
        length = int(head.lower().split(b"content-length:")[1].split(b"\r\n")[0])
        return int(head[9:12]) if len(body) >= length else None


def load(port: int, key: str, clients: int, seconds: float, events: int, path: str = "/amplitude-ingest") -> dict:
    """Requests a second, their times in ms, and how they were answered."""
    selector = selectors.DefaultSelector()
    for _ in range(clients):
        client = _Client(port)
        client.send(request(key, events, path))
        selector.register(client.socket, selectors.EVENT_READ, client)
    times, codes, begun = [], {}, time.perf_counter()
    while (now := time.perf_counter()) < begun + seconds:
        for chosen, _ in selector.select(timeout=1):
            client = chosen.data
            status = client.status()
            if status is None:
                continue
            codes[status] = codes.get(status, 0) + 1
            if status == 200:
                times.append((time.perf_counter() - client.sent_at) * 1000)
            if status == 0 or b"connection: close" in client.answer.lower():
                selector.unregister(client.socket)
                client.connect()
                selector.register(client.socket, selectors.EVENT_READ, client)
            client.send(request(key, events, path))
    times.sort()
    return {
        "requests_per_s": codes.get(200, 0) / (now - begun),
        "p50_ms": times[len(times) // 2] if times else None,
        "p99_ms": times[int(len(times) * 0.99)] if times else None,
        "max_ms": times[-1] if times else None,
        "codes": codes,
    }


if __name__ == "__main__":
    port, key, clients, seconds, events, *path = sys.argv[1:]
    print(json.dumps(load(int(port), key, int(clients), float(seconds), int(events), *path)))
