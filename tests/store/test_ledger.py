"""The ledger at the store: kept with the events, one line a project, day and door: contract 10."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drengr.events.outcomes import CHANGED, DROPPED, REFUSED
from drengr.events.times import DAY_MS
from drengr.store import NO_PROJECT, Account, Problem, StoreError
from drengr.store.sqlite import SqliteStore
from tests.admin import event
from tests.conftest import NOW_MS

pytestmark = pytest.mark.both_stores

TODAY = NOW_MS // DAY_MS


def lines(store, project_id):
    return {(line.day, line.door): line for line in store.ledger(project_id, TODAY - 10, TODAY + 10)}


def test_rows_are_counted_by_what_became_of_them(store, tenant):
    account = Account("acceptor", 7, {"no_name": 2, "no_id": 1}, {"values_cut": 3})
    store.add(tenant.project.id, [event(event_id=i, source="amplitude_http") for i in ("a", "b", "c", "a")], account)
    line = lines(store, tenant.project.id)[TODAY, "acceptor"]
    assert {name: number for name, number in line.counts.items() if number} == {
        "received": 7, "stored": 3, "duplicates": 1, "dropped_no_name": 2, "dropped_no_id": 1, "changed_values_cut": 3,
    }  # fmt: skip
    assert line.last_id - line.first_id == 2
    assert line.last_received_at == NOW_MS
    assert store.wrong_totals() == []


def test_each_project_day_and_door_has_a_line_of_its_own(store, tenant, make_tenant):
    other = make_tenant("other").project.id
    store.add(tenant.project.id, [event(event_id="a", source="admin")])
    store.add(tenant.project.id, [event(event_id="b", source="ga4", received_at=NOW_MS - DAY_MS)])
    store.add(other, [event(event_id="a", source="amplitude_http")])
    assert set(lines(store, tenant.project.id)) == {(TODAY, "admin"), (TODAY - 1, "importer")}
    assert set(lines(store, other)) == {(TODAY, "acceptor")}


def test_a_write_that_fails_is_in_no_line(store, tenant):
    with pytest.raises(StoreError):
        store.add(tenant.project.id, [event(event_id="a"), event(event_id="b", occurred_at="noon")])
    assert lines(store, tenant.project.id) == {}


def test_what_brought_no_event_is_added_to_the_line_of_its_day(store, tenant):
    counted = {
        (tenant.project.id, TODAY, "acceptor"): {"received": 2, "dropped_no_id": 2},
        (NO_PROJECT, TODAY, "admin"): {"refused_bad_key": 5},
        (999, TODAY, "admin"): {"refused_quota": 1},  # of a project that is gone
    }
    store.note(counted, [])
    store.note(counted, [])
    assert lines(store, tenant.project.id)[TODAY, "acceptor"].by("dropped")["no_id"] == 4
    assert lines(store, NO_PROJECT)[TODAY, "admin"].by("refused")["bad_key"] == 10
    assert lines(store, 999) == {}


def test_the_two_hundred_problems_last_seen_stay(store, tenant):
    def problem(number: int, at: int) -> Problem:
        return Problem(tenant.project.id, "acceptor", "no_id", f"name_{number}", "sdk", "1", "", 1, at, at)

    store.note({}, [problem(number, NOW_MS + number) for number in range(250)])
    store.note({}, [problem(249, NOW_MS + 999)])
    kept = store.problems(tenant.project.id)
    assert len(kept) == 200
    assert kept[0] == problem(249, NOW_MS + 249)._replace(count=2, last_at=NOW_MS + 999)
    assert kept[-1].event_name == "name_50"


@pytest.mark.parametrize(
    "harm",
    [
        "DELETE FROM ledger_days",
        "UPDATE ledger_days SET stored = stored + 1",
        "UPDATE ledger_days SET received = received + 5",
        "DELETE FROM semantic_events WHERE id = 2",
        "UPDATE ledger_days SET removed_expired = 1",
    ],
)
def test_verify_finds_what_does_not_come_out_and_repair_mends_it(store, tenant, harm):
    store.add(tenant.project.id, [event(event_id=i) for i in "abc"], Account("importer", 5, {"bad_time": 2}))
    store.add(tenant.project.id, [event(event_id="d", source="amplitude_http")])
    store.commits.run(lambda connection: connection.execute(harm))
    assert store.wrong_totals() != []
    assert any("ledger 2026-11-20, project shop" in str(wrong) for wrong in store.wrong_totals())
    store.repair(store.wrong_totals())
    assert store.wrong_totals() == []


def test_the_view_shows_the_lines_in_plain_words(store, tenant):
    store.add(tenant.project.id, [event(event_id="a")], Account("importer", 3, {"bad_time": 1, "unreadable": 1}))
    store.note({(NO_PROJECT, TODAY, "acceptor"): {"refused_bad_key": 2, "refused_timeout": 1}}, [])
    found = store.database.read(
        "SELECT project, day, door, received, stored, duplicates, dropped, removed, refused FROM ledger ORDER BY door"
    )
    assert found == [
        ("-", "2026-11-20", "acceptor", 0, 0, 0, 0, 0, 3),
        (tenant.project_id, "2026-11-20", "importer", 3, 1, 0, 2, 0, 0),
    ]


@pytest.mark.sqlite
def test_the_columns_are_the_closed_lists(store):
    columns = {row[1] for row in store.database.read("PRAGMA table_info(ledger_days)")}
    wanted = {f"dropped_{reason}" for reason in DROPPED} | {f"changed_{how}" for how in CHANGED}
    assert columns > wanted | {f"refused_{reason}" for reason in REFUSED}


_WRITES = st.lists(
    st.tuples(
        st.sampled_from(("amplitude_http", "ga4", "admin")),
        st.integers(-2, 0),
        st.lists(st.sampled_from("abcdefgh"), max_size=6),
        st.dictionaries(st.sampled_from(DROPPED), st.integers(1, 5), max_size=3),
    ),
    max_size=15,
)


@given(writes=_WRITES)
@settings(max_examples=40, deadline=None)
def test_received_is_always_stored_and_duplicates_and_dropped(tmp_path_factory, writes):
    store = SqliteStore(str(tmp_path_factory.mktemp("ledger") / "events.db"))
    store.make_project("shop")
    received = 0
    for source, days, ids, dropped in writes:
        events = [event(event_id=i, source=source, received_at=NOW_MS + days * DAY_MS) for i in ids]
        door = {"amplitude_http": "acceptor", "admin": "admin"}.get(source, "importer")
        rows = len(ids) + sum(dropped.values())
        store.add(1, events, Account(door, rows, dropped))
        received += rows
    found = store.ledger(1, 0, 10**6)
    assert sum(line.counts["received"] for line in found) == received
    assert sum(line.counts["stored"] for line in found) == store.database.read("SELECT count(*) FROM events")[0][0]
    assert store.wrong_totals() == []
    store.close()
