"""Compressed bodies, limits to the byte and the event, the order of checks, the drained 413: contract 4."""

import gzip
import http.client
import json
import random
import zlib
from urllib.parse import urlencode

import pytest

from tests.factories import amplitude_event, envelope
from tests.service import Service

pytestmark = pytest.mark.both_stores

MAX_BYTES = 1_048_576
MAX_EVENTS = 2_000
TOO_LARGE = {"code": 413, "error": "payload too large"}
BAD_KEY = {"code": 400, "error": "invalid api_key", "missing_field": "api_key"}
BAD_EVENTS = {"code": 400, "error": "missing or invalid events array", "missing_field": "events"}


def raw_deflate(body: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-15)
    return packer.compress(body) + packer.flush()


def in_three_members(body: bytes) -> bytes:
    return gzip.compress(body[:10]) + gzip.compress(b"") + gzip.compress(body[10:])


def stored_only(body: bytes) -> bytes:
    return zlib.compress(body, level=0)


CODINGS = {
    "gzip": ("gzip", gzip.compress),
    "gzip of several members": ("gzip", in_three_members),
    "x-gzip": ("x-gzip", gzip.compress),
    "GZIP": ("GZIP", gzip.compress),
    "deflate, zlib": ("deflate", zlib.compress),
    "deflate, raw": ("deflate", raw_deflate),
    "deflate, stored": ("deflate", stored_only),
    "identity": ("identity", bytes),
    "empty": ("", bytes),
    "twice": ("gzip, deflate", lambda body: zlib.compress(gzip.compress(body))),
    "identity, then gzip": ("identity, gzip", gzip.compress),
}


@pytest.mark.parametrize(("coding", "pack"), CODINGS.values(), ids=CODINGS)
def test_compressed_bodies_are_read_and_their_size_as_sent_is_told(client, tenant, rows, coding, pack):
    event = amplitude_event(event_properties={"note": "é" * 300})
    body = pack(json.dumps(envelope(tenant.publishable_key, event)).encode())
    answer = client.post("/batch", data=body, headers={"Content-Encoding": coding})
    assert (answer.status_code, answer.json["events_ingested"]) == (200, 1)
    assert answer.json["payload_size_bytes"] == len(body)
    assert json.loads(rows()[0]["dims"])["note"] == "é" * 256


def test_a_compressed_form_is_read(door):
    fields = {"client": door.publishable_key, "e": json.dumps([amplitude_event()])}
    body = gzip.compress(urlencode(fields).encode())
    assert door.client.post("/batch", data=body, headers={"Content-Encoding": "gzip"}).json["events_ingested"] == 1


UNTRUE = {
    "plain called gzip": ("gzip", bytes),
    "plain called deflate": ("deflate", bytes),
    "plain called br": ("br", bytes),
    "plain called zstd, gzip": ("zstd, gzip", bytes),
    "plain with a character set for its encoding": ("utf-8", bytes),
    "plain with a byte-order mark called gzip": ("gzip", lambda body: b"\xef\xbb\xbf" + body),
    "plain behind blanks called deflate": ("deflate", lambda body: b" \r\n" + body),
    "gzip called deflate": ("deflate", gzip.compress),
    "gzip called br": ("br", gzip.compress),
    "gzip not called so": ("", gzip.compress),
    "gzip called identity": ("identity", gzip.compress),
    "gzip twice, called so once": ("gzip", lambda body: gzip.compress(gzip.compress(body))),
    "gzip called so twice": ("gzip, gzip", gzip.compress),
    "zlib not called so": ("", zlib.compress),
    "zlib called gzip": ("gzip", lambda body: zlib.compress(body, level=9)),
}


@pytest.mark.parametrize(("coding", "pack"), UNTRUE.values(), ids=UNTRUE)
def test_the_first_bytes_win_over_a_content_encoding_that_is_not_true(client, tenant, coding, pack):
    for plain in (
        json.dumps(envelope(tenant.publishable_key, amplitude_event())).encode(),
        json.dumps({"events": [amplitude_event() for _ in range(200)], "api_key": tenant.publishable_key}).encode(),
    ):
        body = pack(plain)
        answer = client.post("/batch", data=body, headers={"Content-Encoding": coding})
        assert (answer.status_code, answer.json["payload_size_bytes"]) == (200, len(body))


@pytest.mark.parametrize("coding", ["gzip", "deflate", "utf-8", "br"])
def test_a_plain_form_is_read_whatever_its_encoding_says(door, coding):
    body = urlencode({"client": door.publishable_key, "e": json.dumps([amplitude_event()])})
    answer = door.client.post("/batch", data=body, headers={"Content-Encoding": coding})
    assert answer.json["events_ingested"] == 1


PLAIN = b'{"api_key": "x", "events": []}'
WRONG = {
    "br that is br": ("br", b"\x1b\x1d\x00\x00\x04\xc4\x8e\xa2\x95\x01\x02\x03" + bytes(20)),
    "packed four times": ("gzip", gzip.compress(gzip.compress(gzip.compress(gzip.compress(PLAIN))))),
    "cut off": ("gzip", gzip.compress(PLAIN)[:-9]),
    "without its checksum": ("gzip", gzip.compress(PLAIN)[:-8]),
    "with a wrong checksum": ("gzip", gzip.compress(PLAIN)[:-8] + bytes(8)),
    "garbage behind": ("gzip", gzip.compress(PLAIN) + b"garbage"),
    "nothing": ("gzip", b""),
    "header only": ("gzip", gzip.compress(b"")[:10]),
    "random": ("gzip", random.Random(1).randbytes(1000)),
    "deflate cut off": ("deflate", zlib.compress(PLAIN)[:-5]),
}


