"""A person is forgotten and stays forgotten (contract 9, Erase)."""

import sqlite3
import time
from contextlib import closing
from pathlib import Path

import pytest

from drengr.people.questions import Who
from drengr.store import Added, open_store
from drengr.store.clock import now_ms
from tests.admin import DAY_MS, USER, event
from tests.conftest import NOW_MS

pytestmark = [pytest.mark.both_stores, pytest.mark.usefixtures("soon")]

USER_1, DEVICE_1 = Who("user", "user_1"), Who("device", "device_1")


def anonymous(**over):
    return event(external_id=None, **over)


@pytest.fixture
def erase(store, project):
    """erase(who) → the receipt, once everything is gone and every count is right."""

    def erased(who: Who, **more):
        receipt = store.erase(project, who, "api", **more)
        while receipt.status == "running":
            assert store.go_on_removing(5) or store.under_way()
            (receipt,) = store.erasures(project, 1)
        assert store.under_way() == [] and store.wrong_totals() == [] and store.faults() == []
        return receipt

    return erased


def ids(rows) -> list[str]:
    return sorted(row["event_id"] for row in rows())


def test_an_erased_user_leaves_nothing(store, project, rows, erase):
    own = [event(event_id="named"), anonymous(event_id="before sign-in"), event(event_id="other", external_id="user_2",
           install_id="device_2")]  # fmt: skip
    store.add(project, own)
    receipt = erase(USER_1)
    assert (receipt.events, receipt.devices, receipt.shared_devices, receipt.status) == (2, 1, 0, "done")
    assert ids(rows) == ["other"]
    assert store.person(project, USER_1) is None and store.person(project, DEVICE_1) is None
    assert store.person(project, Who("user", "user_2")).events == 1


def test_a_shared_device_keeps_its_anonymous_events(store, project, rows, erase):
    store.add(project, [event(event_id="one"), event(event_id="two", external_id="user_2")])
    store.add(project, [anonymous(event_id="whose")])
    assert store.would_erase(project, USER_1, "api")[3:8] == (1, 0, 1, None, "dry_run")
    receipt = erase(USER_1)
    assert (receipt.events, receipt.devices, receipt.shared_devices) == (1, 0, 1)
    assert ids(rows) == ["two", "whose"]
    assert store.person(project, DEVICE_1).kind == "device"  # not handed to the other user


def test_what_occurred_before_is_refused_and_what_occurs_later_is_somebody_new(store, project, rows, erase):
    store.add(project, [event(event_id="a"), anonymous(event_id="b")])
    erased_at = erase(USER_1).erased_at
    late = [
        event(event_id="a"), event(event_id="c"), anonymous(event_id="b"), anonymous(event_id="d"),
        event(event_id="e", external_id="user_2"), anonymous(event_id="f", install_id="device_2"),
        event(event_id="edge", occurred_at=erased_at - 1), event(event_id="new", occurred_at=erased_at),
    ]  # fmt: skip
    assert store.add(project, late) == Added(3, 0, dict.fromkeys((0, 1, 2, 3, 6), "erased"))
    assert ids(rows) == ["e", "f", "new"] and store.wrong_totals() == []
    assert store.person(project, USER_1).events == 1
    (line,) = [line for line in store.ledger(project, 0, 30_000) if line.door == "acceptor"]
    assert line.counts["dropped_erased"] == 5 and line.counts["removed_erased"] == 2


def test_every_case_of_a_uuid_is_one_person(store, project, rows, erase):
    store.add(project, [event(event_id="upper", external_id=USER.upper()), event(event_id="lower", external_id=USER)])
    assert erase(Who("user", USER.upper())).events == 2
    assert store.add(project, [event(event_id="again", external_id=USER)]).refused == {0: "erased"}


def test_an_id_in_the_column_of_the_device_is_the_user_s(store, project, rows, erase):
    store.add(project, [event(event_id="a"), anonymous(event_id="b", install_id="user_1")])
    assert erase(USER_1).events == 2
    assert store.add(project, [anonymous(event_id="c", install_id="user_1")]).refused == {0: "erased"}


def test_an_id_that_nobody_has_gets_a_receipt_and_a_tombstone(store, project, erase):
    receipt = erase(Who("user", "nobody"))
    assert (receipt.events, receipt.devices, receipt.number) == (0, 0, None) and receipt.id is not None
    assert store.add(project, [event(external_id="nobody")]).refused == {0: "erased"}


def test_a_device_gives_up_what_has_no_user(store, project, rows, erase):
    store.add(project, [event(event_id="named"), anonymous(event_id="a"), anonymous(event_id="b")])
    receipt = erase(DEVICE_1)
    assert (receipt.events, receipt.devices) == (2, 0) and ids(rows) == ["named"]
    assert store.add(project, [anonymous(event_id="c"), event(event_id="d")]) == Added(1, 0, {0: "erased"})


