"""POST /import-events with an envelope: at most 1,000 rows and 5 MiB (contract 5)."""

import gzip
import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from drengr.sources import SOURCES
from tests.conftest import NOW_MS

pytestmark = pytest.mark.both_stores

AT = "2026-06-01T12:00:00Z"
MAPPING = {
    "event_name_field": "type",
    "timestamp_field": "occurred_ms",
    "timestamp_unit": "ms",
    "user_id_field": "uid",
    "anon_id_field": "device_id",
    "dedup_id_field": "id",
}


def row(**over):
    return {"event_type": "a", "event_time": AT, "device_id": "d", "$insert_id": "i"} | over


def post(client, tenant, events, source="amplitude", **over):
    body = {"source": source, "events": events} | over
    return client.post("/import-events", data=json.dumps(body), headers=tenant.bearer)


def test_the_documents_first_example(client, tenant, rows):
    sent = row(
        event_type="Order Completed", device_id="abc-123", user_id="user_123", event_properties={"revenue": 42.5},
        os_name="iOS", os_version="17.4",
    )  # fmt: skip
    answer = post(client, tenant, [sent], app_package="com.example.myapp")
    assert answer.json == {"imported": 1, "skipped": 0, "errors": [], "duplicates": 0}
    found = rows()[0]
    assert (found["event_name"], found["app_package"], found["source"]) == (
        "order_completed", "com.example.myapp", "amplitude",
    )  # fmt: skip
    assert json.loads(found["measures"]) == {"revenue": 42.5}
    assert json.loads(found["dims"]) == {"os": "iOS 17.4", "_source_event_name": "Order Completed"}
    assert found["occurred_at"] == 1780315200000
    assert found["properties"] is None


def test_the_documents_generic_example(client, tenant, rows):
    sent = {
        "id": "evt_1", "type": "checkout_completed", "occurred_ms": 1750000000000, "uid": "u_9", "device_id": "d_9",
        "amount": 19.99,
    }  # fmt: skip
    assert post(client, tenant, [sent], "generic", mapping=MAPPING).json["imported"] == 1
    found = rows()[0]
    assert (found["event_id"], found["external_id"], found["measures"]) == ("evt_1", "u_9", '{"amount":19.99}')


def test_reasons_have_the_contracts_form_and_name_no_property(client, tenant):
    sent = [
        row(),
        row(event_type=" "),
        row(event_type="foo", event_time="1999-01-01", event_properties={"secret": "s3cret"}),
        7,
        row(event_type="bar", device_id=None),
    ]
    answer = post(client, tenant, sent).json
    assert answer["errors"] == [
        "event 1: missing event name",
        'event 2: timestamp out of range for event "foo"',
        "event 3: not an object",
        'event 4: missing user or device id for event "bar"',
    ]
    assert (answer["imported"], answer["skipped"], answer["duplicates"]) == (1, 4, 0)


def test_ten_reasons_are_told_and_all_are_counted(client, tenant):
    answer = post(client, tenant, [{}] * 30 + [row(), row()]).json
    assert len(answer["errors"]) == 10
    assert (answer["imported"], answer["skipped"], answer["duplicates"]) == (1, 30, 1)


def test_ga4_answers_say_how_they_deduplicate(client, tenant):
    answer = post(client, tenant, [], "ga4").json
    assert answer["meta"]["dedup"] == (
        "GA4 export has no canonical event id; dedup key = sha256(user_pseudo_id + event_name + event_timestamp)"
    )
    assert "meta" not in post(client, tenant, [], "posthog").json


