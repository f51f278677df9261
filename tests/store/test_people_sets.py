"""Sets of the people of past days: right whenever they are there, and nothing depends on their being there."""

import random

import pytest
from hypothesis import HealthCheck, given, settings

from drengr.people.questions import NamesQuery, PeopleCountQuery, RetentionQuery
from drengr.store.sqlite.people import gathering
from drengr.store.sqlite.removal import remove
from tests.admin import DAY_MS, event
from tests.conftest import NOW_MS
from tests.store.test_people_kept import GOING, WRITES, empty

TODAY = NOW_MS // DAY_MS
few = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture(autouse=True)
def every_name_is_common(monkeypatch):
    monkeypatch.setattr(gathering, "_MISSING", gathering._MISSING.replace(">= 50", ">= 1"))


def answers(store, project: int) -> list:
    windows = [(0, NOW_MS + 9 * DAY_MS), (NOW_MS - 2 * DAY_MS + 7, NOW_MS)]
    counts = [
        store.count_people(project, PeopleCountQuery(*window, name, group_by))
        for window in windows
        for name in (None, "a", "b", "order_completed")
        for group_by in (None, "day", "week")
    ]
    names = store.names(project, NamesQuery(10, TODAY))
    return [*counts, *names, store.retention(project, RetentionQuery(TODAY - 9, TODAY + 5, "day"))]


def without_sets(store, project: int) -> list:
    store.commits.run(lambda connection: connection.execute("DELETE FROM day_sets"))
    return answers(store, project)


def gathered(store) -> int:
    while store.gather_people(TODAY + 10, 9.0):
        pass
    return store.database.read("SELECT count(*) FROM day_sets WHERE people IS NOT NULL")[0][0]


@few
@given(writes=WRITES, going=GOING, more=WRITES)
def test_whatever_changes_a_set_drops_it(store, tenant, writes, going, more):
    empty(store)
    for events in (*writes, *more):
        assert gathered(store) > 0 or not store.database.read("SELECT 1 FROM semantic_events")
        store.add(tenant.project.id, events)
        assert store.wrong_totals() == []
    gathered(store)
    ids = [row[0] for row in store.database.read("SELECT id FROM semantic_events ORDER BY id")]
    store.commits.run(lambda connection: remove(connection, [ids[n % len(ids)] for n in going], "erased"))
    assert store.wrong_totals() == []
    with_sets = answers(store, tenant.project.id)
    gathered(store)
    assert with_sets == answers(store, tenant.project.id) == without_sets(store, tenant.project.id)


def test_a_set_that_changed_while_it_was_made_is_not_kept(store, tenant, monkeypatch):
    first, later = event(event_name="a"), event(event_name="a", external_id="other", install_id="other")
    store.add(tenant.project.id, [first])
    worked_out = gathering._worked_out

    def and_meanwhile(database, *key):
        made = worked_out(database, *key)
        store.add(tenant.project.id, [later._replace(event_id=f"{key}")])
        return made

    monkeypatch.setattr(gathering, "_worked_out", and_meanwhile)
    store.gather_people(TODAY + 1, 9.0)
    assert store.database.read("SELECT count(*) FROM day_sets WHERE people IS NOT NULL") == [(0,)]
    assert store.count_people(tenant.project.id, PeopleCountQuery(0, NOW_MS, "a")).total == 2
    monkeypatch.undo()


def test_no_set_is_begun_of_what_has_gone_meanwhile(store, tenant, monkeypatch):
    store.add(tenant.project.id, [event()])
    begin = gathering._begin

    def of_nothing(keys, connection):
        remove(connection, [row[0] for row in connection.execute("SELECT id FROM semantic_events")], "deleted")
        return begin(keys, connection)

    monkeypatch.setattr(gathering, "_begin", of_nothing)
    store.gather_people(TODAY + 1, 9.0)
    assert store.database.read("SELECT count(*) FROM day_sets") == [(0,)]


