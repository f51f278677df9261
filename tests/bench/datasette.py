"""Against the insert API of Datasette 1.0a: one event a request from 8 clients, and bulk of 1,000 from one.

    python3 -m venv /tmp/datasette && /tmp/datasette/bin/pip install 'datasette>=1.0a0'
    PATH=/tmp/datasette/bin:$PATH python -m tests.bench.datasette [--quick]

Datasette gets rows that are already mapped, into the same columns with the same unique index; Drengr gets what SDKs
send (single events), or what a vendor exports (bulk), and maps it.
"""

import argparse
import json
import os
import sqlite3
import subprocess
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection

from tests.bench.client import event, uuid_text
from tests.bench.measure import Report, alternating, ratio, spread
from tests.bench.served import Served, free_port

_TABLE = """
CREATE TABLE events (id INTEGER PRIMARY KEY, project TEXT, event_id TEXT, event_name TEXT, install_id TEXT,
  external_id TEXT, session_id INTEGER, occurred_at INTEGER, received_at INTEGER, dims TEXT, measures TEXT,
  UNIQUE (project, event_id));
CREATE INDEX by_time ON events (project, occurred_at);
CREATE INDEX by_name ON events (project, event_name, occurred_at);
"""


class Datasette:
    """`datasette serve` on a writable database with a root token."""

    def __init__(self, folder: str) -> None:
        path = os.path.join(folder, "datasette.db")
        with sqlite3.connect(path) as connection:
            connection.executescript("PRAGMA journal_mode = wal;" + _TABLE)
        self.port = free_port()
        secret = "bench"
        serve = ["datasette", "serve", path, "--port", str(self.port), "--secret", secret, "--root"]
        self.process = subprocess.Popen(
            [*serve, "--setting", "max_insert_rows", "1000"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        token = subprocess.run(
            ["datasette", "create-token", "root", "--secret", secret],
            check=True,
            capture_output=True,
            text=True,
        ).stdout.strip()
        self.headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        for _ in range(200):
            try:
                HTTPConnection("127.0.0.1", self.port, timeout=1).connect()
                return
            except OSError:
                time.sleep(0.05)

    def rate(self, rows_per_request: int, seconds: float = 3.0) -> float:
        """Rows a second."""
        return _rate(
            self.port,
            "/datasette/events/-/insert",
            self.headers,
            rows_per_request,
            seconds,
            lambda: {"rows": [_mapped() for _ in range(rows_per_request)], "ignore": True},
            201,
        )

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(timeout=10)


def drengr_rate(service: Served, rows_per_request: int, seconds: float = 3.0) -> float:
    """The same of this service: single live events, or a bulk of a vendor's rows."""
    if rows_per_request == 1:
        body = lambda: {"api_key": service.key, "events": [json.loads(event())]}  # noqa: E731 - two shapes, one line each
        return _rate(service.port, "/amplitude-ingest", {}, 1, seconds, body, 200)
    headers = {"Authorization": f"Bearer {service.secret_key}"}
    body = lambda: {"source": "amplitude", "events": [_exported() for _ in range(rows_per_request)]}  # noqa: E731
    return _rate(service.port, "/import-events", headers, rows_per_request, seconds, body, 200)


def _rate(port: int, path: str, headers: dict, rows: int, seconds: float, body, expected: int) -> float:
    """Rows a second: eight clients for single events, one for bulk."""
    clients = 8 if rows == 1 else 1
    with ThreadPoolExecutor(clients) as pool:
        jobs = [pool.submit(_client, port, path, headers, rows, seconds, body, expected) for _ in range(clients)]
        return sum(job.result() for job in jobs)


def _client(port: int, path: str, headers: dict, rows: int, seconds: float, body, expected: int) -> float:
    connection, done, spent = HTTPConnection("127.0.0.1", port), 0, 0.0
    while spent < seconds:
        text = json.dumps(body())
        begun = time.perf_counter()
        connection.request("POST", path, text, headers)
        answer = connection.getresponse()
        content = answer.read()
        spent += time.perf_counter() - begun
        if answer.status != expected:
            raise RuntimeError(f"{path} answered {answer.status}: {content[:300]!r}")
        done += rows
    return done / spent


def _exported() -> dict:
    row = json.loads(event())
    at = time.strftime("%Y-%m-%d %H:%M:%S.000000", time.gmtime(row.pop("time") / 1000))
    return {**row, "event_time": at, "$insert_id": row.pop("insert_id"), "version_name": row.pop("app_version")}


def _mapped() -> dict:
    row = json.loads(event())
    dims = {
        "os": "iOS 17.4",
        "device_model": "iPhone15,2",
        "app_version": "4.12.0",
        "screen": "checkout",
        "plan": "pro",
    }
    return {
        "project": "bench",
        "event_id": uuid_text().decode(),
        "event_name": row["event_type"].lower().replace(" ", "_"),
        "install_id": row["device_id"],
        "external_id": row["user_id"],
        "session_id": row["session_id"],
        "occurred_at": row["time"],
        "received_at": row["time"],
        "dims": json.dumps(dims),
        "measures": '{"revenue":42.5}',
    }


def main(report: Report | None = None, argv: list[str] | None = None) -> int:
    """Alternate the two, print the ratios."""
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--quick", action="store_true", help="two rounds instead of five")
    rounds = 2 if options.parse_args(argv).quick else 5
    report = report or Report()
    with tempfile.TemporaryDirectory(prefix="drengr-bench-") as folder, Served(folder) as service:
        peer = Datasette(folder)
        for rows, what, target in ((1, "1 event a request", 5), (1000, "bulk of 1,000", 1.5)):
            figures = alternating(
                {"datasette": lambda n=rows: peer.rate(n), "drengr": lambda n=rows: drengr_rate(service, n)}, rounds
            )
            report.say(f"{what}, rows/s: Datasette {spread(figures['datasette'])}, Drengr {spread(figures['drengr'])}")
            report.figure(
                f"{what}: rows/s / Datasette", ratio(figures["drengr"], figures["datasette"]), at_least=target
            )
        peer.stop()
    return report.close()


if __name__ == "__main__":
    raise SystemExit(main())
