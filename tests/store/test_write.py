"""Putting events away: first copy stays, ids grow, totals and usage are kept with them: contract 2, 3.6."""

import pytest

from drengr.store import Added, StoreError
from tests.admin import event
from tests.conftest import NOW_MS

pytestmark = pytest.mark.both_stores

DAY_MS = 86_400_000


@pytest.fixture
def add(store, tenant):
    """add(event, event, …) → what became of them."""
    return lambda *events, **over: store.add(tenant.project.id, list(events), **over)


@pytest.fixture
def read(store):
    return store.database.read


def test_nothing_adds_nothing(add, rows):
    assert add() == Added(0, 0)
    assert rows() == []


def test_the_first_copy_stays(add, rows):
    first, second = event(event_id="a", event_name="first"), event(event_id="a", event_name="second")
    assert add(first, second, event(event_id="b")) == Added(2, 1)
    assert add(second, event(event_id="c")) == Added(1, 1)
    assert (rows()[0]["event_id"], rows()[0]["event_name"]) == ("a", "first")
    assert [row["event_id"] for row in rows()] == ["a", "b", "c"]


def test_ids_grow_in_the_order_of_storing(add, rows):
    for number in range(3):
        add(event(occurred_at=NOW_MS - number * DAY_MS), event(event_id="same"), event())
    assert [row["id"] for row in rows()] == [1, 2, 3, 4, 6, 7, 9]  # a repeat leaves a hole


def test_without_an_id_nothing_is_a_repeat(add, rows):
    assert add(event(), event()) == add(event(), event()) == Added(2, 0)
    assert len(rows()) == 4


def test_packed_and_plain_ids_do_not_collide(add, rows):
    uuid = "0b6f1c1e-5d5c-4a53-8b0c-2f8f3a3c7d10"
    ids = [uuid, uuid.upper(), uuid.replace("-", ""), bytes.fromhex(uuid.replace("-", "")).decode("latin-1")]
    assert add(*[event(event_id=text) for text in ids]) == Added(4, 0)
    assert [row["event_id"] for row in rows()] == ids


def test_every_column_comes_back(add, rows, tenant):
    full = event(
        event_id="a", event_name="e", source="posthog", app_package="com.example", install_id="d", external_id=None,
        session_id="s", occurred_at=-5, received_at=7, dims='{"a":"b"}', measures="{}", properties='{"x":[1]}',
    )  # fmt: skip
    add(full)
    (row,) = rows()
    columns = {name: value for name, value in full._asdict().items() if name != "changed"}
    assert row == {"id": 1, "project": tenant.project_id} | columns


@pytest.mark.parametrize("session", [0, -(2**63), 2**63 - 1, "1", "", None], ids=repr)
def test_a_session_keeps_its_type(add, rows, session):
    add(event(session_id=session))
    assert (rows()[0]["session_id"], type(rows()[0]["session_id"])) == (session, type(session))


def test_totals_count_what_was_inserted_and_not_what_was_sent(add, read):
    add(event(event_id="a"), event(event_id="a"), event(occurred_at=NOW_MS - DAY_MS), event(event_name="other"))
    add(event(event_id="a"))
    day = NOW_MS // DAY_MS
    names = "SELECT t.day, n.name, t.events FROM day_totals AS t JOIN event_names AS n ON n.id = t.name_id"
    assert read(f"{names} ORDER BY t.day, n.name") == [
        (day - 1, "order_completed", 1),
        (day, "order_completed", 1),
        (day, "other", 1),
    ]
    assert read("SELECT sum(events) FROM hour_totals") == [(3,)]


def test_a_time_before_1970_is_counted_on_its_own_day(add, read):
    add(event(occurred_at=-1), event(occurred_at=0))
    assert read("SELECT day, events FROM day_totals ORDER BY day") == [(-1, 1), (0, 1)]
    assert read("SELECT hour, events FROM hour_totals ORDER BY hour") == [(-1, 1), (0, 1)]


def test_only_metered_events_that_were_stored_are_usage(add, read):
    add(event(event_id="a"), event(event_id="a"), event(), metered=True)
    add(event(event_id="a"), metered=True)
    add(event(), event())
    assert read("SELECT day, events FROM live_usage") == [(NOW_MS // DAY_MS, 2)]


def test_names_and_origins_are_stored_once(add, read):
    for _ in range(3):
        add(
            event(),
            event(event_name="other"),
            event(source="ga4", app_package="a"),
            event(source="ga4", app_package=""),
        )
    assert read("SELECT count(*) FROM event_names") == [(2,)]
    assert read("SELECT source, app_package FROM origins ORDER BY source, app_package DESC") == [
        ("amplitude_http", None),
        ("ga4", "a"),
        ("ga4", ""),
    ]


def test_a_name_belongs_to_its_project(add, store, make_tenant, read):
    add(event())
    store.add(make_tenant("other").project.id, [event()])
    named = "SELECT p.name, n.name FROM event_names AS n JOIN projects AS p ON p.id = n.project_id ORDER BY n.id"
    assert read(named) == [
        ("shop", "order_completed"),
        ("other", "order_completed"),
    ]


def test_one_row_that_cannot_be_stored_takes_back_all_of_its_write(add, rows, read):
    bad = event(occurred_at="noon", event_name="never seen")
    with pytest.raises(StoreError):
        add(event(event_id="a"), bad)
    assert rows() == [] and read("SELECT count(*) FROM day_totals") == read("SELECT count(*) FROM event_names") == [
        (0,)
    ]
    assert add(event(event_name="never seen")) == Added(1, 0)
    assert rows()[0]["event_name"] == "never seen"


@pytest.mark.sqlite  # PostgreSQL's writers remember none
def test_names_past_what_is_remembered_are_found_in_the_file(add, read, monkeypatch):
    monkeypatch.setattr("drengr.store.sqlite.write._MOST_REMEMBERED", 2)
    for _ in range(2):
        for number in range(6):
            add(event(event_name=f"n{number}"))
    assert read("SELECT count(*), count(DISTINCT name) FROM event_names") == [(6, 6)]
    named = read("SELECT event_name, count(*) FROM events GROUP BY event_name ORDER BY 1")
    assert named == [(f"n{n}", 2) for n in range(6)]
