"""Who is erased stays erased, whatever is under way on other machines: contract 9, 13."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from drengr.people.questions import Who
from drengr.store.clock import now_ms
from drengr.store.postgresql import connections
from drengr.store.postgresql.erasing import PostgresqlParts
from tests.admin import event
from tests.under_way import under_way

USER = Who("user", "user_1")


@pytest.fixture
def ended(store, project, monkeypatch):
    """ended() → the receipt, once the erasure is done: as half a minute later."""

    def end():
        monkeypatch.setattr(PostgresqlParts, "settles_ms", 1)
        while store.under_way():
            store.go_on_removing(5)
        (receipt,) = store.erasures(project.id, 1)
        return receipt

    return end


@pytest.mark.parametrize("device", ["device_1", "new"], ids=["ids that are known", "ids that are new"])
def test_what_another_was_storing_when_the_erasure_began_goes_too(store, project, open_another, ended, device):
    """Its transaction looked for the tombstone before that was there, and is committed after the events went."""
    store.add(project.id, [event(event_id="a"), event(event_id="b", external_id="user_2", install_id="device_2")])
    with under_way(open_another(), event(event_id="late", install_id=device)) as (_, commit):
        assert store.erase(project.id, USER, "command", patience_s=0).status == "running"
        store.go_on_removing(0.2)
        commit()
    receipt = ended()
    assert [row[0] for row in store.database.read("SELECT event_id FROM events")] == ["b"]
    assert (receipt.events, receipt.status) == (2, "done")
    assert store.person(project.id, USER) is None and store.wrong_totals() == []


def test_an_erasure_goes_on_later_where_another_holds_the_same_slot_of_a_counter(
    store, project, open_another, ended, monkeypatch
):
    monkeypatch.setattr(connections, "randbelow", lambda _slots: 0)
    machine = open_another()
    store.add(project.id, [event(event_id="a")])
    with under_way(open_another(), event(event_id="late")) as (_, commit):
        assert machine.erase(project.id, USER, "command", patience_s=0).status == "running"
        commit()
    assert (ended().events, ended().status) == (2, "done")
    assert store.wrong_totals() == []


def test_a_removal_that_two_machines_take_up_takes_each_event_once(store, project, open_another, monkeypatch):
    """One of them had begun it and was killed."""
    monkeypatch.setattr(PostgresqlParts, "settles_ms", 1)
    store.add(project.id, [event(event_id=f"id {n}", install_id=f"device {n % 7}") for n in range(300)])
    store.add(project.id, [event(event_id="other", external_id="user_2", install_id="device_2")])
    assert store.erase(project.id, USER, "command", patience_s=0).status == "running"
    machines = [open_another(), open_another()]
    with ThreadPoolExecutor(2) as pool:
        while store.under_way():
            for going in [pool.submit(machine.go_on_removing, 0.05) for machine in machines]:
                going.result()
    (receipt,) = store.erasures(project.id, 2)
    assert (receipt.events, receipt.devices, receipt.status) == (300, 7, "done")
    assert [row[0] for row in store.database.read("SELECT event_id FROM events")] == ["other"]
    assert store.wrong_totals() == [] and store.faults() == []


def test_people_erased_at_the_same_moment_have_an_erasure_each(store, project, open_another, monkeypatch):
    monkeypatch.setattr(PostgresqlParts, "settles_ms", 1)
    people = [Who("user", f"user_{n}") for n in range(8)]
    store.add(project.id, [event(external_id=who.id, install_id=f"device {n}") for n, who in enumerate(people)])
    machines = [open_another(), open_another()]
    with ThreadPoolExecutor(4) as pool:
        begun = [pool.submit(machines[n % 2].erase, project.id, who, "api") for n, who in enumerate(people)]
        assert len({each.result().number for each in begun}) == 8
    while store.under_way():
        store.go_on_removing(5)
    assert {(each.events, each.devices, each.status) for each in store.erasures(project.id, 10)} == {(1, 1, "done")}
    assert store.database.read("SELECT count(*) FROM events") == [(0,)] and store.wrong_totals() == []


def test_a_session_begun_on_one_machine_is_good_and_ends_on_every_other(store, project, open_another):
    another = open_another()
    token = store.begin_session_by_link(another.make_link([project.id], now_ms()), None, now_ms())
    assert another.signing_secret() == store.signing_secret()
    assert [each.id for each in another.session(token, now_ms()).projects] == [project.id]
    another.end_sessions(project.id)
    assert store.session(token, now_ms()) is None
