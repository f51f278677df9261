"""HTTP API v1: `api_key` with `event`, as form or JSON, which PHP, C# and years of snippets use (contract 4)."""

import json
from urllib.parse import urlencode

import pytest

from tests.conftest import NOW_MS
from tests.factories import amplitude_event

pytestmark = pytest.mark.both_stores

BAD_KEY = {"code": 400, "error": "invalid api_key", "missing_field": "api_key"}
BAD_EVENTS = {"code": 400, "error": "missing or invalid events array", "missing_field": "events"}
PATHS = ["/httpapi", "/amplitude-ingest/httpapi", "/amplitude-ingest", "/2/httpapi", "/batch", "/httpapi/"]
ONE = {"object": lambda event: event, "array": lambda event: [event], "text": lambda event: json.dumps([event])}


def multipart(fields: dict[str, str], boundary: str = "XX--YY") -> bytes:
    parts = [f'--{boundary}\r\nContent-Disposition: form-data; name="{n}"\r\n\r\n{v}\r\n' for n, v in fields.items()]
    return ("".join(parts) + f"--{boundary}--\r\n").encode()


def sent(client, way: str, key: object, event: object, path: str = "/httpapi"):
    fields = {"api_key": key, "event": event if isinstance(event, str) else json.dumps(event)}
    if way == "JSON":
        return client.post(path, json={"api_key": key, "event": event})
    if way == "multipart":
        return client.post(path, data=multipart(fields), content_type='multipart/form-data; boundary="XX--YY"')
    return client.post(path, data=urlencode(fields), content_type="application/x-www-form-urlencoded")


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("way", ["urlencoded", "multipart", "JSON"])
@pytest.mark.parametrize("shape", ONE)
def test_one_event_or_an_array_is_read_at_every_path(client, tenant, rows, path, way, shape):
    event = amplitude_event(insert_id="i1", app_version="2", event_properties={"note": "a & b=c + é 100%\n--XX--YY?"})
    answer = sent(client, way, tenant.publishable_key, ONE[shape](event), path)
    assert (answer.status_code, answer.json["events_ingested"]) == (200, 1)
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    (row,) = rows()
    assert (row["event_id"], row["occurred_at"]) == ("i1", NOW_MS - 60_000)
    dims = json.loads(row["dims"])
    assert (dims["app_version"], dims["note"]) == ("2", "a & b=c + é 100%\n--XX--YY?")


def test_several_events_and_bad_ones_between_them(door):
    for way in ("urlencoded", "multipart", "JSON"):
        events = [amplitude_event(), {"event_type": ""}, 5, amplitude_event()]
        assert sent(door.client, way, door.publishable_key, events).json["events_ingested"] == 2


@pytest.mark.parametrize("name", ["event", "event[]", "events"])
@pytest.mark.parametrize("typed", ["application/x-www-form-urlencoded", "text/plain"])
def test_a_field_that_comes_several_times_loses_none(door, name, typed):
    events = [json.dumps(amplitude_event()), json.dumps([amplitude_event()] * 2), "{broken"]
    body = urlencode([("api_key", door.publishable_key), *((name, event) for event in events)])
    assert door.client.post("/httpapi", data=body, content_type=typed).json["events_ingested"] == 3


@pytest.mark.parametrize("way", ["urlencoded", "multipart", "JSON"])
def test_text_inside_json_is_read(door, way):
    text = json.dumps(amplitude_event())
    for event in (json.dumps(text), [text], [text, amplitude_event()]):
        events = len(event) if isinstance(event, list) else 1
        assert sent(door.client, way, door.publishable_key, event).json["events_ingested"] == events


@pytest.mark.parametrize("way", ["urlencoded", "multipart", "JSON"])
@pytest.mark.parametrize("event", ["", "null", "5", "{", None, 5, "text"])
def test_what_is_no_event_gets_the_same_400_as_a_bad_array(door, way, event):
    answer = sent(door.client, way, door.publishable_key, event)
    assert (answer.status_code, answer.json) == (400, BAD_EVENTS)


@pytest.mark.parametrize("way", ["urlencoded", "multipart", "JSON"])
@pytest.mark.parametrize("key", ["", "nobody", "the secret key"])
def test_a_bad_key_is_told_before_a_bad_event(door, way, key):
    key = door.secret_key if key == "the secret key" else key
    for event in (amplitude_event(), "{"):
        assert sent(door.client, way, key, event).json == BAD_KEY


def test_a_form_without_event_or_key(door):
    assert door.client.post("/httpapi", data={"api_key": door.publishable_key}).json == BAD_EVENTS
    assert door.client.post("/httpapi", data={"event": json.dumps(amplitude_event())}).json == BAD_KEY
    assert door.client.post("/httpapi", data={"x": "y"}).json == BAD_EVENTS


def test_events_come_before_event(door):
    body = {"api_key": door.publishable_key, "event": [amplitude_event()] * 3, "events": [amplitude_event()]}
    assert door.client.post("/httpapi", json=body).json["events_ingested"] == 1
    assert door.client.post("/httpapi", json=body | {"events": 5}).json == BAD_EVENTS


def test_a_part_with_a_file_name_is_read_like_any_other(door):
    body = (
        b'--b\r\nContent-Disposition: form-data; name="api_key"\r\n\r\n' + door.publishable_key.encode()
        + b'\r\n--b\r\nContent-Disposition: form-data; name="event"; filename="e.json"\r\nContent-Type: text/plain'
        + b"\r\n\r\n" + json.dumps([amplitude_event()] * 1500).encode() + b"\r\n--b--\r\n"
    )  # fmt: skip
    answer = door.client.post("/httpapi", data=body, content_type="multipart/form-data; boundary=b")
    assert answer.json["events_ingested"] == 1500


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("multipart/form-data", b"--b\r\n"),
        ("multipart/form-data; boundary=b", b"nothing of it"),
        ("multipart/form-data; boundary=b", b'--b\r\nContent-Disposition: form-data; name="event"\r\n\r\nnever ended'),
        ("multipart/form-data; boundary=b", b'--b\r\nContent-Disposition: form-data; name="x"\r\n\r\n1\r\n' * 1000),
        ("multipart/form-data; boundary=" + "b" * 5000, b"--b"),
        ("multipart/form-data; boundary=\xff", b"\xff\xfe"),
    ],
)  # fmt: skip
def test_a_broken_multipart_form_is_a_400(door, content_type, body):
    answer = door.client.post("/httpapi", data=body, content_type=content_type)
    assert (answer.status_code, answer.json) == (400, BAD_EVENTS)
