"""An erasure that is killed again and again while live events of the same person arrive (contract 9).

With `--soak` it is as large, and killed as often, as the contract has it.
"""

import json
import random
import sqlite3
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from contextlib import closing, suppress

import pytest

from drengr.people.questions import Who
from drengr.store.sqlite import SqliteStore
from tests.admin import event
from tests.conftest import NOW_MS
from tests.service import Service

pytestmark = pytest.mark.slow


@pytest.fixture
def kills(is_soak) -> int:
    return 50 if is_soak else 3


@pytest.fixture
def events(is_soak) -> int:
    return 150_000 if is_soak else 5_000


@pytest.fixture
def service(tmp_path, events):
    path = tmp_path / "events.db"
    with closing(SqliteStore(str(path))) as store:
        store.make_project("shop")
        for start in range(0, events, 5000):
            old = [
                event(
                    event_id=f"secret-id {n}" if n % 10 else f"id {n}",
                    external_id="alice" if n % 10 else f"user {n % 70}",
                    install_id=f"alices-phone-{n % 9}" if n % 10 else f"phone {n % 70}",
                    occurred_at=NOW_MS - n * 10_000,
                )
                for n in range(start, start + 5000)
            ]
            store.add(1, old)
    with Service(path) as running:
        yield running


class Alice:
    """She goes on using the app while she is erased."""

    def __init__(self, service: Service, key: str) -> None:
        self._service, self._key = service, key
        self.acknowledged: set[str] = set()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._send)

    def __enter__(self) -> "Alice":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _send(self) -> None:
        number = 0
        while not self._stop.is_set():
            row = {"event_type": "later", "user_id": "alice", "device_id": "new phone", "insert_id": f"new {number}",
                   "time": time.time_ns() // 1_000_000}  # fmt: skip
            body = json.dumps({"api_key": self._key, "events": [row]}).encode()
            with suppress(OSError, urllib.error.URLError), urllib.request.urlopen(
                f"{self._service.url}/batch", body, timeout=5
            ) as answer:
                if answer.status == 200:
                    self.acknowledged.add(row["insert_id"])
            number += 1
            time.sleep(0.01)


def test_killed_at_random_moments_it_takes_all_that_was_there_and_nothing_newer(service, kills, events, is_soak):
    hers, killed = events * 9 // 10, 0
    moments = sorted([0, *(random.randrange(hers * 9 // 10) for _ in range(kills - 1))])
    with closing(SqliteStore(str(service.database))) as store:
        key = store.make_key(store.find_project("shop"), "publishable")
        store.erase(1, Who("user", "alice"), "command", patience_s=0)
    with Alice(service, key) as alice:
        for moment in moments:
            wait_until(lambda moment=moment: gone(service) > moment)
            killed += under_way(service)  # few events are gone before one looks again
            service.kill()
            service.start()
        before = len(alice.acknowledged)
        wait_until(lambda: not under_way(service) and len(alice.acknowledged) > before)
    service.stop()
    assert killed >= (kills if is_soak else 1)
    with closing(SqliteStore(str(service.database))) as store:
        rows = store.database.read("SELECT event_id FROM events WHERE external_id = 'alice'")
        assert alice.acknowledged <= {row[0] for row in rows} and not any("secret" in row[0] for row in rows)
        assert store.database.read("SELECT count(*) FROM events WHERE external_id LIKE 'user %'") == [(events // 10,)]
        assert store.wrong_totals() == [] and store.faults() == []
        assert store.erasures(1, 1)[0][3] == hers and store.erasures(1, 1)[0].status == "done"
    left = b"".join(path.read_bytes() for path in service.database.parent.glob("events.db*"))
    assert [word for word in (b"alices-phone", b"secret-id") if word in left] == []


def wait_until(is_true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 120
    while not is_true():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def gone(service: Service) -> int:
    return int(asked(service, "SELECT max(events) FROM erasures"))


def under_way(service: Service) -> bool:
    return bool(asked(service, "SELECT count(*) FROM removals"))


def asked(service: Service, sql: str):
    with closing(sqlite3.connect(f"file:{service.database}?mode=ro", uri=True, timeout=10)) as connection:
        return connection.execute(sql).fetchone()[0]