def test_a_device_of_one_user_names_the_user(store, project):
    store.add(project, [event(event_id="named"), anonymous(event_id="a")])
    assert store.would_erase(project, DEVICE_1, "api").user == "user_1"
    assert store.erase(project, DEVICE_1, "api").user == "user_1"
    assert store.erase(project, Who("device", "device_9"), "api").user is None


def test_what_is_stamped_later_than_its_erasure_does_not_come_back(store, project, rows, erase):
    tomorrow = now_ms() + DAY_MS
    ahead = [event(event_id="ahead", occurred_at=tomorrow), event(event_id="too", occurred_at=tomorrow)]
    store.add(project, ahead[:1])
    erase(USER_1)
    assert store.add(project, ahead) == Added(1, 0, {0: "erased"})


def test_the_admin_door_keeps_its_promise_of_once(store, project, rows, erase):
    posted = event(event_id="once", source="admin", external_id="user_1")
    store.add(project, [posted])
    erase(USER_1)
    assert store.add(project, [posted._replace(occurred_at=now_ms() + 5)]).refused == {0: "erased"}
    assert store.add(project, [posted._replace(event_id="twice", occurred_at=now_ms() + 5)]).inserted == 1


def test_the_newest_of_several_tombstones_holds(store, project, erase):
    first = erase(USER_1)
    store.add(project, [event(event_id="back", occurred_at=first.erased_at)])
    time.sleep(0.002)
    second = erase(USER_1)
    assert second.events == 1 and second.erased_at > first.erased_at
    assert store.add(project, [event(event_id="c", occurred_at=first.erased_at)]).refused == {0: "erased"}
    assert [receipt.id for receipt in store.erasures(project, 5)] == [second.id, first.id]
    assert [receipt.id for receipt in store.erasures(project, 5, second.id)] == [first.id]


def test_another_project_keeps_a_person_of_the_same_id(store, project, make_tenant, rows, erase):
    other = make_tenant("other").project.id
    store.add(project, [event(event_id="a")])
    store.add(other, [event(event_id="a")])
    receipt = erase(USER_1)
    assert store.add(other, [event(event_id="b")]).inserted == 1
    assert store.erase(other, USER_1, "api").person != receipt.person


def test_an_erasure_that_was_left_is_taken_up(store, project, rows):
    store.add(project, [event(event_id=f"id {n}", install_id=f"device {n % 7}") for n in range(300)])
    receipt = store.erase(project, USER_1, "command", patience_s=0)
    assert receipt.status == "running" and 0 < receipt.events < 300
    assert store.add(project, [event(event_id="late")]).refused == {0: "erased"}
    (under_way,) = store.under_way()
    assert (under_way.why, under_way.events) == ("erased", receipt.events)
    deadline = time.monotonic() + 40  # PostgreSQL looks again half a minute after the tombstone
    while store.under_way() and time.monotonic() < deadline:
        store.go_on_removing(5)
    assert rows() == [] and store.wrong_totals() == []
    assert store.erasures(project, 1)[0][3:8] == (300, 7, 0, receipt.erased_at, "done")


@pytest.mark.sqlite
def test_no_byte_of_an_erased_person_is_left_in_the_file(database_path: Path, monkeypatch):
    """Also where SQLite does not overwrite by itself what is deleted, as most builds do not."""
    connect = sqlite3.connect

    def careless(*arguments, **options):
        connection = connect(*arguments, **options)
        connection.execute("PRAGMA secure_delete = 0")
        return connection

    monkeypatch.setattr(sqlite3, "connect", careless)
    secrets = [b"alice@person", b"phone-of-alice", b"event-of-alice", b"diagnosis"]
    with closing(open_store(str(database_path))) as store:
        project = store.find_project(store.make_project("shop").project_id).id
        for start in range(0, 2_000, 100):
            mixed = [
                event(event_id=f"event-of-alice-{n}" if n % 3 else f"other {n}", external_id="alice@person" if n % 3
                      else f"user {n % 40}", install_id=f"phone-of-alice-{n % 5}" if n % 3 else f"phone {n % 40}",
                      dims='{"illness":"diagnosis"}' if n % 3 else "{}", occurred_at=NOW_MS - n * 1000)
                for n in range(start, start + 100)
            ]  # fmt: skip
            store.add(project, mixed)
        assert all(secret in written(database_path) for secret in secrets)
        receipt = store.erase(project, Who("user", "alice@person"), "api", patience_s=60)
        assert receipt.status == "done" and receipt.events == 1_333
        assert [secret for secret in secrets if secret in written(database_path)] == []
        assert store.faults() == [] and store.wrong_totals() == []


def written(path: Path) -> bytes:
    return b"".join(each.read_bytes() for each in path.parent.glob(path.name + "*"))
