"""What happens to SDKs and plain clients while the service runs out of quota, is killed, or is asked to stop."""

import http.client
import json
import socket
import threading
import time
import uuid
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.sdk.driving import Run, driver_command, driver_lines
from tests.sdk.relay import Relay
from tests.service import Service

STREAM_SECONDS = 5


@dataclass
class Story:
    """The file after it all: its rows, what clients were told, and what each SDK's run looked like."""

    rows: list[dict[str, Any]] = field(default_factory=list)
    runs: dict[str, Future[Run]] = field(default_factory=dict)
    clients: list["Client"] = field(default_factory=list)
    notes: dict[str, Any] = field(default_factory=dict)


def quota(folder: Path, cache: Path) -> Story:
    """Two SDKs meet a full quota; a minute's worth of patience later it has been raised."""
    with Service(folder / "events.db", DRENGR_DAILY_EVENT_QUOTA="5") as service, ThreadPoolExecutor() as pool:
        key = service.project("quota")["publishable_key"]
        first = Client(service.port, key)
        first.send(5)
        with Relay(service.port) as to_python, Relay(service.port) as to_node:
            relays = {"python": to_python, "node": to_node}
            running = {
                sdk: pool.submit(report, sdk, cache, {
                    "url": relay.url + "/amplitude-ingest", "key": key, "user": sdk, "scenario": "few", "patience": 60})
                for sdk, relay in relays.items()
            }
            wait_until(lambda: all(429 in statuses(relays[sdk]) or running[sdk].done() for sdk in relays))
            held = service.events()
            service.restart(DRENGR_DAILY_EVENT_QUOTA="1000000")
            wait([*running.values()], timeout=90)
            notes = {"held": held, "statuses": {sdk: statuses(relay) for sdk, relay in relays.items()}}
        return Story(service.events(), running, [first], notes)


def killed(folder: Path, cache: Path) -> Story:
    """SDKs and plain clients stream while the service, two workers of it, is twice killed and started again."""
    with Service(folder / "events.db", WEB_CONCURRENCY="2") as service:
        with streaming(service, cache) as (running, clients):
            for _ in range(2):
                time.sleep(1.2)
                service.kill()
                for client in clients:
                    client.acked_before_kill.append(len(client.acked))
                service.start()
        rows = service.events()
        integrity = service.integrity()
    return Story(rows, running, clients, {"integrity": integrity})


def terminated(folder: Path, cache: Path) -> Story:
    """SIGTERM while clients stream and one request is only half sent; its other half follows after the signal."""
    with Service(folder / "events.db") as service:
        with streaming(service, cache) as (running, clients):
            time.sleep(1.2)
            slow_id = str(uuid.uuid4())
            connection, rest = half_sent(service.port, clients[0].body([slow_id]))
            time.sleep(0.3)  # the worker has accepted it and waits for the rest of the body
            with ThreadPoolExecutor(1) as pool:
                stopping = pool.submit(service.stop)
                time.sleep(0.5)
                connection.sendall(rest)
                answer = http.client.HTTPResponse(connection)
                answer.begin()
                notes = {"status": answer.status, "body": json.loads(answer.read()), "id": slow_id}
                connection.close()
                notes["exit_code"] = stopping.result()
        rows = service.events()
        notes["integrity"] = service.integrity()
    return Story(rows, running, clients, notes)


class Client:
    """Posts small batches with ids of its own, a new connection each, and remembers which were acknowledged."""

    def __init__(self, port: int, key: str) -> None:
        self.port, self.key = port, key
        self.sent: list[str] = []
        self.acked: list[str] = []
        self.acked_before_kill: list[int] = []
        self.cut_off = 0
        self.other_answers: list[tuple[int, bytes]] = []

    def body(self, ids: list[str]) -> bytes:
        now = {"event_type": "load", "device_id": "client", "time": int(time.time() * 1000)}
        events = [now | {"insert_id": i} for i in ids]
        return json.dumps({"api_key": self.key, "events": events}).encode()

    def send(self, count: int = 3) -> None:
        ids = [str(uuid.uuid4()) for _ in range(count)]
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            connection.connect()
        except OSError:  # nothing listens at this moment, so nothing was sent
            time.sleep(0.02)
            return
        self.sent += ids
        try:
            connection.request("POST", "/amplitude-ingest", self.body(ids))
            answer = connection.getresponse()
            if answer.status == 200:
                self.acked += ids
            else:
                self.other_answers.append((answer.status, answer.read()))
        except (OSError, http.client.HTTPException):
            self.cut_off += 1
        finally:
            connection.close()

    def keep_sending(self, until: threading.Event) -> None:
        while not until.is_set():
            self.send()


class streaming:
    """While entered, two SDKs and three plain clients send events; leaving waits for all of them to end."""

    def __init__(self, service: Service, cache: Path) -> None:
        key = service.project("stream")["publishable_key"]
        self.service, self.key, self.cache = service, key, cache
        self.clients = [Client(service.port, key) for _ in range(3)]
        self.over = threading.Event()

    def __enter__(self) -> tuple[dict[str, Future[Run]], list[Client]]:
        self.pool = ThreadPoolExecutor()
        ask = {"url": self.service.url + "/amplitude-ingest", "key": self.key, "scenario": "stream",
               "seconds": STREAM_SECONDS, "interval_ms": 100, "patience": 3}
        running = {sdk: self.pool.submit(report, sdk, self.cache, ask | {"user": sdk}) for sdk in ("python", "node")}
        for client in self.clients:
            self.pool.submit(client.keep_sending, self.over)
        wait_until(lambda: all(len(client.acked) > 10 for client in self.clients))
        wait_until(lambda: all(future.done() or self.has_landed(sdk) for sdk, future in running.items()))
        return running, self.clients

    def has_landed(self, user: str) -> bool:
        return bool(self.service.events("WHERE external_id = ? LIMIT 1", user))

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None:
            time.sleep(1.0)
        self.over.set()
        self.pool.shutdown()


def report(sdk: str, cache: Path, ask: dict[str, Any]) -> Run:
    command, environment = driver_command(sdk, cache)
    *reports, last = driver_lines(command, ask, **environment)
    return Run(ask["user"], last["sent"], reports)


def half_sent(port: int, body: bytes) -> tuple[socket.socket, bytes]:
    """A connection on which the head and half of the body are sent, and the other half."""
    connection = socket.create_connection(("127.0.0.1", port), 30)
    head = f"POST /amplitude-ingest HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: {len(body)}\r\n\r\n"
    connection.sendall(head.encode() + body[: len(body) // 2])
    return connection, body[len(body) // 2 :]


def statuses(relay: Relay) -> list[int]:
    return [exchange.status for exchange in relay.exchanges()]


def wait_until(holds: Callable[[], bool], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > deadline:
            raise TimeoutError("what the test waits for did not happen")
        time.sleep(0.05)
