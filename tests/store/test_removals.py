"""Events that go otherwise than with a person: deleted ones and old ones (contract 9)."""

import time

import pytest

from drengr.admin.deletions import DeletionQuery
from drengr.store import Added, Problem
from drengr.store.clock import now_ms
from drengr.store.floors import LONGEST_PAUSE_MS
from drengr.store.removals import Keeping
from drengr.store.sqlite.erasing import SqliteParts
from tests.admin import DAY_MS, event

pytestmark = [pytest.mark.both_stores, pytest.mark.usefixtures("soon")]


def aged(days: float, **over):
    return event(event_id=f"{days} days", occurred_at=int(now_ms() - days * DAY_MS), **over)


def ids(rows) -> list[str]:
    return sorted(row["event_id"] for row in rows())


def work_off(store) -> None:
    deadline = time.monotonic() + 30
    while not store.go_on_removing(2) or store.under_way():
        assert time.monotonic() < deadline
    assert store.wrong_totals() == [] and store.faults() == []


@pytest.mark.parametrize(
    ("query", "left"),
    [
        (DeletionQuery(event_name="a"), ["3", "4"]),
        (DeletionQuery(source="ga4"), ["1", "2", "3"]),
        (DeletionQuery(since=2000), ["1"]),
        (DeletionQuery(until=2000), ["3", "4"]),
        (DeletionQuery(event_name="a", until=1000), ["2", "3", "4"]),
        (DeletionQuery(event_name="unknown"), ["1", "2", "3", "4"]),
    ],
    ids=str,
)
def test_what_meets_every_condition_goes(store, project, rows, make_tenant, query, left):
    of = {"1": ("a", "mixpanel"), "2": ("a", "amplitude_http"), "3": ("b", "mixpanel"), "4": ("c", "ga4")}
    store.add(make_tenant("other").project.id, [event(event_id="theirs", event_name="a", occurred_at=1000)])
    for number, (name, source) in of.items():
        store.add(
            project, [event(event_id=number, event_name=name, source=source, occurred_at=int(number) * 1000)]
        )
    assert store.would_delete(project, query) == 4 - len(left)
    store.delete_events(project, query)
    work_off(store)
    assert ids(rows) == [*left, "theirs"]
    removed = sum(line.counts["removed_deleted"] for line in store.ledger(project, 0, 30_000))
    assert removed == 4 - len(left)


def test_what_was_deleted_may_come_again_but_from_the_admin_door(store, project, rows):
    live, posted = [event(event_id="live")], [event(event_id="posted", source="admin")]
    store.add(project, live)
    store.add(project, posted)
    store.delete_events(project, DeletionQuery(event_name="order_completed"))
    work_off(store)
    assert store.add(project, live) == Added(1, 0)
    assert store.add(project, posted) == Added(0, 0, {0: "erased"})


def test_what_is_stored_after_a_deletion_began_stays(store, project, rows):
    store.add(project, [event(event_id=str(n)) for n in range(50)])
    store.delete_events(project, DeletionQuery(event_name="order_completed"))
    time.sleep(0.002)
    store.add(project, [event(event_id="new", received_at=now_ms())])
    work_off(store)
    assert ids(rows) == ["new"]


def test_old_events_go_and_do_not_come_back(store, project, rows):
    store.add(project, [aged(days) for days in (0, 1, 9.9, 10.1, 400)])
    assert store.keeping(project) == Keeping(None, False) and store.would_expire(project, 10) == 2
    store.keep(project, 10)
    work_off(store)
    assert ids(rows) == ["0 days", "1 days", "9.9 days"] and store.keeping(project) == Keeping(10, False)
    assert store.add(project, [aged(11), aged(2)]) == Added(1, 0, {0: "too_old"}, 10)
    counts = [line.counts for line in store.ledger(project, 0, 30_000)]
    assert sum(each["removed_expired"] for each in counts) == 2
    assert sum(each["dropped_too_old"] for each in counts) == 1
    store.keep(project, None)
    assert store.add(project, [aged(11)]).inserted == 1


def test_whoever_begins_with_what_is_old_goes_on_until_it_is_gone(store, project, rows, monkeypatch):
    monkeypatch.setattr("drengr.store.removing._MOST", 10)  # in a slice
    store.add(project, [aged(20 + n / 100) for n in range(35)])
    store.add(project, [aged(1)])
    store.keep(project, 10)
    while not store.go_on_removing(0):  # which ends after each slice
        pass
    assert ids(rows) == ["1 days"]


@pytest.mark.parametrize("jump_ms", [LONGEST_PAUSE_MS + 60_000, -LONGEST_PAUSE_MS - 60_000])
def test_a_clock_that_jumps_lets_nothing_expire(store, project, rows, monkeypatch, jump_ms):
    store.keep(project, 40)
    work_off(store)
    for who in ("removing", "additions"):
        monkeypatch.setattr(f"drengr.store.{who}.now_ms", lambda: now_ms() + jump_ms)
    assert store.add(project, [aged(20), aged(1)]).inserted == 2
    work_off(store)
    monkeypatch.undo()
    store.go_on_removing(1)
    assert store.keeping(project) == Keeping(40, True) and len(rows()) == 2
    assert store.add(project, [aged(50)]).inserted == 1
    store.keep(project, 40)
    work_off(store)
    assert store.keeping(project) == Keeping(40, False) and ids(rows) == ["1 days", "20 days"]


@pytest.mark.sqlite
def test_the_file_gets_smaller(store, project, database_path):
    bag = '{"text":"' + "x" * 2000 + '"}'
    store.add(project, [event(event_id=f"old {n}", dims=bag, occurred_at=now_ms() - 20 * DAY_MS) for n in range(2000)])
    store.add(project, [aged(1)])
    assert SqliteParts(store.database, store.commits).clean(anew=False)  # all of it is in the one file
    before = database_path.stat().st_size
    store.keep(project, 10)
    work_off(store)
    assert database_path.stat().st_size < before / 4


def test_refusals_counted_while_a_project_goes_leave_nothing_of_it(store, project, tenant, monkeypatch):
    def drop_and_note(project_id):
        drop(project_id)
        store.note({(project, 20_000, "acceptor"): {"refused_bad_key": 7}}, [refusal])

    refusal = Problem(project, "acceptor", "bad_key", "", "curl", "8.5.0", "", 7, 1000, 1000)
    drop = store.remover._parts.drop
    monkeypatch.setattr(store.remover._parts, "drop", drop_and_note)
    store.delete_project(tenant.project)
    work_off(store)
    assert (store.projects(), store.ledger(None, 0, 30_000), store.problems(None)) == ([], [], [])
