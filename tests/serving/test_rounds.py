"""What the service does by itself while it runs (contract 8)."""

import time

from drengr.api import rounds
from drengr.api.rounds import Rounds
from drengr.store import StoreError
from drengr.store.sqlite import SqliteStore
from tests.admin import DAY_MS, event
from tests.looking import read
from tests.service import Service

SETS = "SELECT count(people) FROM day_sets"


def test_a_service_makes_sets_of_the_people_of_past_days(tmp_path):
    path = tmp_path / "events.db"
    yesterday = time.time_ns() // 1_000_000 - DAY_MS
    store = SqliteStore(str(path))
    store.make_project("shop")
    store.add(store.find_project("shop").id, [event(occurred_at=yesterday, received_at=yesterday) for _ in range(60)])
    store.close()
    with Service(path, WEB_CONCURRENCY="2") as service:
        until = time.monotonic() + 20
        while read(str(path), SETS) != [(2,)] and time.monotonic() < until:
            time.sleep(0.1)
        assert read(str(path), SETS) == [(2,)]
        assert service.stop() == 0


def test_rounds_come_soon_while_there_is_more_to_do(store, tenant, clock, monkeypatch):
    store.add(tenant.project.id, [event(occurred_at=clock.now_ms - n * DAY_MS) for n in range(1, 4)])
    going = Rounds(store, clock)
    monkeypatch.setattr(rounds, "_WORK_S", 0.0)
    assert going.gather() == rounds._SOON_S
    monkeypatch.setattr(rounds, "_WORK_S", 9.0)
    assert going.gather() == rounds._LATER_S
    assert store.database.read(SETS) == [(3,)]


def test_a_database_that_cannot_be_used_now_ends_no_round(store, clock, monkeypatch, caplog):
    def refuse(*_):
        raise StoreError("the disk is full")

    monkeypatch.setattr(type(store), "gather_people", refuse)
    assert Rounds(store, clock).gather() == rounds._LATER_S
    assert "the disk is full" in caplog.text


def test_the_rounds_end_when_they_are_told_to(store, clock, monkeypatch):
    monkeypatch.setattr(rounds, "_SOON_S", 0.001)
    going = Rounds(store, clock)
    going.begin()
    going.end()
    assert not going._thread.is_alive()
