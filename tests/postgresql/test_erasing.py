"""Who is erased stays erased, whatever is under way on other machines: contract 9, 13."""

import pytest

from drengr.people.questions import Who
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
