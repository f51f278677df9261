"""Questions that may read everything there is: answered in parts that fit the memory, given up in time (contract 8)."""

import random
from contextlib import contextmanager

import pytest

from drengr.people.questions import FunnelQuery, PeopleCountQuery, RetentionQuery
from drengr.store import StoreError, TooLong
from drengr.store.sqlite import deadlines
from drengr.store.sqlite.people import funnels, retention
from tests.admin import DAY_MS, event
from tests.conftest import NOW_MS

TODAY = NOW_MS // DAY_MS
FUNNEL = FunnelQuery(NOW_MS - 9 * DAY_MS, NOW_MS + DAY_MS, ("a", "b", "c"), DAY_MS)
RETENTION = RetentionQuery(TODAY - 9, TODAY, "day")


@pytest.fixture
def project(store, tenant) -> int:
    chance = random.Random(3)
    for _ in range(5):
        events = [
            event(
                install_id=f"d{(number := chance.randrange(60))}", external_id=f"u{number}" if number % 3 else None,
                event_name=chance.choice("abc"), occurred_at=NOW_MS - chance.randrange(300) * DAY_MS // 40,
            )
            for _ in range(100)
        ]  # fmt: skip
        store.add(tenant.project.id, events)
    return tenant.project.id


def test_people_are_taken_in_parts_with_the_same_outcome(store, project, monkeypatch):
    whole = store.funnel(project, FUNNEL), store.retention(project, RETENTION)
    assert all(whole[0]) and len(whole[1]) > 3
    monkeypatch.setattr(funnels, "_AT_ONCE", 7)
    monkeypatch.setattr(funnels, "_BLOCK", 3)
    monkeypatch.setattr(retention, "_AT_ONCE", 7)
    assert (store.funnel(project, FUNNEL), store.retention(project, RETENTION)) == whole


def test_blocks_of_one_millisecond_are_read_to_their_end(store, tenant, monkeypatch):
    names = "bababaabbc"
    store.add(tenant.project.id, [event(event_name=name, occurred_at=NOW_MS) for name in names])
    monkeypatch.setattr(funnels, "_BLOCK", 2)
    query = FunnelQuery(NOW_MS, NOW_MS, ("a", "b", "a", "b", "a", "c"), 0)
    assert store.funnel(tenant.project.id, query) == [1] * 6


@pytest.mark.parametrize("module", [funnels, retention])
def test_past_the_deadline_the_question_is_given_up(store, project, monkeypatch, module):
    @contextmanager
    def at_once(connection):
        with deadlines.deadline(connection, -1.0) as check:
            yield check

    monkeypatch.setattr(deadlines, "_STEPS", 1)
    monkeypatch.setattr(module, "deadline", at_once)
    with pytest.raises(TooLong) as raised:
        store.funnel(project, FUNNEL) if module is funnels else store.retention(project, RETENTION)
    assert raised.value.public == "ask a shorter window"
    monkeypatch.undo()
    assert store.funnel(project, FUNNEL) and store.retention(project, RETENTION)
    assert store.count_people(project, PeopleCountQuery(0, NOW_MS)).total


def test_of_deadlines_inside_each_other_the_nearest_holds_and_then_the_outer_one_again(store, project, monkeypatch):
    seconds = [0.0]
    monkeypatch.setattr(deadlines, "_STEPS", 20)  # more than ROLLBACK takes
    monkeypatch.setattr(deadlines, "monotonic", lambda: seconds[0])

    def ask() -> object:
        return store.funnel(project, FUNNEL), store.retention(project, RETENTION), store.quick_check(9.0)

    with pytest.raises(TooLong) as raised, store.limited(8.0):  # the outer one is nearer than their own 20 s
        assert ask()
        seconds[0] = 8.5
        ask()
    assert str(raised.value) == str(TooLong(8.0))
    with pytest.raises(TooLong) as raised, store.limited(30.0):
        assert ask()  # it takes their own from the connection, not the outer one
        seconds[0] = 39.0
        store.count_people(project, PeopleCountQuery(0, NOW_MS))
    assert str(raised.value) == str(TooLong(30.0))
    assert ask()


def test_another_fault_stays_what_it_is(store):
    with pytest.raises(StoreError) as raised, store.database.snapshot() as connection, deadlines.deadline(connection):
        store.count_people("no project", None)
    assert not isinstance(raised.value, TooLong)
