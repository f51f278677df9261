"""The corpus of nasties: never a 5xx, always JSON, never a lost neighbour: contract 3.7, 4."""

import json
import math

import pytest

from tests.api.nasties import BODIES, EVENTS
from tests.factories import amplitude_event
from tests.looking import events_in

pytestmark = pytest.mark.both_stores

PATHS = ("/amplitude-ingest", "/amplitude-ingest/2/httpapi", "/amplitude-ingest/batch", "/2/httpapi", "/batch")


def test_the_corpus_has_at_least_two_hundred():
    assert len(EVENTS) + len(BODIES) >= 200


def stored_after(door, last_id: int) -> list[dict]:
    return events_in(door.location, "WHERE id > ? ORDER BY id", last_id)


def last_id(door) -> int:
    return door.store.last_id()


@pytest.mark.parametrize(("nasty", "valid"), EVENTS.values(), ids=EVENTS)
def test_a_nasty_event_costs_no_neighbour(door, nasty, valid):
    before, after = amplitude_event(event_type="before"), amplitude_event(event_type="after")
    rows = b",".join((json.dumps(before).encode(), nasty, json.dumps(after).encode()))
    start = last_id(door)
    answer = door.client.post("/batch", data=b'{"api_key":"%s","events":[%s]}' % (door.publishable_key.encode(), rows))
    assert (answer.status_code, answer.json["code"]) == (200, 200)
    assert answer.json["events_ingested"] == 2 + valid
    stored = stored_after(door, start)
    assert {before["insert_id"], after["insert_id"]} <= {row["event_id"] for row in stored}
    for row in stored:
        assert_by_the_contract(row)


def assert_by_the_contract(row: dict) -> None:
    """What contract 2 and 3 promise of every stored event."""
    dims, measures = json.loads(row["dims"]), json.loads(row["measures"], parse_constant=pytest.fail)
    assert len(dims) <= 40 and len(measures) <= 20
    assert all(type(value) is str and len(value) <= 256 for value in dims.values())
    assert all(type(value) in (int, float) and math.isfinite(value) for value in measures.values())
    assert all(len(key) <= 64 for key in (*dims, *measures)) and not dims.keys() & measures.keys()
    assert 1 <= len(row["event_name"]) <= 64 and set(row["event_name"]) <= set("abcdefghijklmnopqrstuvwxyz0123456789_")
    assert row["event_id"] and len(row["event_id"]) <= 255
    assert row["install_id"].strip() and "\0" not in row["dims"] + row["event_id"] + row["install_id"]
    assert type(row["occurred_at"]) is int and 946_684_800_000 <= row["occurred_at"] <= row["received_at"] + 86_400_000
    assert row["session_id"] is None or type(row["session_id"]) in (str, int)


@pytest.mark.parametrize(("body", "status"), BODIES.values(), ids=BODIES)
def test_a_nasty_body_is_answered_in_json(door, body, status):
    answer = door.client.post("/amplitude-ingest", data=body.replace(b"KEY", door.publishable_key.encode()))
    assert (answer.status_code, answer.json["code"]) == (status, status)
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert ("error" in answer.json) == (status != 200)


def test_the_answer_is_the_same_on_every_path(door):
    for body, status in (BODIES[name] for name in ("good", "cut", "no key", "2,001 nulls")):
        sent = body.replace(b"KEY", door.publishable_key.encode())
        assert [door.client.post(path, data=sent).status_code for path in PATHS] == [status] * len(PATHS)