@pytest.mark.parametrize("header", [None, "", "Bearer", "Bearer drengr_sk_wrong", "Basic abc", "PUBLISHABLE"])
def test_any_key_but_a_good_secret_one_is_401(header, client, tenant):
    if header == "PUBLISHABLE":
        header = f"Bearer {tenant.publishable_key}"
    for query in ({}, {"source": "amplitude"}):
        headers = {} if header is None else {"Authorization": header}
        answer = client.post("/import-events", data=b"not json", headers=headers, query_string=query)
        assert (answer.status_code, answer.json["code"]) == (401, 401)
        assert answer.json["error"]


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"", "not JSON"),
        (b"{", "not JSON"),
        (b"[]", "must be an object"),
        (b"{}", "amplitude, mixpanel, posthog, ga4, generic"),
        (b'{"source":"Amplitude","events":[]}', "amplitude, mixpanel, posthog, ga4, generic"),
        (b'{"source":["amplitude"],"events":[]}', "amplitude, mixpanel, posthog, ga4, generic"),
        (b'{"source":"amplitude"}', "events"),
        (b'{"source":"amplitude","events":{}}', "events"),
        (b'{"source":"generic","events":[{}]}', "mapping is missing"),
        (b'{"source":"generic","mapping":{},"events":[{}]}', "mapping.event_name_field"),
        (json.dumps({"source": "generic", "mapping": MAPPING | {"timestamp_unit": "s"}}).encode(), "iso8601"),
        (b'{"source":"amplitude","app_package":5,"events":[]}', "app_package"),
        (b'{"source":"generic","events":5}', "mapping"),  # source, then mapping, then events
    ],
)
def test_an_envelope_that_is_wrong_is_400_by_the_name_of_the_field(body, words, client, tenant, rows):
    answer = client.post("/import-events", data=body, headers=tenant.bearer)
    assert (answer.status_code, answer.json["code"]) == (400, 400)
    assert words in answer.json["error"]
    assert rows() == []


def test_limits_hold_to_the_row_and_the_byte(client, tenant):
    assert post(client, tenant, [row()] * 1000).json["duplicates"] == 999
    refused = post(client, tenant, [row()] * 1001)
    assert (refused.status_code, "1000" in refused.json["error"]) == (413, True)
    body = json.dumps({"source": "amplitude", "events": [row()]}).encode()
    full = body.ljust(5 * 1024 * 1024)
    assert client.post("/import-events", data=full, headers=tenant.bearer).status_code == 200
    refused = client.post("/import-events", data=full + b" ", headers=tenant.bearer)
    assert (refused.status_code, "5 MiB" in refused.json["error"]) == (413, True)
    packed = {**tenant.bearer, "Content-Encoding": "gzip"}
    assert client.post("/import-events", data=gzip.compress(full), headers=packed).status_code == 200
    assert client.post("/import-events", data=gzip.compress(full + b" "), headers=packed).status_code == 413


def test_too_large_comes_before_not_json_and_the_key_before_both(client, tenant):
    large = b"x" * (5 * 1024 * 1024 + 1)
    assert client.post("/import-events", data=large).status_code == 401
    assert client.post("/import-events", data=large, headers=tenant.bearer).status_code == 413


@pytest.mark.parametrize("path", ["/import-events", "/import-events/"])
def test_both_spellings_of_the_path_answer_directly(path, client, tenant):
    answer = client.post(path, json={"source": "ga4", "events": []}, headers=tenant.bearer)
    assert answer.status_code == 200


@pytest.mark.parametrize("method", ["get", "delete", "patch", "options"])
def test_other_methods_are_405_as_json(method, client, tenant):
    answer = getattr(client, method)("/import-events", headers=tenant.bearer)
    assert (answer.status_code, answer.json["code"]) == (405, 405)


def test_events_of_two_projects_do_not_meet(client, make_tenant, rows):
    one, other = make_tenant("one"), make_tenant("other")
    assert post(client, one, [row()]).json["imported"] == 1
    assert post(client, other, [row()]).json["imported"] == 1
    assert [found["project"] for found in rows()] == [one.project_id, other.project_id]


