"""POST and GET …/erasures, and Amplitude's deletion call (contract 9)."""

from base64 import b64encode

import pytest

from drengr.people.questions import Who
from tests.admin import USER, event

pytestmark = [pytest.mark.both_stores, pytest.mark.usefixtures("soon")]


@pytest.fixture
def erasures(tenant):
    return f"/admin/projects/{tenant.project_id}/erasures"


@pytest.fixture
def both_keys(tenant):
    words = f"{tenant.publishable_key}:{tenant.secret_key}".encode()
    return {"Authorization": "Basic " + b64encode(words).decode()}


def test_a_person_is_erased_and_the_receipt_listed(client, tenant, store, erasures):
    store.add(tenant.project.id, [event(event_id="a"), event(event_id="b", external_id=None)])
    planned = client.post(erasures, json={"external_id": "user_1", "dry_run": True}, headers=tenant.bearer).json["data"]
    assert (planned["status"], planned["id"], planned["erased_at"], planned["events"]) == ("dry_run", None, None, 2)
    done = client.post(erasures, json={"external_id": "user_1"}, headers=tenant.bearer).json["data"]
    assert (done["events"], done["devices"], done["shared_devices"]) == (2, 1, 0)
    page = client.get(erasures, headers=tenant.bearer).json
    assert page["next_cursor"] is None and [row["id"] for row in page["data"]] == [done["id"]]
    assert set(page["data"][0]) == {"id", "kind", "person", "events", "devices", "erased_at", "status", "by"}
    assert page["data"][0]["by"] == "api" and len(page["data"][0]["person"]) == 32


def test_receipts_are_paged(client, tenant, erasures):
    for number in range(5):
        client.post(erasures, json={"external_id": number}, headers=tenant.bearer)
    seen, cursor = [], None
    while True:
        query = {"limit": 2} | ({"cursor": cursor} if cursor else {})
        page = client.get(erasures, query_string=query, headers=tenant.bearer).json
        seen += [int(row["id"]) for row in page["data"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert seen == sorted(seen, reverse=True) and len(seen) == len(set(seen)) == 5


@pytest.mark.parametrize(
    "body",
    [b"", b"[]", b"{}", b'{"external_id":"a","install_id":"b"}', b'{"external_id":null}', b'{"external_id":" "}',
     b'{"external_id":1.5}', b'{"external_id":"a","dry_run":"true"}', b'{"external_id":"a","force":true}', b"NaN"],
    ids=bytes.decode,
)  # fmt: skip
def test_a_body_that_could_mean_something_else_erases_nothing(client, tenant, store, erasures, body):
    store.add(tenant.project.id, [event(event_id="a", external_id="a", install_id="b")])
    answer = client.post(erasures, data=body, headers=tenant.bearer)
    assert (answer.status_code, answer.json["error"]["code"]) == (400, "INVALID_ERASURE")
    assert store.erasures(tenant.project.id, 1) == [] and store.person(tenant.project.id, Who("user", "a"))


def test_every_door_refuses_an_erased_person_in_its_own_words(client, tenant, store, erasures):
    client.post(erasures, json={"external_id": USER}, headers=tenant.bearer)
    row = {"event_type": "a", "user_id": USER, "time": 1_795_000_000_000}
    live = client.post("/batch", json={"api_key": tenant.publishable_key, "events": [row]}).json
    assert live["events_ingested"] == 1
    rows = [{"event_type": "a", "device_id": "d", "event_time": "2026-11-01 00:00:00", "user_id": who}
            for who in ("u2", USER)]  # fmt: skip
    batch = client.post("/import-events", json={"source": "amplitude", "events": rows}, headers=tenant.bearer).json
    assert (batch["imported"], batch["skipped"], batch["errors"]) == (1, 1, ["event 1: its person was erased"])
    upload = client.post("/import-events?source=amplitude", headers=tenant.bearer, json=rows[1:])
    assert (upload.status_code, upload.json["skipped"]) == (200, 1)
    slot = {"app_user_id": USER, "event_name": "a", "occurred_at": "2026-11-01T00:00:00Z"}
    posted = client.post(f"/admin/projects/{tenant.project_id}/events", json=slot, headers=tenant.bearer).json["data"]
    assert posted == {"tracked": 0, "inserted": 0, "skipped": 1}
    lines = client.get(
        f"/admin/projects/{tenant.project_id}/ledger", query_string={"since": "2026-11-01"}, headers=tenant.bearer
    ).json["data"]["days"]
    assert {line["door"]: line["dropped_by"] for line in lines} == {
        "acceptor": {"erased": 1}, "importer": {"erased": 2}, "admin": {"erased": 1},
    }  # fmt: skip
    assert store.wrong_totals() == []


def test_older_rows_than_are_kept_are_skipped_with_a_reason(client, tenant, store):
    store.keep(tenant.project.id, 10)
    rows = [{"event_type": "a", "device_id": "d", "event_time": "2026-01-01 00:00:00"}]
    batch = client.post("/import-events", json={"source": "amplitude", "events": rows}, headers=tenant.bearer).json
    assert batch["errors"] == ["event 0: older than the 10 days that are kept"] and batch["skipped"] == 1


def test_amplitude_s_call_erases_each_id(client, tenant, store, both_keys):
    store.add(tenant.project.id, [event(event_id="a"), event(event_id="b", external_id="7", install_id="device_7")])
    number = store.number_of(tenant.project.id, Who("user", "7"))
    body = {"user_ids": ["user_1"], "amplitude_ids": [number], "requester": "me@example.com"}
    answer = client.post("/api/2/deletions/users", json=body, headers=both_keys)
    assert [row["requester"] for row in answer.json["amplitude_ids"]] == ["me@example.com"] * 2
    assert store.person(tenant.project.id, Who("user", "user_1")) is None
    day = answer.json["day"]
    days = {"start_day": day, "end_day": day}
    listed = client.get("/api/2/deletions/users", query_string=days, headers=both_keys).json
    assert [len(row["amplitude_ids"]) for row in listed] == [2] and "user_id" not in listed[0]["amplitude_ids"][0]
    assert client.delete(f"/api/2/deletions/users/{number}/{day}", headers=both_keys).status_code == 400


@pytest.mark.parametrize("ignore", [True, "true", "True"])
@pytest.mark.parametrize("form", [False, True], ids=["json", "form"])
def test_unknown_ids_stop_the_call_unless_they_are_ignored(client, tenant, store, both_keys, ignore, form):
    store.add(tenant.project.id, [event(event_id="a")])
    body = {"user_ids": ["user_1", "nobody"]}
    sent = {"data" if form else "json": body}
    refused = client.post("/api/2/deletions/users", **sent, headers=both_keys)
    assert refused.status_code == 400 and store.person(tenant.project.id, Who("user", "user_1"))
    sent = {"data" if form else "json": body | {"ignore_invalid_id": ignore}}
    answer = client.post("/api/2/deletions/users", **sent, headers=both_keys)
    assert answer.status_code == 200 and answer.json["invalid_ids"] == ["nobody"]
    assert store.add(tenant.project.id, [event(external_id="nobody")]).refused == {0: "erased"}


def test_it_needs_both_keys_of_one_project(client, tenant):
    for method in (client.post, client.get):
        answer = method("/api/2/deletions/users", headers=tenant.bearer)
        assert answer.status_code == 401 and "WWW-Authenticate" not in answer.headers
