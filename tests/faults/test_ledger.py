"""Conservation: whatever comes through whichever door, and however often the service is killed, every row is accounted
for (contract 10).
"""

import json
import random
import sqlite3
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections import Counter
from contextlib import closing
from types import SimpleNamespace

import pytest

from tests.service import Service

# Many tests look at one long run: one worker of xdist makes it.
pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("ledger")]

KILLS = 6
CLIENTS = 4
DROPS = ("unreadable", "no_name", "no_id", "bad_time", "too_old", "erased")


class Traffic(threading.Thread):
    """One client that sends whatever comes to its mind, and remembers how many rows that were."""

    def __init__(self, service: Service, keys: dict[str, str], seed: int) -> None:
        super().__init__()
        self.service, self.keys, self.random = service, keys, random.Random(seed)
        self.sent: Counter[str] = Counter()
        self.acknowledged: Counter[str] = Counter()
        self.refusals = 0
        self.stopped = threading.Event()

    def run(self) -> None:
        while not self.stopped.is_set():
            self.random.choice((self.live, self.live, self.batch, self.file, self.post, self.refused))()

    def live(self) -> None:
        # One is an event: of requests without any, SIGKILL may lose the last two seconds, as of refusals.
        rows = [self.live_row() for _ in range(self.random.randint(0, 30))] + [{"event_type": "a", "user_id": "u"}]
        body = {"api_key": self.keys["publishable_key"], "events": rows}
        self.send("acceptor", len(rows), "/2/httpapi", json.dumps(body).encode())

    def live_row(self) -> object:
        row = {"event_type": self.random.choice("abc"), "user_id": "u", "insert_id": self.id()}
        row["event_properties"] = {"email": 1}
        return self.random.choice((row, row, row, 7, {"user_id": "u"}, {"event_type": "a"}, row | {"time": "x"}))

    def batch(self) -> None:
        rows = [self.history_row() for _ in range(self.random.randint(0, 30))] + [self.event()]
        body = json.dumps({"source": "amplitude", "events": rows}).encode()
        self.send("importer", len(rows), "/import-events", body)

    def file(self) -> None:
        lines = [json.dumps(self.history_row()) for _ in range(self.random.randint(1, 400))] + ["{broken"]
        self.send("importer", len(lines), "/import-events?source=amplitude", "\n".join(lines).encode())

    def history_row(self) -> object:
        row = self.event()
        bad = {"user_id": "u"}, row | {"event_time": "never"}, row | {"user_id": None}
        return self.random.choice((row, row, row, *bad))

    def event(self) -> dict:
        return {"event_type": "h", "user_id": "u", "$insert_id": self.id(), "event_time": "2026-06-01 12:00:00"}

    def post(self) -> None:
        user = "00000000-0000-0000-0000-000000000001"
        slot = {"app_user_id": user, "event_name": "p"}
        slots = [slot | {"event_id": self.id()} for _ in range(self.random.randint(0, 9))]
        bad = self.random.random() < 0.2
        path = f"/admin/projects/{self.keys['project_id']}/events"
        self.send("admin", 0 if bad else len(slots), path, json.dumps([*slots, *([5] if bad else [])]).encode())

    def refused(self) -> None:
        self.send("none", 0, self.random.choice(("/batch", "/import-events")), b'{"api_key":"nobody"', key="wrong")

    def id(self) -> str:
        return f"id-{self.random.randint(0, 3000)}"

    def send(self, door: str, rows: int, path: str, body: bytes, key: str | None = None) -> None:
        self.sent[door] += rows
        headers = {"Authorization": f"Bearer {key or self.keys['secret_key']}"}
        request = urllib.request.Request(self.service.url + path, data=body, headers=headers)
        try:
            with urllib.request.urlopen(request, timeout=20) as answer:
                answer.read()
            self.acknowledged[door] += rows
        except urllib.error.HTTPError as error:
            error.close()
            if error.code == 400 and "source=" in path:  # none of its rows was an event: accounted for all the same
                self.acknowledged[door] += rows
        except OSError:
            time.sleep(0.05)  # killed


@pytest.fixture(scope="module")
def aftermath(tmp_path_factory):
    service = Service(tmp_path_factory.mktemp("ledger") / "events.db").start()
    try:
        keys = service.project("shop")
        clients = [Traffic(service, keys, seed) for seed in range(CLIENTS)]
        for client in clients:
            client.start()
        for _ in range(KILLS):
            time.sleep(random.uniform(0.1, 0.8))
            service.kill()
            service.start()
        enough = sum(client.acknowledged.total() for client in clients) + 1000
        while sum(client.acknowledged.total() for client in clients) < enough:
            time.sleep(0.05)
        for client in clients:
            client.stopped.set()
        for client in clients:
            client.join()
        assert service.stop() == 0
        yield SimpleNamespace(
            service=service,
            sent=sum((client.sent for client in clients), Counter()),
            acknowledged=sum((client.acknowledged for client in clients), Counter()),
        )
    finally:
        if service.process is not None:
            service.kill()


def read(aftermath, sql: str) -> list[tuple]:
    with closing(sqlite3.connect(aftermath.service.database)) as connection:
        return connection.execute(sql).fetchall()


def test_received_is_stored_and_duplicates_and_dropped_on_every_line(aftermath):
    lines = read(aftermath, "SELECT door, received, stored, duplicates, dropped FROM ledger WHERE received > 0")
    assert {line[0] for line in lines} == {"acceptor", "importer", "admin"}
    assert [line for line in lines if line[1] != sum(line[2:])] == []


def test_stored_less_removed_are_the_events_that_are_there(aftermath):
    door = "CASE source WHEN 'amplitude_http' THEN 'acceptor' WHEN 'admin' THEN 'admin' ELSE 'importer' END"
    day = "date(received_at / 1000, 'unixepoch')"
    events = read(aftermath, f"SELECT {day}, {door}, count(*) FROM events GROUP BY 1, 2")
    kept = read(aftermath, "SELECT day, door, stored - removed FROM ledger WHERE stored > 0 ORDER BY 1, 2")
    assert sorted(events) == kept


def test_every_row_that_was_answered_is_accounted_for_and_none_that_was_not_sent(aftermath):
    received = dict(read(aftermath, "SELECT door, sum(received) FROM ledger GROUP BY door"))
    for door in ("acceptor", "importer", "admin"):
        assert aftermath.acknowledged[door] <= received[door] <= aftermath.sent[door]


def test_every_reason_of_these_rows_occurs(aftermath):
    columns = ", ".join(f"sum(dropped_{reason})" for reason in DROPS[:4])
    assert all(read(aftermath, f"SELECT {columns}, sum(refused), sum(changed_keys_sensitive) FROM ledger")[0])


def test_verify_finds_nothing_wrong(aftermath):
    words = [sys.executable, "-m", "drengr", "verify"]
    found = subprocess.run(words, env=aftermath.service.environment(), capture_output=True, text=True, check=False)
    assert found.returncode == 0, found.stdout
