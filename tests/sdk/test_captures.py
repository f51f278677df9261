"""Requests that real SDKs once sent, replayed byte for byte but for the key: the fast half of the SDK tests."""

import base64
import gzip
import json
import re
import urllib.parse
from typing import Any

import pytest

from tests.conftest import NOW_MS, shared_data
from tests.sdk.oracle import expected

FILES = sorted(shared_data("sdk-captures").glob("*.json"))
# Set anew by the test client, or no part of the request itself.
HOP_HEADERS = {"host", "content-length", "connection", "accept-encoding"}


def captured(method: str) -> list[Any]:
    """Every captured request of a method as a pytest parameter, its file and position as the id."""
    return [
        pytest.param(request, id=f"{path.stem}-{position}")
        for path in FILES
        for position, request in enumerate(json.loads(path.read_text("utf-8")))
        if request["method"] == method
    ]


def headers(request: dict[str, Any]) -> list[tuple[str, str]]:
    return [(k, v) for k, v in request["headers"] if k.lower() not in HOP_HEADERS]


def is_gzip(request: dict[str, Any]) -> bool:
    return ("content-encoding", "gzip") in [(k.lower(), v) for k, v in request["headers"]]


def body_with_key(request: dict[str, Any], key: str) -> bytes:
    """The captured body, its key replaced by ours."""
    raw = base64.b64decode(request["body"]) if request["body_encoding"] == "base64" else request["body"].encode()
    plain = gzip.decompress(raw) if is_gzip(request) else raw
    old = re.search(rb'"api_key": ?"(\w+)"|client=(\w+)', plain)
    plain = plain.replace(old[1] or old[2], key.encode(), 1)
    return gzip.compress(plain) if is_gzip(request) else plain


def events_in(body: bytes) -> list[dict[str, Any]]:
    text = gzip.decompress(body) if body.startswith(b"\x1f\x8b") else body
    if text.startswith(b"{"):
        return json.loads(text)["events"]
    return json.loads(dict(urllib.parse.parse_qsl(text.decode()))["e"])


def replay(client, request: dict[str, Any], body: bytes):
    return client.open(request["path"], method=request["method"], headers=headers(request), data=body)


@pytest.mark.parametrize("request_", captured("POST"))
def test_a_captured_request_is_answered_as_the_contract_says(request_, client, tenant) -> None:
    body = body_with_key(request_, tenant.publishable_key)
    answer = replay(client, request_, body)
    assert answer.status_code == 200
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert answer.json == {"code": 200, "events_ingested": len(events_in(body)), "payload_size_bytes": len(body),
                           "server_upload_time": NOW_MS}


@pytest.mark.parametrize("request_", captured("POST"))
def test_every_captured_event_is_stored_as_the_contract_says(request_, client, tenant, rows) -> None:
    body = body_with_key(request_, tenant.publishable_key)
    replay(client, request_, body)
    stored = rows()
    assert len(stored) == len(events_in(body))
    for event, row in zip(events_in(body), stored, strict=True):
        wanted = expected(event, NOW_MS)
        wanted["event_id"] = wanted["event_id"] or row["event_id"]
        wanted["session_id"] = wanted["session_id"] and int(wanted["session_id"])
        row |= {"dims": json.loads(row["dims"]), "measures": json.loads(row["measures"])}
        assert {k: row[k] for k in wanted} == wanted
        assert (row["source"], row["app_package"], row["received_at"]) == ("amplitude_http", None, NOW_MS)


@pytest.mark.parametrize("request_", captured("POST"))
def test_a_request_sent_again_stores_only_what_has_no_identity(request_, client, tenant, rows) -> None:
    body = body_with_key(request_, tenant.publishable_key)
    replay(client, request_, body)
    again = replay(client, request_, body)
    without_identity = [e for e in events_in(body) if expected(e, NOW_MS)["event_id"] is None]
    assert again.json["events_ingested"] == len(events_in(body))
    assert len(rows()) == len(events_in(body)) + len(without_identity)


@pytest.mark.parametrize("request_", captured("POST"))
def test_a_captured_request_with_its_old_key_stores_nothing(request_, client, tenant, rows) -> None:
    answer = replay(client, request_, body_with_key(request_, "key_cap"))
    assert (answer.status_code, answer.json["error"]) == (400, "invalid api_key")
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert rows() == []


@pytest.mark.parametrize("request_", captured("OPTIONS"))
def test_a_captured_preflight_is_allowed_what_it_asks_for(request_, client) -> None:
    answer = replay(client, request_, b"")
    asked = next(v for k, v in request_["headers"] if k.lower() == "access-control-request-headers")
    allowed = {word.strip().lower() for word in answer.headers["Access-Control-Allow-Headers"].split(",")}
    assert answer.status_code in (200, 204)
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert "POST" in answer.headers["Access-Control-Allow-Methods"]
    assert set(asked.lower().split(",")) <= allowed
    assert int(answer.headers["Access-Control-Max-Age"]) > 0


def test_every_sdk_of_the_captures_is_replayed() -> None:
    assert [path.stem for path in FILES] == [
        "amplitude-js-8.21.10", "amplitude-node-legacy-1.10.2", "analytics-node-1.5.73", "browser-2.48.1",
        "go-1.3.1", "python-1.3.0",
    ]
