"""Events that go while their remover is killed again and again, beside live ones (contract 9)."""

import random
import signal
import subprocess
import sys
import threading
from contextlib import closing

import pytest

from drengr.admin.deletions import DeletionQuery
from drengr.people.questions import PeopleQuery, Who
from drengr.store import ImportRun, Store, open_store
from tests.admin import event
from tests.conftest import NOW_MS
from tests.looking import events_in

KILLS = 8
DYING = """
import os, signal, sys, threading
from drengr.store import open_store, removing
removing._MOST, removing._LEFT_MS = 15, 0
store = open_store(sys.argv[1])
threading.Timer(float(sys.argv[2]), os.kill, (os.getpid(), signal.SIGKILL)).start()
while True:
    store.go_on_removing(1)
"""


@pytest.fixture(autouse=True)
def at_once(monkeypatch):
    """What a killed process was at is anybody's at once, not after three seconds."""
    monkeypatch.setattr("drengr.store.removing._LEFT_MS", 0)


def rows_of(what: str, count: int, **over):
    return [event(**{"event_id": f"{what} {n}", "install_id": f"device {n % 9}"} | over) for n in range(count)]


def fill(store: Store) -> tuple[int, int]:
    """(a project with events of whom much is to go, the number of its import)."""
    shop, other = (store.find_project(store.make_project(name).project_id) for name in ("shop", "other"))
    run = ImportRun("ga4", None, "a.json", NOW_MS)
    for part in range(5):
        rows = rows_of(f"import {part}", 200, source="ga4", external_id=f"user {part}")
        store.add_history(shop.id, rows, run=run)
        store.add(shop.id, rows_of(f"kept {part}", 20, external_id=f"user {part}", install_id=f"own {part}"))
    store.add(shop.id, rows_of("erased", 300, external_id="alice", install_id="phone"))
    store.add(shop.id, rows_of("hers before sign-in", 50, external_id=None, install_id="phone"))
    store.add(shop.id, rows_of("spam", 300, event_name="spam", external_id="bob"))
    store.add(other.id, rows_of("of the other", 300))
    assert run.number is not None
    store.undo_import(shop.id, run.number)
    store.erase(shop.id, Who("user", "alice"), "api", patience_s=0)
    store.delete_events(shop.id, DeletionQuery(event_name="spam"))
    store.delete_project(other)
    return shop.id, run.number


def test_killed_again_and_again_exactly_what_was_to_go_is_gone(database_path):
    chance, killed, gone = random.Random(3), 0, []
    with closing(open_store(str(database_path))) as store:
        shop, number = fill(store)
        for kill in range(KILLS):
            command = [sys.executable, "-c", DYING, str(database_path), str(chance.uniform(0.01, 0.15))]
            dying = subprocess.Popen(command)
            for live in range(20):
                store.add(shop, [event(event_id=f"live {kill} {live}", event_name="spam", external_id="bob")])
            killed += dying.wait(60) == -signal.SIGKILL
            gone.append(sum(removal.events for removal in store.under_way()))
            assert store.wrong_totals() == []
        assert killed == KILLS and any(gone)  # in the middle
        finish(store)
        ids = {row["event_id"] for row in events_in(str(database_path))}
        live = {f"live {kill} {one}" for kill in range(KILLS) for one in range(20)}
        assert ids == live | {f"kept {part} {n}" for part in range(5) for n in range(20)}
        assert store.wrong_totals() == [] and store.faults() == []
        counts = [line.counts for line in store.ledger(shop, 0, 30_000)]
        removed = {why: sum(each[f"removed_{why}"] for each in counts) for why in ("undone", "erased", "deleted")}
        assert removed == {"undone": 1000, "erased": 350, "deleted": 300}
        assert store.erasures(shop, 1)[0].status == "done" and store.imports(shop, 1)[0].number == number
        assert [project.name for project in store.projects()] == ["shop"]
        assert {person.id for person in store.people(shop, PeopleQuery(100))} == {
            "bob",
            *(f"user {part}" for part in range(5)),
        }


def finish(store: Store) -> None:
    """Two at once, as two workers do."""
    other = threading.Thread(target=lambda: store.go_on_removing(30))
    other.start()
    while store.under_way():
        store.go_on_removing(5)
    other.join()
