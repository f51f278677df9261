"""Events in the order of their ids, slice by slice: contract 9, export."""

import pytest

from drengr.admin.exports import COLUMNS, ExportQuery
from drengr.exporting import events_of_hour, exported, hours
from drengr.store.postgresql import export as postgresql_export
from drengr.store.sqlite import export as sqlite_export
from tests.admin import HOUR_MS, USER, event
from tests.conftest import NOW_MS

pytestmark = pytest.mark.both_stores

THIS_HOUR = NOW_MS // HOUR_MS


@pytest.fixture
def small_slices(monkeypatch):
    for module in (sqlite_export, postgresql_export):
        monkeypatch.setattr(module, "_MOST_ROWS", 3)
        monkeypatch.setattr(module, "_MOST_LOOKED_AT", 5)
        monkeypatch.setattr(module, "_HOURS_LOOKED_AT", 2)


@pytest.fixture
def export(store, tenant):
    """export(filter=…) → the events, in the order in which they come."""

    def read(**filters: object) -> list:
        slices = exported(store, tenant.project.id, ExportQuery(**filters), store.last_id())
        return [each for one in slices for each in one.events]

    return read


def test_the_columns_are_the_view_s(export, store, tenant, rows):
    store.add(
        tenant.project.id,
        [
            event(event_id=USER, session_id=17, source="ga4", app_package="com.example"),
            event(event_id="a" * 64, session_id="17", install_id=USER, external_id=None),
            event(source="admin", properties='{"n":12345678901234567890123}', occurred_at=-5),
        ],
    )
    shown = rows()
    assert [tuple(row) for row in shown] == [COLUMNS] * 3
    without_project = [tuple(value for name, value in row.items() if name != "project") for row in shown]
    assert [tuple(each) for each in export()] == without_project
    assert {row["project"] for row in shown} == {tenant.project_id}


def test_every_event_that_was_there_at_the_start_comes_once_in_the_order_of_ids(
    small_slices, store, make_tenant, tenant
):
    other = make_tenant("other").project.id
    for number in range(12):
        store.add(tenant.project.id if number % 3 else other, [event(event_name=f"e{number}") for _ in range(2)])
    slices = exported(store, tenant.project.id, ExportQuery(), store.last_id())
    seen = [each for one in (next(slices), next(slices)) for each in one.events]
    store.add(tenant.project.id, [event(event_name="later")])
    seen += [each for one in slices for each in one.events]
    assert [each.event_name for each in seen] == [f"e{n}" for n in range(12) if n % 3 for _ in range(2)]
    assert [each.id for each in seen] == sorted({each.id for each in seen})


def test_a_slice_of_large_events_is_short(monkeypatch, export, store, tenant):
    for module in (sqlite_export, postgresql_export):
        monkeypatch.setattr(module, "_MOST_BYTES", 5000)
    store.add(tenant.project.id, [event(dims='{"a":"%s"}' % ("x" * 3000), event_name=f"e{n}") for n in range(5)])
    sizes = [len(one.events) for one in exported(store, tenant.project.id, ExportQuery(), store.last_id())]
    assert sizes[:2] == [2, 2] and sum(sizes) == 5
    assert [each.event_name for each in export()] == [f"e{n}" for n in range(5)]


@pytest.mark.parametrize(
    ("filters", "names"),
    [
        ({}, "abcdef"),
        ({"since": NOW_MS}, "cdef"),
        ({"since": NOW_MS - 60_000, "until": NOW_MS - 1}, "ab"),
        ({"event_name": "c"}, "c"),
        ({"event_name": "nobody's"}, ""),
        ({"external_id": USER}, "cdef"),  # that person's: with what came before sign-in
        ({"external_id": USER.upper()}, "cdef"),
        ({"external_id": "user_1"}, "ab"),
        ({"external_id": "USER_1"}, ""),
        ({"external_id": "a\0b"}, ""),
        ({"install_id": "tablet"}, "e"),
        ({"install_id": USER.upper()}, "f"),
        ({"received": range(NOW_MS, NOW_MS + 1)}, "bcdef"),
    ],
)
def test_only_what_every_filter_leaves_is_read(export, store, tenant, filters, names):
    now = {"occurred_at": NOW_MS}
    store.add(tenant.project.id, [event(event_name="a", received_at=NOW_MS - 1)])
    store.add(
        tenant.project.id,
        [
            event(event_name="b"),
            event(event_name="c", external_id=USER, **now),
            event(event_name="d", external_id=USER.upper(), install_id="tablet", **now),
            event(event_name="e", external_id=None, install_id="tablet", **now),
            event(event_name="f", external_id=None, install_id=USER, **now),
        ],
    )
    assert "".join(each.event_name for each in export(**filters)) == names


def test_hours_are_those_of_receiving(small_slices, store, make_tenant, tenant):
    other = make_tenant("other").project.id
    received = [0, -1, 0, -25, 3, -1]
    for number, hour in enumerate(received):
        store.add(tenant.project.id, [event(event_name=f"e{number}", received_at=NOW_MS + hour * HOUR_MS)])
        store.add(other, [event(received_at=NOW_MS + 2 * HOUR_MS)])
    window = range((THIS_HOUR - 25) * HOUR_MS, (THIS_HOUR + 1) * HOUR_MS)
    found = {
        hour.number - THIS_HOUR: [
            each.event_name for some in events_of_hour(store, tenant.project.id, hour) for each in some
        ]
        for hour in hours(store, tenant.project.id, window)
    }
    assert found == {-25: ["e3"], -1: ["e1", "e5"], 0: ["e0", "e2"]}
    assert list(found) == sorted(found)
