"""POST /identify and /groupidentify: what somebody, or a group, is like, stored as SDKs send it (contract 8)."""

import json
from urllib.parse import urlencode

import pytest

from drengr.api.service import EXTENSION
from tests.api.test_amplitude_ingest_v1 import multipart
from tests.conftest import NOW_MS

pytestmark = pytest.mark.both_stores

WAYS = ["urlencoded", "multipart", "JSON"]
PATHS = ["/identify", "/groupidentify", "/identify/", "/groupidentify/"]
SOMEBODY = {"user_id": "u1", "device_id": "d1", "user_properties": {"$set": {"plan": "pro"}, "$add": {"logins": 2}}}
GROUP = {"group_type": "org", "group_value": "acme", "group_properties": {"$set": {"size": 10}, "tier": "gold"}}


def sent(client, way: str, path: str, key: object, identification: object):
    text = identification if isinstance(identification, str) else json.dumps(identification)
    if way == "JSON":
        return client.post(path, json={"api_key": key, "identification": identification})
    if way == "multipart":
        body = multipart({"api_key": key, "identification": text})
        return client.post(path, data=body, content_type='multipart/form-data; boundary="XX--YY"')
    body = urlencode({"api_key": key, "identification": text})
    return client.post(path, data=body, content_type="application/x-www-form-urlencoded")


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("shape", [lambda one: one, lambda one: [one], json.dumps], ids=["object", "array", "text"])
def test_what_a_user_is_like_is_an_event_as_sdks_send_it(client, tenant, rows, way, shape):
    answer = sent(client, way, "/identify", tenant.publishable_key, shape(SOMEBODY))
    assert (answer.status_code, answer.text, answer.mimetype) == (200, "success", "text/plain")
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    (row,) = rows()
    assert (row["event_name"], row["install_id"], row["external_id"]) == ("_identify", "d1", "u1")
    assert (row["source"], row["occurred_at"]) == ("amplitude_http", NOW_MS)
    assert json.loads(row["dims"]) == {"_source_event_name": "$identify", "user.$set.plan": "pro"}
    assert json.loads(row["measures"]) == {"user.$add.logins": 2}


def test_it_is_the_event_that_an_sdk_sends(client, tenant, rows):
    event = SOMEBODY | {"event_type": "$identify", "insert_id": "i1", "time": NOW_MS}
    client.post("/batch", json={"api_key": tenant.publishable_key, "events": [event]})
    sent(client, "JSON", "/identify", tenant.publishable_key, SOMEBODY | {"insert_id": "i2"})
    first, second = (row | {"id": None, "event_id": None} for row in rows())
    assert first == second


def test_a_group_without_an_id_is_itself_who_sent_it(client, tenant, rows):
    answer = sent(client, "urlencoded", "/groupidentify", tenant.publishable_key, [GROUP])
    assert (answer.status_code, answer.text) == (200, "success")
    (row,) = rows()
    assert (row["event_name"], row["install_id"], row["external_id"]) == ("_groupidentify", "group:org:acme", None)
    assert json.loads(row["dims"]) == {"_source_event_name": "$groupidentify", "group.tier": "gold"}
    assert json.loads(row["measures"]) == {"group.$set.size": 10}


def test_a_group_with_an_id_is_sent_by_somebody(client, tenant, rows):
    identifications = [GROUP | {"user_id": "u1"}, GROUP | {"device_id": 7}, GROUP | {"group_value": 5}]
    sent(client, "JSON", "/groupidentify", tenant.publishable_key, identifications)
    assert [(row["install_id"], row["external_id"]) for row in rows()] == [
        ("u1", "u1"), ("7", None), ("group:org:5", None),
    ]  # fmt: skip


def test_sensitive_keys_of_a_group_are_dropped(client, tenant, rows):
    private = GROUP | {"group_properties": {"owner_email": "a@b.c", "$set": {"org name": "x", "size": 1}}}
    sent(client, "JSON", "/groupidentify", tenant.publishable_key, private)
    (row,) = rows()
    assert json.loads(row["dims"]) == {"_source_event_name": "$groupidentify"}
    assert json.loads(row["measures"]) == {"group.$set.size": 1}


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("identification", ["", "null", "5", "{", None, 5, "text"])
def test_nothing_readable_is_missing_event(door, way, path, identification):
    answer = sent(door.client, way, path, door.publishable_key, identification)
    assert answer.status_code == 400
    assert answer.json == {"code": 400, "error": "missing_event", "missing_field": "identification"}


@pytest.mark.parametrize("path", PATHS)
def test_a_key_that_is_no_publishable_one_is_refused(door, path):
    for key in ("x", "", door.secret_key, None, 5):
        answer = sent(door.client, "JSON", path, key, SOMEBODY)
        assert answer.json == {"code": 400, "error": "invalid api_key", "missing_field": "api_key"}
    assert door.client.post(path, data=b"[]").json["error"] == "missing_event"
    assert door.client.post(path, data=b" " * 1_048_577).json == {"code": 413, "error": "payload too large"}
    too_many = sent(door.client, "JSON", path, door.publishable_key, [{}] * 2001)
    assert too_many.json == {"code": 413, "error": "payload too large"}
    assert door.client.get(path).json == {"code": 405, "error": "method not allowed"}
    assert door.client.options(path).status_code == 204


def test_rows_that_are_nobody_s_are_skipped_and_all_are_accounted_for(client, tenant, app, store):
    strange = [5, None, {}, {"user_properties": {"a": 1}}, {"group_type": "org"}, SOMEBODY, GROUP, {"user_id": ""}]
    for path in ("/identify", "/groupidentify"):
        assert sent(client, "JSON", path, tenant.publishable_key, strange).text == "success"
    sent(client, "JSON", "/identify", tenant.publishable_key, "x")
    app.extensions[EXTENSION].outcomes.flush()
    (day,) = store.ledger(tenant.project.id, NOW_MS // 86_400_000, NOW_MS // 86_400_000)
    assert day.door == "acceptor" and day.counts["received"] == 16 and day.counts["refused_bad_request"] == 1
    assert (day.counts["stored"], day.counts["dropped_unreadable"], day.counts["dropped_no_id"]) == (3, 4, 9)
    assert store.wrong_totals() == []


@pytest.mark.parametrize("path", ["/identify", "/groupidentify"])
@pytest.mark.parametrize(
    "identification",
    [
        {"user_id": "u", "user_properties": 5},
        {"user_id": {"a": 1}, "device_id": [1]},
        {"group_type": {}, "group_value": 1e999},
        {"group_type": "a\0b", "group_value": "\ud800", "group_properties": '{"a":1}'},
        {"group_properties": {"a": {"b": {"c": [1]}}}},
        {"group_type": "t" * 5000, "group_value": "v" * 5000, "group_properties": {"k" * 300: "v" * 3000}},
        [[]],
        [{"event_type": 5}],
    ],
    ids=range(8),
)
def test_no_value_makes_a_fault(door, path, identification):
    body = json.dumps({"api_key": door.publishable_key, "identification": identification})
    assert door.client.post(path, data=body).status_code == 200