@pytest.mark.parametrize(("coding", "body"), WRONG.values(), ids=WRONG)
def test_a_body_that_is_not_what_its_encoding_says_is_no_json(door, coding, body):
    answer = door.client.post("/batch", data=body, headers={"Content-Encoding": coding})
    assert (answer.status_code, answer.json) == (400, BAD_EVENTS)


def test_a_megabyte_of_empty_gzip_members_is_bounded_work(door):
    body = gzip.compress(b"") * 50_000
    answer = door.client.post("/batch", data=body, headers={"Content-Encoding": "gzip"})
    assert (answer.status_code, answer.json) == (400, BAD_EVENTS)


# --- limits ----------------------------------------------------------------------------------------------------------


def padded(key: str, size: int) -> bytes:
    """A good batch of exactly this many bytes."""
    body = json.dumps(envelope(key, amplitude_event())).encode()
    return body + b" " * (size - len(body))


def incompressible(key: str, size: int) -> bytes:
    noise = random.Random(7)
    body = json.dumps(envelope(key, amplitude_event(), noise="")).encode()[:-2]
    return (
        body + bytes(noise.choices(b"0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJ", k=size - len(body) - 2)) + b'"}'
    )


@pytest.mark.parametrize("path", ["/amplitude-ingest", "/batch"])
def test_a_body_of_a_mebibyte_is_taken_and_one_byte_more_is_not(client, tenant, rows, path):
    answer = client.post(path, data=padded(tenant.publishable_key, MAX_BYTES))
    assert (answer.status_code, answer.json["payload_size_bytes"]) == (200, MAX_BYTES)
    answer = client.post(path, data=padded(tenant.publishable_key, MAX_BYTES + 1))
    assert (answer.status_code, answer.json, answer.headers["Access-Control-Allow-Origin"]) == (413, TOO_LARGE, "*")
    assert len(rows()) == 1


@pytest.mark.parametrize("coding", ["gzip", "deflate"])
def test_the_limit_holds_for_the_inflated_size_too(client, tenant, rows, coding):
    pack = gzip.compress if coding == "gzip" else zlib.compress
    for size, status in ((MAX_BYTES, 200), (MAX_BYTES + 1, 413), (64 * MAX_BYTES, 413)):
        body = pack(padded(tenant.publishable_key, size))
        answer = client.post("/batch", data=body, headers={"Content-Encoding": coding})
        assert answer.status_code == status and len(body) < MAX_BYTES
    assert answer.json == TOO_LARGE and len(rows()) == 1


def test_a_body_too_large_as_sent_is_a_413_also_when_it_inflates_to_less(door):
    body = gzip.compress(incompressible(door.publishable_key, MAX_BYTES), compresslevel=0)
    assert len(body) > MAX_BYTES
    assert door.client.post("/batch", data=body, headers={"Content-Encoding": "gzip"}).json == TOO_LARGE


def test_two_thousand_events_are_taken_and_one_more_is_not(client, tenant, rows):
    small = [{"event_type": "t", "user_id": 1, "insert_id": n} for n in range(MAX_EVENTS + 1)]
    answer = client.post("/batch", json=envelope(tenant.publishable_key, *small))
    assert (answer.status_code, answer.json, rows()) == (413, TOO_LARGE, [])
    answer = client.post("/batch", json=envelope(tenant.publishable_key, *small[:-1]))
    assert (answer.status_code, answer.json["events_ingested"]) == (200, MAX_EVENTS)
    assert len(rows()) == MAX_EVENTS


def test_rows_that_are_no_events_count_too(door):
    assert door.client.post("/batch", json=envelope(door.publishable_key, *[None] * 2001)).json == TOO_LARGE
    fields = {"client": door.publishable_key, "e": json.dumps([None] * 2001)}
    assert door.client.post("/batch", data=fields).json == TOO_LARGE


# --- a real socket ---------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def service(tmp_path_factory):
    with Service(tmp_path_factory.mktemp("service") / "events.db") as running:
        yield running


@pytest.mark.parametrize("size", [MAX_BYTES + 1, 9_000_000, 32 * MAX_BYTES], ids=str)
@pytest.mark.parametrize("chunked", [False, True], ids=["Content-Length", "chunked"])
def test_a_413_is_seen_because_the_body_is_read_first(service, size, chunked):
    connection = http.client.HTTPConnection("127.0.0.1", service.port, timeout=30)
    piece = b" " * 65_536
    pieces = (piece[: min(65_536, size - sent)] for sent in range(0, size, 65_536))
    length = {} if chunked else {"Content-Length": str(size)}
    connection.request("POST", "/amplitude-ingest", body=pieces, headers=length, encode_chunked=chunked)
    answer = connection.getresponse()
    assert (answer.status, json.loads(answer.read())) == (413, TOO_LARGE)
    assert answer.getheader("Access-Control-Allow-Origin") == "*"
    connection.close()


def test_a_whole_request_lands_over_a_real_socket(service):
    key = service.project("shop")["publishable_key"]
    connection = http.client.HTTPConnection("127.0.0.1", service.port, timeout=30)
    body = gzip.compress(json.dumps(envelope(key, amplitude_event(insert_id="a", time=...))).encode())
    for path in ("/amplitude-ingest", "/amplitude-ingest/", "/batch/"):
        connection.request("POST", path, body=body, headers={"Content-Encoding": "gzip"})
        answer = connection.getresponse()
        assert json.loads(answer.read())["events_ingested"] == 1
    connection.close()
    assert [event["event_id"] for event in service.events()] == ["a"]
