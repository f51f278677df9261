"""No body and no header gives the acceptor a 5xx, and no bad event costs a good neighbour: contract 3.7, 4."""

import gzip
import json
import zlib
from types import SimpleNamespace

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from drengr.api import build_app
from drengr.api.service import EXTENSION
from tests.conftest import Clock
from tests.factories import amplitude_event

PATHS = [
    "/amplitude-ingest", "/amplitude-ingest/2/httpapi", "/amplitude-ingest/batch", "/amplitude-ingest/httpapi",
    "/2/httpapi", "/batch", "/httpapi",
]  # fmt: skip
BOTH_WAYS = [path + end for path in PATHS for end in ("", "/")]
FEW = settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)

numbers = st.integers() | st.floats() | st.integers(2**62, 2**65) | st.sampled_from([1e308, 5e-324, -0.0])
texts = st.text(st.characters(), max_size=30)  # surrogates and NUL included
keys = texts | st.sampled_from(["email", "revenue", "os", "$set", "a.b", "k" * 70, "user_name"])
json_values = st.recursive(
    st.none() | st.booleans() | numbers | texts,
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(keys, inner, max_size=5),
    max_leaves=20,
)
MEMBERS = [
    "event_type", "device_id", "user_id", "time", "insert_id", "session_id", "os_name", "os_version", "device_model",
    "device_family", "app_version", "event_properties", "user_properties", "groups", "timestamp", "uuid",
]  # fmt: skip
events = json_values | st.dictionaries(st.sampled_from(MEMBERS), json_values, max_size=8)
likely_events = st.fixed_dictionaries(
    {"event_type": texts, "user_id": texts | st.integers()},
    optional=dict.fromkeys(MEMBERS[3:], json_values) | {"device_id": texts},
)
header_values = st.text(st.characters(min_codepoint=32, max_codepoint=255, exclude_characters="\x7f"), max_size=40)
headers = st.dictionaries(
    st.sampled_from(
        [
            "Content-Type",
            "Content-Encoding",
            "Authorization",
            "Origin",
            "Accept",
            "Accept-Encoding",
            "Cookie",
            "Range",
            "X-Forwarded-For",
            "X-HTTP-Method-Override",
            "If-None-Match",
            "User-Agent",
            "Referer",
            "Expect",
            "Date",
        ]
    ),
    header_values | st.sampled_from(["gzip", "deflate", "gzip, gzip", "br", "text/plain", "multipart/form-data"]),
    max_size=5,
)


@pytest.fixture(scope="module")
def door(tmp_path_factory):
    app = build_app({"DRENGR_DATABASE": str(tmp_path_factory.mktemp("any") / "events.db")}, now_ms=Clock())
    store = app.extensions[EXTENSION].store
    yield SimpleNamespace(client=app.test_client(), store=store, key=store.make_project("any").publishable_key)
    store.close()


def assert_answered(answer) -> dict:
    """The body of an answer that is JSON, no fault, and readable from any origin."""
    assert answer.status_code < 500
    body = json.loads(answer.data)
    assert type(body["code"]) is int and body["code"] == answer.status_code
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    return body


@FEW
@given(path=st.sampled_from(BOTH_WAYS), body=json_values)
def test_any_json(door, path, body):
    assert assert_answered(door.client.post(path, data=json.dumps(body)))["code"] == 400


@FEW
@given(
    path=st.sampled_from(BOTH_WAYS), envelope=st.dictionaries(st.sampled_from(["api_key", "events", "x"]), json_values)
)
@example(path="/batch", envelope={"api_key": "KEY", "events": []})
def test_any_envelope(door, path, envelope):
    envelope = {name: door.key if value == "KEY" else value for name, value in envelope.items()}
    assert_answered(door.client.post(path, data=json.dumps(envelope)))
    envelope["api_key"] = door.key
    code = assert_answered(door.client.post(path, data=json.dumps(envelope)))["code"]
    assert code == (200 if isinstance(envelope.get("events"), list) else 400)


@FEW
@given(path=st.sampled_from(BOTH_WAYS), body=st.binary(max_size=300), given_headers=headers)
def test_any_bytes_with_any_headers(door, path, body, given_headers):
    assert_answered(door.client.post(path, data=body, headers=given_headers))


@FEW
@given(given_headers=headers, length=st.none() | st.integers(-5, 500) | header_values)
def test_a_good_body_with_any_headers(door, given_headers, length):
    body = json.dumps({"api_key": door.key, "events": [amplitude_event()]})
    lengths = {} if length is None else {"Content-Length": str(length)}
    code = assert_answered(door.client.post("/batch", data=body, headers=given_headers | lengths))["code"]
    if not lengths and not given_headers.get("Content-Encoding", "").strip(" ,"):
        assert code == 200


@FEW
@given(body=st.binary(max_size=300), coding=st.sampled_from(["gzip", "deflate"]), cut=st.integers(0, 20))
def test_any_compressed_bytes_whole_or_cut(door, body, coding, cut):
    packed = gzip.compress(body) if coding == "gzip" else zlib.compress(body)
    answer = door.client.post("/batch", data=packed[: len(packed) - cut], headers={"Content-Encoding": coding})
    assert assert_answered(answer)["code"] == 400


