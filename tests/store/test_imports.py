"""What was imported, and how it is undone (contract 9)."""

import time

import pytest

from drengr.admin.deletions import DeletionQuery
from drengr.store import Account, Added, ImportRun, PastImport, Progress, StoreError
from tests.admin import event
from tests.conftest import NOW_MS

pytestmark = [pytest.mark.both_stores, pytest.mark.usefixtures("soon")]


def a_run(**over) -> ImportRun:
    return ImportRun(**{"source": "ga4", "app_package": None, "file": "a.json", "received_at": NOW_MS} | over)


def rows_of(*ids: str, **over):
    return [event(event_id=each, source="ga4", **over) for each in ids]


def ids(rows) -> list[str]:
    return sorted(row["event_id"] for row in rows())


def undo(store, project: int, number: int) -> None:
    removal = store.undo_import(project, number)
    deadline = time.monotonic() + 30
    while not store.go_on_removing(2, removal) or store.under_way():
        assert time.monotonic() < deadline
    assert store.wrong_totals() == [] and store.faults() == []


def test_each_file_is_an_import_with_its_counts(store, project, rows, make_tenant):
    other = make_tenant("other").project.id
    store.add_history(other, rows_of("theirs"), run=a_run())
    first, second = a_run(app_package="com.x"), a_run(source="mixpanel", file=None, received_at=NOW_MS + 1)
    dropped = Account("importer", 4, {"no_name": 2})
    store.add_history(project, rows_of("a", "b"), account=dropped, run=first)
    store.add_history(project, rows_of("a", "c"), run=second)
    store.add_history(project, rows_of("b", "d"), run=first)
    assert (first.number, second.number) == (1, 2)  # each project counts by itself
    last, earlier = store.imports(project, 5)
    numbers = {row["event_id"]: row["id"] for row in rows()}
    assert last == PastImport(2, "mixpanel", None, None, NOW_MS + 1, 1, 0, 1, numbers["c"], numbers["c"], None)
    assert earlier == PastImport(1, "ga4", "com.x", "a.json", NOW_MS, 3, 2, 1, numbers["a"], numbers["d"], None)
    assert store.imports(project, 1) == [last] and store.imports(project, 5, 2) == [earlier]


def test_undo_takes_what_the_import_brought_and_nothing_else(store, project, rows):
    store.add(project, rows_of("live"))
    one, two = a_run(), a_run()
    for number in range(3):  # in turns, with live events between
        store.add_history(project, rows_of("live", f"one {number}", f"both {number}", f"one, too {number}"), run=one)
        store.add_history(project, rows_of(f"both {number}", f"two {number}"), run=two)
        store.add(project, rows_of(f"live {number}"))
    assert store.would_undo(project, one.number) == 9
    undo(store, project, one.number)
    left = [f"{whose} {number}" for whose in ("live", "two") for number in range(3)]
    assert ids(rows) == sorted(["live", *left])
    assert sum(line.counts["removed_undone"] for line in store.ledger(project, 0, 30_000)) == 9
    undone = store.imports(project, 1, 2)[0]
    assert undone.undone_at is not None and undone.imported == 9
    assert store.would_undo(project, one.number) == 0
    with pytest.raises(ValueError, match="no import 1 that could be undone"):
        store.undo_import(project, one.number)


def test_what_was_undone_may_come_again_the_admin_door_s_events_too(store, project, rows):
    again = [*rows_of("a"), event(event_id="posted", source="admin")]
    run = a_run(source="drengr")
    store.add_history(project, again, account=Account("importer", 2, again=True), run=run)
    undo(store, project, run.number)
    assert rows() == []
    assert store.add_history(project, again, run=a_run()) == Added(2, 0)


def test_an_import_that_was_undone_while_it_ran_stores_nothing_more(store, project, rows):
    run = a_run()
    store.add_history(project, rows_of("a"), "key", lambda _: Progress(1, 1, 0, 0, "[]"), run=run)
    assert store.progress_of(project, "key") == Progress(1, 1, 0, 0, "[]", 1)
    undo(store, project, run.number)
    assert store.progress_of(project, "key") is None  # the next run begins at row one
    with pytest.raises(StoreError, match="import 1 was undone while it ran"):
        store.add_history(project, rows_of("b"), run=run)
    assert rows() == [] and store.wrong_totals() == []


def test_what_went_otherwise_is_not_missed(store, project, rows):
    run = a_run()
    store.add_history(project, rows_of("a", "b") + rows_of("c", event_name="spam") + rows_of("d"), run=run)
    store.delete_events(project, DeletionQuery(event_name="spam"))
    while not store.go_on_removing(2) or store.under_way():
        pass
    assert store.would_undo(project, run.number) == 3
    undo(store, project, run.number)
    assert rows() == []


def test_an_undo_that_was_left_is_taken_up(store, project, rows, monkeypatch):
    run = a_run()
    for start in range(0, 400, 40):
        store.add_history(project, rows_of(*(f"id {n}" for n in range(start, start + 40))), run=run)
        store.add(project, rows_of(f"live {start}"))
    removal = store.undo_import(project, run.number)
    monkeypatch.setattr("drengr.store.removing._MOST", 30)
    store.go_on_removing(0, removal)
    assert 10 < len(rows()) < 410 and store.wrong_totals() == []
    while store.under_way():
        store.go_on_removing(2, removal)
    assert ids(rows) == sorted(f"live {start}" for start in range(0, 400, 40))
    assert store.wrong_totals() == []