def test_a_live_event_and_its_exported_copy_are_one(client, tenant, rows):
    live = {
        "event_type": "Order Completed", "device_id": "d", "user_id": "u", "time": NOW_MS - 5000, "insert_id": "i1",
        "event_properties": {"a": 1, "product_name": "x", "deep": {"b": [1]}}, "user_properties": {"$set": {"p": "q"}},
        "os_name": "iOS", "os_version": "17", "device_model": "iPhone", "app_version": "2.0", "session_id": 5,
    }  # fmt: skip
    client.post("/amplitude-ingest", json={"api_key": tenant.publishable_key, "events": [live]})
    exported = {
        "event_type": "Order Completed", "device_id": "d", "user_id": "u", "event_time": "2026-11-20 15:59:55.000000",
        "$insert_id": "i1", "event_properties": live["event_properties"], "user_properties": live["user_properties"],
        "os_name": "iOS", "os_version": "17", "device_type": "iPhone", "version_name": "2.0", "session_id": 5,
    }  # fmt: skip
    assert post(client, tenant, [exported]).json["duplicates"] == 1
    assert post(client, tenant, [exported | {"$insert_id": "i2"}]).json["imported"] == 1
    live_row, exported_row = rows()
    same = ("event_name", "install_id", "external_id", "session_id", "occurred_at", "dims", "measures")
    assert {name: live_row[name] for name in same} == {name: exported_row[name] for name in same}


KEYS = st.sampled_from([
    "event", "event_type", "event_name", "event_time", "client_event_time", "event_timestamp", "timestamp", "time",
    "properties", "event_properties", "user_properties", "event_params", "distinct_id", "device_id", "user_id",
    "user_pseudo_id", "uuid", "id", "$insert_id", "session_id", "os_name", "os_version", "device", "app_info",
    "type", "occurred_ms", "uid", "key", "value",
])  # fmt: skip
SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text()
VALUES = st.recursive(
    SCALARS | st.sampled_from([AT, "d", 1780315200, 10**30]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS | st.text(max_size=3), inner, max_size=5),
    max_leaves=12,
)
relaxed = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=60)


@relaxed
@given(st.lists(VALUES, max_size=6), st.sampled_from(list(SOURCES)))
def test_any_rows_add_up_and_a_second_time_add_nothing(client, tenant, events, source):
    first = post(client, tenant, events, source, mapping=MAPPING)
    assert first.status_code == 200, first.json
    counts = [first.json[name] for name in ("imported", "skipped", "duplicates")]
    assert sum(counts) == len(events)
    again = post(client, tenant, events, source, mapping=MAPPING).json
    assert (again["imported"], again["skipped"], again["duplicates"]) == (0, counts[1], counts[0] + counts[2])


@relaxed
@given(st.binary(max_size=200) | VALUES.map(lambda value: json.dumps(value).encode()), st.sampled_from(["", *SOURCES]))
def test_any_body_is_answered_below_500_as_json(client, tenant, body, source):
    query = {"source": source, "mapping": json.dumps(MAPPING)} if source else {}
    answer = client.post("/import-events", data=body, headers=tenant.bearer, query_string=query)
    assert answer.status_code < 500
    assert answer.json.get("code", 200) == answer.status_code


@pytest.mark.parametrize("more", ["\\u0000", "\0", "\\ud800", " "], ids=ascii)
def test_source_and_mapping_are_compared_as_sent(client, tenant, more):
    def refused(body: str) -> str:
        answer = client.post("/import-events", data=body, headers=tenant.bearer)
        assert answer.status_code == 400
        return answer.json["error"]

    assert refused(f'{{"source":"amplitude{more}","events":[]}}').startswith("unknown source")
    fields = '"event_name_field":"e","timestamp_field":"t","user_id_field":"u","anon_id_field":"d"'
    for mapping, named in (
        (f'{fields},"timestamp_unit":"ms{more}"', "mapping.timestamp_unit"),
        (f'{fields},"timestamp_unit":"ms","props_field{more}":"p"', "mapping.props_field"),
    ):
        assert refused(f'{{"source":"generic","mapping":{{{mapping}}},"events":[]}}').startswith(named)
        query = {"source": "generic", "mapping": f"{{{mapping}}}"}
        answer = client.post("/import-events", data=b"{}", headers=tenant.bearer, query_string=query)
        assert (answer.status_code, answer.json["error"].startswith(named)) == (400, True)


def test_app_package_is_stored_as_clean_text(client, tenant, rows):
    row = {"event_type": "a", "event_time": "2026-06-01", "device_id": "d"}
    body = json.dumps({"source": "amplitude", "app_package": "com.\0shop\ud800", "events": [row]})
    assert client.post("/import-events", data=body, headers=tenant.bearer).json["imported"] == 1
    assert rows()[0]["app_package"] == "com.shop\ufffd"
