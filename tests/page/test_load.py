"""What the page may take of a worker: contract 12, Load."""

import threading

import pytest

from drengr.page import asking
from drengr.store import DatabaseError, TooLong
from drengr.store.verb import verb


@pytest.fixture
def held(monkeypatch):
    """Both places are taken."""
    monkeypatch.setattr(asking, "_WAIT_S", 0.01)
    with asking.asking(has_deadline=True), asking.asking(has_deadline=True):
        yield


def test_past_two_rooms_at_once_the_page_says_busy(client, here, held):
    answer = client.get(f"{here}/settings")
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "2")
    assert "<h1>Busy</h1>" in answer.text and "text/html" in answer.headers["Content-Type"]


def test_the_doors_and_what_changes_something_do_not_wait_for_rooms(client, here, tenant, held):
    assert client.get("/healthz").status_code == 200
    assert client.post(f"{here}/settings/keys", data={"kind": "secret"}).status_code == 200


def test_a_room_waits_a_moment_for_its_place(client, here, monkeypatch):
    monkeypatch.setattr(asking, "_WAIT_S", 60.0)
    with asking.asking(has_deadline=True):
        begun, go_on = threading.Event(), threading.Event()

        def hold() -> None:
            with asking.asking(has_deadline=True):
                begun.set()
                go_on.wait(60)

        other = threading.Thread(target=hold)
        other.start()
        begun.wait(60)
        threading.Timer(0.1, go_on.set).start()
        assert client.get(f"{here}/settings").status_code == 200
        other.join()


def test_a_database_that_cannot_be_used_is_a_page_that_says_what_to_do(client, here, store, monkeypatch):
    def fail(*_: object) -> None:
        raise DatabaseError("/var/lib/secret/path is damaged")

    for name in ("session", "projects", "problems", "ledger"):
        monkeypatch.setattr(type(store), name, fail)
    for path in (here, f"{here}/settings", "/ui/"):
        answer = client.get(path)
        assert answer.status_code == 503 and "text/html" in answer.headers["Content-Type"]
        assert "drengr doctor" in answer.text and "/var/lib" not in answer.text


def test_what_takes_longer_than_two_seconds_is_given_up(client, here, store, monkeypatch):
    endless = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n"

    @verb
    def ask_for_ever(self, *_: object) -> object:
        return self.database.read(endless)

    monkeypatch.setattr(asking, "_ASK_S", 0.05)
    monkeypatch.setattr(type(store), "all_keys", ask_for_ever)
    answer = client.get(f"{here}/settings")
    assert answer.status_code == 503 and "This took too long" in answer.text
    assert client.get(f"{here}/import").status_code == 200


@pytest.mark.both_stores
def test_a_limit_holds_for_this_thread_and_only_inside(store):
    with store.limited(5):
        assert store.projects() == []
    with pytest.raises(TooLong), store.limited(0):
        ask(store)
    assert store.projects() == []


@pytest.mark.both_stores
def test_a_limit_within_another_ends_and_leaves_the_outer_one(store):
    with store.limited(60):
        with pytest.raises(TooLong), store.limited(0):
            ask(store)
        assert store.projects() == []
    with pytest.raises(TooLong), store.limited(0), store.limited(60):
        ask(store)


def ask(store) -> None:
    while True:  # SQLite looks at the clock once a millisecond of work
        store.projects()