@FEW
@given(path=st.sampled_from(BOTH_WAYS), method=st.sampled_from(["GET", "PUT", "DELETE", "PATCH", "TRACE", "FOO"]))
def test_any_other_method(door, path, method):
    assert assert_answered(door.client.open(path, method=method))["code"] == 405


@FEW
@given(
    fields=st.dictionaries(st.sampled_from(["client", "e", "api_key", "event", "v", "x"]), texts, max_size=6),
    multipart=st.booleans(),
)
def test_any_form(door, fields, multipart):
    fields = {name: value.encode("utf-8", "replace") for name, value in fields.items()}
    content_type = "multipart/form-data" if multipart else None
    assert_answered(door.client.post("/httpapi", data=fields, content_type=content_type))


@FEW
@given(body=st.binary(max_size=300), boundary=st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=80))
def test_any_bytes_called_a_multipart_form(door, body, boundary):
    for each in (body, f"--{boundary}\r\n".encode() + body, f"--{boundary}\r\n".encode() + body + b"\r\n--" + body):
        answer = door.client.post("/batch", data=each, content_type=f"multipart/form-data; boundary={boundary}")
        assert assert_answered(answer)["code"] == 400


def raw_deflate(body: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-15)
    return packer.compress(body) + packer.flush()


PACKED = {"gzip": gzip.compress, "zlib": zlib.compress}
CODINGS = ["gzip", "deflate", "br", "identity", "utf-8", "x-gzip", "zstd"]


@FEW
@given(
    packings=st.lists(st.sampled_from(list(PACKED)), max_size=3),
    said=st.lists(st.sampled_from(CODINGS), max_size=3),
    note=texts,
)
def test_a_body_is_read_however_it_is_packed_and_whatever_is_said_of_it(door, packings, said, note):
    body = json.dumps({"api_key": door.key, "events": [amplitude_event(event_properties={"note": note})]}).encode()
    for packing in packings:
        body = PACKED[packing](body)
    answer = door.client.post("/batch", data=body, headers={"Content-Encoding": ", ".join(said)})
    assert assert_answered(answer)["code"] == 200


@FEW
@given(said=st.lists(st.sampled_from(CODINGS), max_size=3), note=texts)
def test_deflate_without_a_header_of_its_own_is_read_where_it_is_called_deflate(door, said, note):
    body = json.dumps({"api_key": door.key, "events": [amplitude_event(event_properties={"note": note})]}).encode()
    answer = door.client.post(
        "/batch", data=raw_deflate(body), headers={"Content-Encoding": ", ".join(["deflate", *said])}
    )
    assert assert_answered(answer)["code"] == 200


@FEW
@given(bad=st.lists(events, min_size=1, max_size=4))
def test_good_neighbours_of_any_rows_are_stored(door, bad):
    good = [amplitude_event(event_type="good") for _ in range(2)]
    body = json.dumps({"api_key": door.key, "events": [good[0], *bad, good[1]]})
    answer = assert_answered(door.client.post("/batch", data=body))
    assert answer["code"] == 200 and 2 <= answer["events_ingested"] <= 2 + len(bad)
    assert {event["insert_id"] for event in good} <= stored_ids(door, [event["insert_id"] for event in good])


@FEW
@given(event=likely_events, legacy=st.booleans())
def test_what_is_stored_holds_the_caps_whatever_came(door, event, legacy):
    sent = {"client": door.key, "e": json.dumps([event])} if legacy else None
    data = sent or json.dumps({"api_key": door.key, "events": [event]})
    before = door.store.database.read("SELECT ifnull(max(id), 0) FROM semantic_events")[0][0]
    assert assert_answered(door.client.post("/batch", data=data))["code"] == 200
    for dims, measures in door.store.database.read("SELECT dims, measures FROM events WHERE id > ?", (before,)):
        texts, numbers = json.loads(dims), json.loads(measures, parse_constant=pytest.fail)
        assert len(texts) <= 40 and len(numbers) <= 20
        assert all(len(key) <= 64 for key in (*texts, *numbers)) and not texts.keys() & numbers.keys()
        assert all(type(text) is str and len(text) <= 256 and "\0" not in text for text in texts.values())
        assert all(type(number) in (int, float) for number in numbers.values())
        assert not any(word in key.lower() for key in (*texts, *numbers) for word in ("email", "user_name"))


@FEW
@given(batch=st.lists(likely_events, max_size=4))
def test_the_same_batch_twice_adds_nothing_that_has_an_identity(door, batch):
    timed = [event | {"time": Clock().now_ms - 1} for event in batch]
    body = json.dumps({"api_key": door.key, "events": timed})
    first = assert_answered(door.client.post("/batch", data=body))
    count = door.store.database.read("SELECT count(*) FROM semantic_events")
    assert assert_answered(door.client.post("/batch", data=body)) == first
    assert door.store.database.read("SELECT count(*) FROM semantic_events") == count


def stored_ids(door, wanted: list[str]) -> set[str]:
    marks = ",".join("?" * len(wanted))
    found = door.store.database.read(f"SELECT event_id FROM events WHERE event_id IN ({marks})", tuple(wanted))
    return {row[0] for row in found}
