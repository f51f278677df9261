"""Totals against the events they count, and what `verify` makes of a difference."""

import pytest

from drengr.store import WrongPeople
from tests.admin import DAY_MS, HOUR_MS, event
from tests.conftest import NOW_MS

pytestmark = pytest.mark.both_stores


@pytest.fixture
def filled(store, tenant, make_tenant):
    times = [
        NOW_MS,
        NOW_MS - 1,
        NOW_MS - HOUR_MS,
        NOW_MS - 3 * DAY_MS,
        -1,
        -DAY_MS,
        -DAY_MS - 1,
        0,
        -62_135_596_800_000,
    ]
    for project_id in (tenant.project.id, make_tenant("other").project.id):
        store.add(
            project_id, [event(occurred_at=at, event_name=name) for at in times for name in ("a", "b", "b")]
        )
    return store


def change(store, statement: str) -> None:
    store.commits.run(lambda connection: connection.execute(statement))


def totals(store) -> list[list[tuple]]:
    summed = "SELECT project_id, {0}, name_id, sum(events) FROM {0}_totals GROUP BY 1, 2, 3 ORDER BY 1, 2, 3"
    return [store.database.read(summed.format(unit)) for unit in ("hour", "day")]


def test_totals_kept_by_the_writer_are_right(filled):
    assert filled.wrong_totals() == []
    assert filled.faults() == []


B = "(SELECT id FROM event_names WHERE project_id = 1 AND name = 'b')"
HARM = [
    "UPDATE hour_totals SET events = events + 1 WHERE rowid_of_one",
    "UPDATE day_totals SET events = 0 WHERE rowid_of_one",
    "DELETE FROM hour_totals WHERE rowid_of_one",
    "DELETE FROM day_totals WHERE rowid_of_one",
    "DELETE FROM hour_totals",
    "DELETE FROM day_totals",
    f"INSERT INTO hour_totals (project_id, hour, name_id, events) VALUES (1, 5, {B}, 9)",
    f"INSERT INTO day_totals (project_id, day, name_id, events) VALUES (1, 77, {B}, 9)",
    "DELETE FROM semantic_events WHERE id = 1",
    "DELETE FROM semantic_events",
]


@pytest.mark.parametrize("harm", HARM)
def test_a_difference_is_found_named_and_repaired(filled, harm):
    before = totals(filled)
    change(filled, harm.replace("rowid_of_one", f"project_id = 1 AND name_id = {B} AND events = 2"))
    wrong = filled.wrong_totals()
    assert wrong
    assert all(cell.kept != cell.counted for cell in wrong if not isinstance(cell, WrongPeople))
    filled.repair(wrong)
    assert filled.wrong_totals() == []
    if "semantic_events" not in harm:
        assert totals(filled) == before


def test_a_difference_says_where_it_is(filled):
    change(
        filled,
        f"UPDATE hour_totals SET events = 7 WHERE hour = {NOW_MS // HOUR_MS} AND project_id = 1 AND name_id = {B}",
    )
    hour, day = filled.wrong_totals()
    assert str(hour) == 'hour 2026-11-20T16:00, project shop, event "b": total 7, events 2'
    assert str(day) == 'day 2026-11-20, project shop, event "b": total 6, sum of its hours 11'


def test_events_that_arrive_before_the_repair_are_counted(filled, tenant):
    change(filled, "DELETE FROM hour_totals")
    wrong = filled.wrong_totals()
    filled.add(tenant.project.id, [event(occurred_at=NOW_MS, event_name="a")])
    filled.repair(wrong)
    assert filled.wrong_totals() == []


@pytest.mark.sqlite
def test_a_row_without_its_project_is_a_fault_of_the_file(filled):
    connection = filled.database.writing_connection()
    connection.execute("PRAGMA foreign_keys = 0")
    connection.execute("DELETE FROM projects WHERE name = 'other'")
    connection.execute("PRAGMA foreign_keys = 1")
    assert any("semantic_events" in fault for fault in filled.faults())
