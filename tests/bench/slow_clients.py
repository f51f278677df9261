"""What an honest client gets beside a thousand slow ones, and what the service's memory does (contract 7).

    python -m tests.bench.slow_clients [--quick] [--clients 1000] [--seconds 40]

The default set-up with nothing in front of it, each kind of slow client on its own, then all of them at once. Whoever
is hung up on connects again.
"""

import argparse
import contextlib
import itertools
import json
import resource
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context

from tests.bench.client import request
from tests.bench.measure import Report
from tests.bench.served import Served

_PAGES = 9_000  # bytes of each event of the pages that are read slowly


@dataclass(frozen=True)
class Kind:
    """A slow client: what it sends at once, what it then sends again and again, whether it reads."""

    begins: bytes
    goes_on: bytes = b""
    reads: bool = False


def kinds(project: str, secret_key: str) -> dict[str, Kind]:
    """Every kind of slow client by name."""
    post = b"POST /amplitude-ingest HTTP/1.1\r\nHost: x\r\n"
    page = (
        f"GET /admin/projects/{project}/events?limit=1000 HTTP/1.1\r\n"
        f"Host: x\r\nAuthorization: Bearer {secret_key}\r\n\r\n"
    )
    openapi = b"GET /openapi.json HTTP/1.1\r\nHost: x\r\n\r\n" * 40
    return {
        "never read what they ask for": Kind(openapi, openapi),
        "read pages of 9 MB a byte a second": Kind(page.encode(), reads=True),
        "send headers a byte a second": Kind(b"POST /", b"a"),
        "send bodies a byte a second": Kind(post + b"Content-Length: 100000\r\n\r\n{", b" "),
        "send chunked bodies a byte a second": Kind(post + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\n \r\n"),
        "stop after 900 kB of a body": Kind(post + b"Content-Length: 1000000\r\n\r\n" + b" " * 900_000),
        "announce 8 MB and send a byte a second": Kind(post + b"Content-Length: 8000000\r\n\r\n{", b" "),
        "upload files a byte a second": Kind(
            b"POST /import-events?source=ga4 HTTP/1.1\r\nHost: x\r\nContent-Length: 9999999\r\n\r\n", b"\n"
        ),
    }


class Crowd:
    """`clients` of one kind, from a thread; `with Crowd(…):`."""

    def __init__(self, port: int, kind: Kind, clients: int) -> None:
        self._port, self._kind = port, kind
        self._clients = clients
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self.connected = 0

    def __enter__(self) -> "Crowd":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        connections: list[socket.socket | None] = [None] * self._clients
        while not self._stop.is_set():
            begun = time.monotonic()
            for place, connection in enumerate(connections):
                if self._stop.is_set():
                    break
                connections[place] = self._step(connection)
            self.connected = sum(connection is not None for connection in connections)
            self._stop.wait(max(0.0, 1.0 - (time.monotonic() - begun)))
        for connection in connections:
            if connection is not None:
                connection.close()

    def _step(self, connection: socket.socket | None) -> socket.socket | None:
        try:
            if connection is None:
                connection = socket.create_connection(("127.0.0.1", self._port), timeout=5)
                connection.setblocking(False)
                connection.send(self._kind.begins)
            elif self._kind.goes_on:
                connection.send(self._kind.goes_on)
            if self._kind.reads and not connection.recv(1):
                raise ConnectionResetError
        except BlockingIOError:
            pass
        except OSError:
            if connection is not None:
                connection.close()
            return None
        return connection


def honest(port: int, key: str, seconds: float) -> tuple[list[float], dict[object, int]]:
    """(ms of each answer, how often each status came) of an SDK that posts 20 times a second, now and then anew."""
    times, statuses = [], {}
    connection: socket.socket | None = None
    ends = time.monotonic() + seconds
    for number in itertools.count():
        if time.monotonic() > ends:
            return sorted(times), statuses
        begun = time.perf_counter()
        try:
            if connection is None or number % 5 == 0:
                connection = socket.create_connection(("127.0.0.1", port), timeout=30)
            connection.sendall(request(key, 1))
            status: object = int(connection.recv(65536)[9:12] or 0)
        except OSError as error:
            status = type(error).__name__
            connection = None
        times.append((time.perf_counter() - begun) * 1000)
        statuses[status] = statuses.get(status, 0) + 1
        time.sleep(0.05)
    raise AssertionError


def beside(served: Served, crowds: list[Crowd], seconds: float, report: Report, name: str) -> None:
    """Measure the honest client beside these crowds."""
    peak = [served.memory_mib()]
    stop = threading.Event()

    def watch() -> None:
        while not stop.wait(0.5):
            peak.append(served.memory_mib())

    watching = threading.Thread(target=watch)
    watching.start()
    with contextlib.ExitStack() as stack:
        for crowd in crowds:
            stack.enter_context(crowd)
        # In a process of its own: here the crowds would be what it waits for.
        with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
            times, statuses = pool.submit(honest, served.port, served.key, seconds).result()
        connected = sum(crowd.connected for crowd in crowds)
    stop.set()
    watching.join()
    report.say(f"clients that {name} ({connected} connected): honest answers {statuses}")
    report.figure("  p99 of the honest client", times[int(len(times) * 0.99)], "ms", at_most=1000)
    report.figure("  memory at its highest", max(peak), "MiB")


def fill(served: Served) -> str:
    """1,000 events of 9 kB; the project's id."""
    listed = subprocess.run(
        [sys.executable, "-m", "drengr", "project", "list", "--json"],
        env={"DRENGR_DATABASE": served.path, "PATH": ""}, capture_output=True, text=True, check=True,
    )  # fmt: skip
    project = json.loads(listed.stdout.splitlines()[0])
    project = project[0] if isinstance(project, list) else project
    project_id = project.get("project_id") or project["id"]
    slot = {
        "app_user_id": "00000000-0000-4000-8000-000000000000",
        "event_name": "large",
        "properties": {"text": "x" * _PAGES},
    }
    for _ in range(2):
        asked = urllib.request.Request(
            f"http://127.0.0.1:{served.port}/admin/projects/{project_id}/events",
            json.dumps([slot] * 500).encode(),
            {"Authorization": f"Bearer {served.secret_key}"},
        )
        with urllib.request.urlopen(asked, timeout=60) as answer:
            answer.read()
    return project_id


def main(report: Report | None = None, argv: list[str] | None = None) -> int:
    """Run all of it and print."""
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--quick", action="store_true", help="200 clients of a kind, for 12 s")
    options.add_argument("--clients", type=int, default=1000)
    options.add_argument("--seconds", type=float, default=40.0)
    options.add_argument("--only", default="", help="words of the kind to run")
    given = options.parse_args(argv)
    clients, seconds = (200, 12.0) if given.quick else (given.clients, given.seconds)
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    report = report or Report()
    run: Callable[[str], bool] = lambda name: given.only in name  # noqa: E731
    with tempfile.TemporaryDirectory(prefix="drengr-bench-") as folder, Served(folder) as served:
        every = kinds(fill(served), served.secret_key)
        beside(served, [], 5, report, "do not exist")
        for name, kind in every.items():
            if run(name):
                beside(served, [Crowd(served.port, kind, clients)], seconds, report, name)
        if not given.only:
            crowds = [Crowd(served.port, kind, clients) for kind in every.values()]
            beside(served, crowds, seconds, report, "do all of it at once")
    return report.close()


if __name__ == "__main__":
    raise SystemExit(main())
