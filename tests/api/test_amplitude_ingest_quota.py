"""The daily quota and the order in which a request is checked: contract 4."""

import json

import pytest

from tests.conftest import NOW_MS
from tests.factories import amplitude_event, envelope

pytestmark = pytest.mark.both_stores

DAY_MS = 86_400_000
MAX_BYTES = 1_048_576


@pytest.fixture
def settings():
    return {"DRENGR_DAILY_EVENT_QUOTA": "3"}


@pytest.fixture
def send(client, tenant):
    """send(n) → the answer to a batch of n new events."""

    def post(count: int, **over):
        return client.post(
            "/batch", json=envelope(tenant.publishable_key, *[amplitude_event(**over) for _ in range(count)])
        )

    return post


def test_the_quota_is_checked_before_storing_so_it_may_overshoot(send, rows):
    assert [send(2).status_code, send(5).status_code, send(1).status_code] == [200, 200, 429]
    assert len(rows()) == 7


def test_exactly_the_quota_ends_the_day(send, rows):
    assert [send(3).status_code, send(1).status_code] == [200, 429]
    assert len(rows()) == 3


def test_one_below_the_quota_does_not(send):
    assert [send(2).status_code, send(0).status_code, send(1).status_code] == [200, 200, 200]


@pytest.mark.parametrize("count", [0, 1, 4])
def test_the_429_names_every_index_so_that_sdks_hold_the_events(send, count):
    send(3)
    answer = send(count)
    assert (answer.status_code, answer.headers["Access-Control-Allow-Origin"]) == (429, "*")
    assert answer.json == {"code": 429, "error": "exceeded daily quota", "throttled_events": list(range(count))}


def test_the_day_turns_at_midnight_utc(send, clock):
    clock.now_ms = NOW_MS // DAY_MS * DAY_MS + DAY_MS - 1  # the last millisecond
    assert [send(3).status_code, send(1).status_code] == [200, 429]
    clock.now_ms += 1
    assert [send(3).status_code, send(1).status_code] == [200, 429]


def test_what_counts_is_the_day_of_receipt(send):
    assert [send(3, time=NOW_MS - 5 * DAY_MS).status_code, send(1).status_code] == [200, 429]


def test_repeats_and_skipped_rows_do_not_count(client, tenant, send):
    for _ in range(5):
        assert send(1, insert_id="same").status_code == 200
        assert send(2, event_type=None).status_code == 200
    assert send(2).status_code == 200
    assert send(1).status_code == 429


def test_each_project_has_its_own_quota(client, make_tenant):
    for name in ("one", "two"):
        body = envelope(make_tenant(name).publishable_key, *[amplitude_event() for _ in range(3)])
        assert [client.post("/batch", json=body).status_code for _ in range(2)] == [200, 429]


def test_imports_and_posted_events_are_not_metered(client, tenant, send, rows):
    row = {"event_type": "old", "event_time": "2026-11-01T00:00:00Z", "user_id": "u"}
    rows_sent = [row | {"$insert_id": f"i{n}"} for n in range(5)]
    imported = client.post("/import-events", json={"source": "amplitude", "events": rows_sent}, headers=tenant.bearer)
    slots = [{"app_user_id": "00000000-0000-0000-0000-000000000001", "event_name": "x"}] * 5
    posted = client.post(f"/admin/projects/{tenant.project_id}/events", json=slots, headers=tenant.bearer)
    assert (imported.json["imported"], posted.json["data"]["inserted"]) == (5, 5)
    assert [send(3).status_code, send(1).status_code] == [200, 429]
    again = client.post("/import-events", json={"source": "amplitude", "events": [row]}, headers=tenant.bearer)
    assert (again.status_code, again.json["imported"], len(rows())) == (200, 1, 14)


def test_a_metering_fault_lets_events_in(send, store, rows):
    store.commits.run(lambda connection: connection.execute("DROP TABLE live_usage"))
    assert [send(3).status_code for _ in range(3)] == [200, 200, 200]
    assert len(rows()) == 9


def test_a_metering_fault_refuses_bad_keys_all_the_same(client, tenant, store):
    store.commits.run(lambda connection: connection.execute("DROP TABLE live_usage"))
    for key in ("nobody", "drengr_pk_unknown", tenant.secret_key):
        assert client.post("/batch", json=envelope(key)).json["error"] == "invalid api_key"


# --- size → JSON → key → events array → count → quota → store --------------------------------------------------------


@pytest.mark.parametrize(
    ("make", "status", "error"),
    [
        (lambda key: b"{" + b"x" * MAX_BYTES, 413, "payload too large"),
        (lambda key: b'{"api_key": "nobody", "events": 5', 400, "missing or invalid events array"),
        (lambda key: b'[{"api_key": "nobody"}]', 400, "missing or invalid events array"),
        (lambda key: json.dumps({"api_key": "nobody", "events": 5}).encode(), 400, "invalid api_key"),
        (lambda key: json.dumps(envelope("nobody", *[1] * 2001)).encode(), 400, "invalid api_key"),
        (lambda key: json.dumps({"api_key": key, "events": {}}).encode(), 400, "missing or invalid events array"),
        (lambda key: json.dumps(envelope(key, *[1] * 2001)).encode(), 413, "payload too large"),
        (lambda key: json.dumps(envelope(key, amplitude_event())).encode(), 429, "exceeded daily quota"),
        (lambda key: json.dumps(envelope(key)).encode(), 429, "exceeded daily quota"),
    ],
    ids=[
        "size before JSON", "JSON before key", "an object before key", "key before events array", "key before count",
        "events array before quota", "count before quota", "quota before store", "quota, also of nothing",
    ],
)  # fmt: skip
def test_of_two_faults_the_first_in_the_contracts_order_is_told(client, tenant, send, make, status, error):
    send(3)
    answer = client.post("/batch", data=make(tenant.publishable_key))
    assert (answer.status_code, answer.json["code"], answer.json["error"]) == (status, status, error)
