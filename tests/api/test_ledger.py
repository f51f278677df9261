"""GET …/ledger: what became of every row that came: contract 10."""

import pytest

from drengr.store import NO_PROJECT, Account, Problem
from tests.admin import event
from tests.conftest import NOW_MS

pytestmark = pytest.mark.both_stores

DAY_MS = 86_400_000
TODAY = NOW_MS // DAY_MS


@pytest.fixture
def ask(client, tenant):
    def get(query: str = ""):
        return client.get(f"/admin/projects/{tenant.project_id}/ledger{query}", headers=tenant.bearer)

    return get


def test_a_day_shows_what_came_and_what_became_of_it(ask, store, tenant):
    account = Account("importer", 6, {"bad_time": 2, "unreadable": 1}, {"keys_sensitive": 1})
    store.add(tenant.project.id, [event(event_id=i, source="ga4") for i in ("a", "b", "a")], account)
    store.note({(tenant.project.id, TODAY, "importer"): {"refused_too_large": 2}}, [])
    assert ask().json["data"]["days"] == [
        {
            "day": "2026-11-20", "door": "importer", "received": 6, "stored": 2, "duplicates": 1, "dropped": 3,
            "dropped_by": {"bad_time": 2, "unreadable": 1}, "refused": 2, "refused_by": {"too_large": 2},
            "changed": {"values_cut": 0, "keys_over_limit": 0, "keys_sensitive": 1, "times_replaced": 0},
            "removed": {"erased": 0, "expired": 0, "undone": 0, "deleted": 0},
        }
    ]  # fmt: skip


def test_days_ascend_then_doors_and_empty_ones_are_left_out(ask, store, tenant):
    for days, source in ((0, "ga4"), (-2, "admin"), (0, "admin"), (-2, "amplitude_http")):
        store.add(tenant.project.id, [event(event_id=None, source=source, received_at=NOW_MS + days * DAY_MS)])
    store.note({(tenant.project.id, TODAY - 1, "admin"): {"received": 0}}, [])
    found = [(line["day"], line["door"]) for line in ask().json["data"]["days"]]
    assert found == [(f"2026-11-{day}", door) for day in (18, 20) for door in ("acceptor", "admin", "importer")
                     if (day, door) not in ((18, "importer"), (20, "acceptor"))]  # fmt: skip


def test_the_default_is_the_last_seven_utc_days(ask, store, tenant):
    for days in range(-9, 1):
        store.add(tenant.project.id, [event(event_id=None, received_at=NOW_MS + days * DAY_MS)])
    assert [line["day"] for line in ask().json["data"]["days"]] == [f"2026-11-{day}" for day in range(14, 21)]
    window = ask("?since=2026-11-12T23:59:59Z&until=2026-11-13").json["data"]["days"]
    assert [line["day"] for line in window] == ["2026-11-12", "2026-11-13"]


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("?since=noon", "INVALID_SINCE"),
        ("?until=noon", "INVALID_UNTIL"),
        ("?since=2026-11-20&until=2026-11-19", "INVALID_RANGE"),
        ("?since=2025-11-19&until=2026-11-20", "RANGE_TOO_LARGE"),
        ("?days=7", "INVALID_FILTER"),
        ("?since=2026-11-19&since=2026-11-20", "INVALID_SINCE"),
        ("?until=", "INVALID_UNTIL"),
    ],
)
def test_a_window_that_makes_no_sense_is_a_400(ask, query, code):
    answer = ask(query)
    assert (answer.status_code, answer.json["error"]["code"]) == (400, code)


def test_366_days_fit(ask):
    assert ask("?since=2025-11-20&until=2026-11-20").status_code == 200


def test_problems_come_last_seen_first_and_those_of_nobody_are_in_no_projects_answer(ask, store, tenant):
    mine = Problem(tenant.project.id, "acceptor", "no_id", "", "amplitude-ts", "2.1", "", 3, NOW_MS - 5, NOW_MS)
    store.note({}, [mine._replace(event_name="a", last_at=NOW_MS - 1), mine])
    store.note({}, [mine._replace(project_id=NO_PROJECT, reason="bad_key", key_hint="drengr_pk_ab")])
    assert ask().json["data"]["problems"] == [
        {"first_at": "2026-11-20T15:59:59.995Z", "last_at": "2026-11-20T16:00:00.000Z", "count": 3,
         "door": "acceptor", "reason": "no_id", "event_name": None, "sdk": "amplitude-ts", "sdk_version": "2.1"},
        {"first_at": "2026-11-20T15:59:59.995Z", "last_at": "2026-11-20T15:59:59.999Z", "count": 3,
         "door": "acceptor", "reason": "no_id", "event_name": "a", "sdk": "amplitude-ts", "sdk_version": "2.1"},
    ]  # fmt: skip


def test_another_project_sees_nothing_of_it(client, store, tenant, make_tenant):
    store.add(tenant.project.id, [event()])
    other = make_tenant("other")
    path = f"/v1/admin/projects/{other.project_id}/ledger"
    assert client.get(path, headers=other.bearer).json == {"data": {"days": [], "problems": []}}
    assert client.get(path, headers=tenant.bearer).status_code == 403
