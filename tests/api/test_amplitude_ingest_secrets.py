"""Values of dropped keys reach no table, no log and no error text: contract 3.3."""

import json
import logging
from urllib.parse import urlencode

import pytest

from tests.factories import amplitude_event, envelope

pytestmark = pytest.mark.both_stores

SECRET = "s3cr3t-9f2c-value"


@pytest.fixture
def settings():
    return {"DRENGR_ALLOWED_KEYS": "product_name,user.$set.plan_name", "DRENGR_SENSITIVE_WORDS": "IBAN,Geburt"}


def bytes_on_disk(database_path) -> dict[str, bytes]:
    """Every file of the database's folder: the file itself, its WAL, whatever else lies there."""
    return {path.name: path.read_bytes() for path in database_path.parent.iterdir() if path.is_file()}


BAGS = [
    {"email": SECRET},
    {"a": {"Phone": SECRET}},
    {"a": {"b": {"c": {"userName": SECRET}}}},
    {"a": [{"b": [{"home_address": [SECRET]}]}]},
    {"password": {"a": {"b": SECRET}}},
    {"my_iban": SECRET, "x": [{"geburtstag": SECRET}]},
    {"e\0mail": SECRET},
]


@pytest.mark.sqlite
@pytest.mark.parametrize("where", ["event_properties", "user_properties"])
def test_a_dropped_value_is_in_no_byte_of_the_files_and_in_no_log(
    client, tenant, store, rows, database_path, caplog, where
):
    caplog.set_level(logging.DEBUG)
    batch = [amplitude_event(**{where: bag | {"kept": "visible-value"}}) for bag in BAGS]
    answer = client.post("/batch", data=json.dumps(envelope(tenant.publishable_key, *batch)))
    assert answer.json["events_ingested"] == len(BAGS) == len(rows())
    on_disk = bytes_on_disk(database_path)
    assert any(b"visible-value" in content for content in on_disk.values())
    assert {"events.db", "events.db-wal"} <= set(on_disk)
    assert [name for name, content in on_disk.items() if SECRET.encode() in content] == []
    store.database.writing_connection().execute("PRAGMA wal_checkpoint(TRUNCATE)")
    assert SECRET.encode() not in database_path.read_bytes()
    assert b"visible-value" in database_path.read_bytes()
    assert SECRET not in caplog.text and SECRET not in answer.text


def test_spared_keys_are_stored(client, tenant, rows):
    event = amplitude_event(
        event_type="t",
        event_properties={"product_name": "Shoe", "Product_Name": "no", "brand_name": "no"},
        user_properties={"$set": {"plan_name": "gold"}, "plan_name": "no"},
    )
    client.post("/batch", json=envelope(tenant.publishable_key, event))
    assert json.loads(rows()[0]["dims"]) == {"product_name": "Shoe", "user.$set.plan_name": "gold"}


def test_no_answer_and_no_log_quotes_a_request_that_is_refused(client, tenant, database_path, caplog):
    caplog.set_level(logging.DEBUG)
    event = amplitude_event(event_properties={"email": SECRET})
    bodies = [
        json.dumps(envelope(SECRET, event)),
        json.dumps({"api_key": tenant.publishable_key, "events": {"email": SECRET}}),
        json.dumps({"api_key": tenant.publishable_key, "events": [], "password": SECRET})[:-3],
        SECRET,
        f"client={SECRET}&e={SECRET}",
        json.dumps(envelope(tenant.publishable_key, *[event] * 2001)),
    ]
    answers = [client.post("/batch", data=body) for body in bodies]
    assert [answer.status_code for answer in answers] == [400, 400, 400, 400, 400, 413]
    assert SECRET not in "".join(answer.text for answer in answers) + caplog.text
    assert not any(SECRET.encode() in content for content in bytes_on_disk(database_path).values())


def test_a_fault_while_storing_tells_no_value(client, tenant, store, caplog):
    store.commits.run(lambda connection: connection.execute("DROP TABLE day_totals"))
    event = amplitude_event(event_type=f"Type {SECRET}", event_properties={"email": SECRET, "kept": SECRET})
    answer = client.post("/batch", json=envelope(tenant.publishable_key, event))
    assert answer.status_code == 503
    assert SECRET not in answer.text + caplog.text


def test_a_fault_of_the_code_tells_no_value(client, tenant, monkeypatch, caplog):
    monkeypatch.setattr("drengr.sources.event_of", lambda *_: 1 / 0)
    event = amplitude_event(event_properties={"kept": SECRET})
    answer = client.post("/batch", json=envelope(tenant.publishable_key, event))
    assert (answer.status_code, answer.json) == (500, {"code": 500, "error": "internal error"})
    assert "ZeroDivisionError" in caplog.text and SECRET not in caplog.text


@pytest.mark.sqlite
def test_secret_keys_are_stored_only_as_a_hash_and_no_key_is_logged(client, tenant, store, database_path, caplog):
    caplog.set_level(logging.DEBUG)
    client.post("/batch", json=envelope(tenant.publishable_key))
    client.post("/import-events", json={"source": "amplitude", "events": []}, headers=tenant.bearer)
    store.database.writing_connection().execute("PRAGMA wal_checkpoint(TRUNCATE)")
    assert not any(tenant.secret_key.encode() in content for content in bytes_on_disk(database_path).values())
    assert tenant.publishable_key not in caplog.text and tenant.secret_key not in caplog.text


OTHER_WORDS = ["\0", "\\u0000", "\ud800", "\\ud800", "\\ufffd", " ", "\u200b"]


@pytest.mark.parametrize("more", OTHER_WORDS, ids=ascii)
@pytest.mark.parametrize("place", ["{key}{more}", "{more}{key}"])
def test_a_key_is_compared_as_sent(client, tenant, more, place):
    key = place.format(key=tenant.publishable_key, more=more)
    event = json.dumps(amplitude_event())
    bodies = {
        "events": f'{{"api_key":"{key}","events":[{event}]}}',
        "event": f'{{"api_key":"{key}","event":{event}}}',
        "form of older SDKs": urlencode({"client": key, "e": f"[{event}]"}, errors="surrogatepass"),
        "form of HTTP API v1": urlencode({"api_key": key, "event": event}, errors="surrogatepass"),
    }
    for way, body in bodies.items():
        answer = client.post("/batch", data=body.encode("utf-8", "surrogatepass"))
        assert (way, answer.json) == (way, {"code": 400, "error": "invalid api_key", "missing_field": "api_key"})


def test_a_member_that_only_looks_like_the_key_is_none(client, tenant):
    body = f'{{"api_key\\u0000":"{tenant.publishable_key}","events":[]}}'
    assert client.post("/batch", data=body).json["error"] == "invalid api_key"