def test_a_set_whose_maker_was_killed_is_made_again(store, tenant, monkeypatch):
    store.add(tenant.project.id, [event()])
    with monkeypatch.context() as dying:
        dying.setattr(gathering, "_fill", lambda *_: None)
        store.gather_people(TODAY + 1, 9.0)
    begun = "SELECT count(*), count(people) FROM day_sets"
    assert store.database.read(begun) == [(2, 0)]
    assert store.gather_people(TODAY + 1, 9.0) is False
    assert store.database.read(begun) == [(2, 0)], "somebody may still be at it"
    monkeypatch.setattr(gathering, "_FORSAKEN_MS", -1)
    store.add(tenant.project.id, [event(occurred_at=NOW_MS - DAY_MS)])
    store.gather_people(TODAY + 1, 9.0)
    store.gather_people(TODAY + 1, 9.0)
    assert store.database.read(begun) == [(4, 4)]


def test_it_stops_when_its_time_is_over(store, tenant):
    store.add(tenant.project.id, [event(occurred_at=NOW_MS - n * DAY_MS) for n in range(40)])
    assert store.gather_people(TODAY + 1, 0.0) is True
    assert store.database.read("SELECT count(*) FROM day_sets") == [(0,)]
    assert gathered(store) == 80


def test_today_and_rare_names_have_none(store, tenant, monkeypatch):
    monkeypatch.undo()
    days = random.Random(1).choices([NOW_MS - DAY_MS, NOW_MS], k=400)
    store.add(tenant.project.id, [event(event_name="common", occurred_at=at) for at in days])
    store.add(tenant.project.id, [event(event_name="rare", occurred_at=NOW_MS - DAY_MS) for _ in range(49)])
    assert store.gather_people(TODAY, 9.0) is False
    found = store.database.read("SELECT day - ?, name_id = 0 FROM day_sets ORDER BY 2", (TODAY,))
    assert found == [(-1, 0), (-1, 1)]
    assert store.wrong_totals() == []


@pytest.mark.parametrize("wrong", [gathering.packed(2**9), b"", b"x", gathering.packed(0)[:-1]])
@pytest.mark.parametrize("column", ["people", "newcomers"])
def test_a_wrong_set_is_found_and_mended(store, tenant, column, wrong):
    store.add(tenant.project.id, [event()])
    gathered(store)
    store.commits.run(lambda connection: connection.execute(f"UPDATE day_sets SET {column} = ?", (wrong,)))
    found = store.wrong_totals()
    assert [str(one) for one in found] == ["people, project shop: 2 sets of the people of a day are wrong"]
    store.repair(found)
    assert store.wrong_totals() == []


def test_a_large_device_that_moves_drops_whole_days(store, tenant, monkeypatch):
    monkeypatch.setattr("drengr.store.sqlite.people.day_sets._FEW_EVENTS", 1)
    store.add(tenant.project.id, [event(external_id=None, event_name=name) for name in "ab" for _ in range(3)])
    assert gathered(store) == 3
    store.add(tenant.project.id, [event(occurred_at=NOW_MS + DAY_MS)])
    assert store.wrong_totals() == []
    assert store.count_people(tenant.project.id, PeopleCountQuery(0, NOW_MS, "a")).total == 1


def test_while_history_comes_in_no_sets_are_made_that_it_would_drop(store, tenant):
    def history_comes(device: str) -> None:
        store.add(tenant.project.id, [event(source="mixpanel", external_id=device, occurred_at=NOW_MS - DAY_MS)])

    def sets() -> list[tuple]:
        return store.database.read("SELECT 1 FROM day_sets WHERE name_id = 0 AND people IS NOT NULL")

    history_comes("d0")
    assert store.gather_people(TODAY, 9.0) is False and sets()
    for device in ("d1", "d2"):
        history_comes(device)
        assert store.gather_people(TODAY, 9.0) is True and not sets()
    assert store.gather_people(TODAY, 9.0) is False and sets()
