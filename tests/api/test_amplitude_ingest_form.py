"""The form that amplitude-js 8 and the legacy mobile SDKs post: contract 4."""

import json
from urllib.parse import quote_plus, urlencode

import pytest

from tests.conftest import NOW_MS

pytestmark = pytest.mark.both_stores

BAD_KEY = {"code": 400, "error": "invalid api_key", "missing_field": "api_key"}
BAD_EVENTS = {"code": 400, "error": "missing or invalid events array", "missing_field": "events"}


def legacy_event(**over) -> dict:
    """As amplitude-js 8 sends it, explicit nulls included."""
    return {
        "event_type": "Sign Up", "timestamp": NOW_MS - 9, "uuid": "u-1", "version_name": "2.0", "device_id": "d",
        "user_id": None, "event_id": 1, "session_id": -1, "event_properties": {"a": 1}, "user_properties": {},
        "library": {"name": "amplitude-js", "version": "8.21.10"}, "api_properties": {}, "groups": {},
    } | over  # fmt: skip


def form(key: str, *events: object, **over: str) -> dict[str, str]:
    fields = {"checksum": "ab", "client": key, "e": json.dumps(events), "upload_time": str(NOW_MS), "v": "2"}
    return fields | over


@pytest.mark.parametrize("content_type", ["application/x-www-form-urlencoded; charset=UTF-8", "text/plain", None])
def test_the_form_of_older_sdks_is_read(client, tenant, rows, content_type):
    note = "a & b=c + é 100%"
    body = urlencode(form(tenant.publishable_key, legacy_event(event_properties={"note": note})))
    answer = client.post("/amplitude-ingest", data=body, content_type=content_type)
    assert answer.json == {
        "code": 200, "events_ingested": 1, "payload_size_bytes": len(body), "server_upload_time": NOW_MS,
    }  # fmt: skip
    (row,) = rows()
    assert (row["event_id"], row["occurred_at"], row["session_id"]) == ("u-1", NOW_MS - 9, None)
    assert json.loads(row["dims"]) == {"app_version": "2.0", "_source_event_name": "Sign Up", "note": note}


def test_in_a_form_the_newer_names_mean_nothing(client, tenant, rows):
    event = legacy_event(
        timestamp=None, uuid=None, version_name=None, time=NOW_MS - 1, insert_id="new", app_version="9"
    )
    client.post("/amplitude-ingest", data=form(tenant.publishable_key, event))
    (row,) = rows()
    assert row["occurred_at"] == NOW_MS and row["event_id"] != "new" and "app_version" not in row["dims"]


@pytest.mark.parametrize(
    ("over", "error"),
    [
        ({"client": "nobody"}, BAD_KEY),
        ({"client": ""}, BAD_KEY),
        ({"e": "{"}, BAD_EVENTS),
        ({"e": ""}, BAD_EVENTS),
        ({"e": "{}"}, BAD_EVENTS),
        ({"e": "null"}, BAD_EVENTS),
    ],
    ids=repr,
)
def test_a_wrong_form_gets_the_same_answers(door, over, error):
    answer = door.client.post("/amplitude-ingest", data=form(door.publishable_key, legacy_event()) | over)
    assert (answer.status_code, answer.json) == (400, error)


def test_a_form_that_lacks_key_or_events(door):
    assert door.client.post("/batch", data={"e": "[]"}).json == BAD_KEY
    assert door.client.post("/batch", data={"client": door.publishable_key}).json == BAD_EVENTS


def test_a_form_with_bad_bytes_and_escapes_still_lands(client, tenant, rows):
    good = quote_plus(json.dumps([legacy_event()]))
    body = f"client={tenant.publishable_key}&x=%ff%zz%&y=\ufffd&e={good}".encode() + b"&z=\xff\xfe"
    assert client.post("/batch", data=body).json["events_ingested"] == 1
