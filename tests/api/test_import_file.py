"""POST /import-events?source=…: the vendor's file as it is (contract 5, whole files)."""

import gzip
import http.client
import io
import json
import os
import time
import zipfile
import zlib

import pytest

from tests.conftest import shared_data
from tests.service import Service

pytestmark = pytest.mark.both_stores

EXPORT = shared_data("exports", "amplitude", "synthetic_export_api.ndjson").read_bytes()
AT = "2026-06-01T12:00:00Z"


def many(count: int) -> bytes:
    """Amplitude rows that differ in their ids."""
    line = '{{"event_type":"a","event_time":"2026-06-01 12:00:00","device_id":"d{0}","$insert_id":"{0}-{1}"}}\n'
    return "".join(line.format(number, hash((number, "x"))) for number in range(count)).encode()


def zipped(members: dict[str, bytes]) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return file.getvalue()


def send(client, tenant, data, source="amplitude", headers=(), method="post", **query):
    query = {"source": source, **query}
    return getattr(client, method)(
        "/import-events", data=data, headers={**tenant.bearer, **dict(headers)}, query_string=query
    )


def counts(answer):
    return tuple(answer.json[name] for name in ("imported", "skipped", "duplicates", "files"))


LINES = EXPORT.splitlines(keepends=True)
FORMS = {
    "NDJSON": (EXPORT, 1),
    "gzip": (gzip.compress(EXPORT), 1),
    "array": (b"[" + b",".join(LINES) + b"]", 1),
    "gzip of an array": (gzip.compress(b"[" + b",".join(LINES) + b"]"), 1),
    "zip of gzips, as Amplitude makes it": (
        zipped({f"1/1_{n}.json.gz": gzip.compress(b"".join(LINES[n * 100 : n * 100 + 100])) for n in range(3)}), 3,
    ),
    "zip of NDJSON": (zipped({"a.json": EXPORT}), 1),
}  # fmt: skip


@pytest.mark.parametrize(
    ("method", "content_type"),
    [("post", "application/x-www-form-urlencoded"), ("put", None), ("post", "application/octet-stream")],
    ids=["curl --data-binary @FILE", "curl -T FILE", "octets"],
)
@pytest.mark.parametrize("form", FORMS)
def test_a_file_in_any_form_lands_once(form, content_type, method, client, tenant, rows):
    data, files = FORMS[form]
    headers = {} if content_type is None else {"Content-Type": content_type}
    assert counts(send(client, tenant, data, headers=headers, method=method, app_package="com.x")) == (300, 0, 0, files)
    assert counts(send(client, tenant, data, headers=headers, method=method)) == (0, 0, 300, files)
    assert {row["app_package"] for row in rows()} == {"com.x"}


def test_the_transfer_itself_may_be_packed(client, tenant):
    packed = {"Content-Encoding": "gzip", "Content-Type": "application/x-ndjson"}
    assert counts(send(client, tenant, gzip.compress(EXPORT), headers=packed)) == (300, 0, 0, 1)
    assert counts(send(client, tenant, gzip.compress(gzip.compress(EXPORT)), headers=packed)) == (0, 0, 300, 1)
    for window in (zlib.MAX_WBITS, -zlib.MAX_WBITS):  # with zlib's header, and raw, as some send it
        deflated = zlib.compress(EXPORT, wbits=window)
        assert counts(send(client, tenant, deflated, headers={"Content-Encoding": "deflate"})) == (0, 0, 300, 1)


@pytest.mark.parametrize("coding", ["gzip", "deflate", "br", "zstd", "utf-8", "UTF-8, gzip"])
@pytest.mark.parametrize("pack", [bytes, gzip.compress, lambda data: zipped({"a.json": data})])
def test_a_coding_that_is_not_true_is_not_believed(client, tenant, coding, pack):
    """A proxy unpacked the body and kept the header; a script wrote the text's encoding."""
    answer = send(client, tenant, pack(EXPORT), headers={"Content-Encoding": coding})
    assert counts(answer) == (300, 0, 0, 1)


@pytest.mark.parametrize("body", [b"\x1b\x2f\x0a\0\xe4\x4d\xb6\xc3" * 20, b"\x28\xb5\x2f\xfd" + bytes(40)])
def test_a_coding_that_is_not_known_is_named(client, tenant, body):
    refused = send(client, tenant, body, headers={"Content-Encoding": "br"})
    assert (refused.status_code, "'br' is not known; send it as gzip" in refused.json["error"]) == (400, True)


def test_positions_count_rows_over_the_whole_upload_without_blank_lines(client, tenant):
    data = zipped({"a.json": LINES[0] + b"\n\nbroken\n" + LINES[1], "b.json": b"\n5\n" + LINES[2] + b"{}\n"})
    answer = send(client, tenant, data)
    assert counts(answer) == (3, 3, 0, 2)
    assert answer.json["errors"] == [
        "event 1: not readable as JSON", "event 3: not an object", "event 5: missing event name",
    ]  # fmt: skip


def test_csv_with_nested_headers_and_a_mapping(client, tenant, rows):
    text = "\ufefftype,at,uid,did,attrs.plan,attrs.total,attrs.zip\nBuy,1780315200,u,,pro,3.5,0047\n,1780315200,u,,,,\n"
    mapping = {
        "event_name_field": "type", "timestamp_field": "at", "timestamp_unit": "seconds", "user_id_field": "uid",
        "anon_id_field": "did", "props_field": "attrs",
    }  # fmt: skip
    answer = send(client, tenant, text.encode(), "generic", mapping=json.dumps(mapping))
    assert (counts(answer), answer.json["errors"]) == ((1, 1, 0, 1), ["event 1: missing event name"])
    found = rows()[0]
    assert json.loads(found["dims"]) == {"_source_event_name": "Buy", "plan": "pro", "zip": "0047"}
    assert json.loads(found["measures"]) == {"total": 3.5}


def test_posthog_csv_with_json_in_its_cells(client, tenant, rows):
    text = 'uuid,event,timestamp,distinct_id,properties\nu1,a,2026-06-01 12:00:00,d,"{""$os"":""iOS"",""n"":1}"\n'
    assert counts(send(client, tenant, text.encode(), "posthog")) == (1, 0, 0, 1)
    assert (rows()[0]["dims"], rows()[0]["measures"]) == ('{"os":"iOS"}', '{"n":1}')


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ({"source": "Amplitude"}, "amplitude, mixpanel, posthog, ga4, generic"),
        ({"source": ""}, "amplitude, mixpanel, posthog, ga4, generic"),
        ({"source": "generic"}, "mapping is missing"),
        ({"source": "generic", "mapping": "{"}, "mapping in the query string is not JSON"),
        ({"source": "generic", "mapping": "{}"}, "mapping.event_name_field"),
        ({"source": "amplitude", "app_package": "x" * 256}, "app_package"),
    ],
)
def test_a_wrong_question_is_refused_before_anything_is_stored(query, words, client, tenant, rows):
    answer = client.post("/import-events", data=EXPORT, headers=tenant.bearer, query_string=query)
    assert (answer.status_code, words in answer.json["error"]) == (400, True)
    assert rows() == []


@pytest.mark.parametrize(
    ("data", "stored", "words"),
    [
        (gzip.compress(many(6000))[:-2000], True, "ends in the middle"),
        (gzip.compress(many(3000)) + b"garbage", 3000, "damaged"),
        (b"[" + many(3000).replace(b"\n", b",") + b'{"event_type":"cut', 3000, "ends in the middle"),
        (zipped({"a.json": many(3000), "b.zip": zipped({"c": b"{}"})}), 3000, "zip inside a zip"),
        (zipped({"a.json": many(3000)})[:-50], 3000, "cut off"),
        (zipped({"a.json": many(30), "b.json": b"0" * 30_000_000}), 30, "zip bomb"),
        (b"\x8b\xfe\x01" + bytes(range(256)) * 20, 0, "none of"),  # not random: one in a hundred begins like a file
    ],
    ids=lambda given: "bytes" if isinstance(given, bytes) else None,  # they differ from worker to worker
)
def test_a_broken_file_keeps_what_was_read_and_says_so(data, stored, words, client, tenant, rows, app):
    answer = send(client, tenant, data)
    assert (answer.status_code, answer.json["code"]) == (400, 400)
    assert words in answer.json["error"]
    assert "Sending the same again changes nothing" in answer.json["error"]
    assert answer.json["imported"] == len(rows())
    assert len(rows()) > 1000 if stored is True else len(rows()) == stored
    again = send(client, tenant, data)
    assert (again.json["imported"], again.json["duplicates"]) == (0, answer.json["imported"])


@pytest.mark.parametrize("source", ["mixpanel", "posthog", "ga4"])
def test_a_file_of_another_source_is_refused_by_the_name_of_its_own(source, client, tenant, rows):
    answer = send(client, tenant, EXPORT, source)
    assert answer.status_code == 400
    assert f"not of source {source}; they look like amplitude" in answer.json["error"]
    assert (answer.json["skipped"], len(answer.json["errors"])) == (300, 10)
    assert rows() == []


def test_progress_is_told_and_the_last_line_is_the_answer(client, tenant, monkeypatch):
    monkeypatch.setattr("drengr.api.import_file._PROGRESS_S", 0.0)
    answer = send(client, tenant, many(5000), headers={"Accept": "application/x-ndjson"})
    lines = [json.loads(line) for line in answer.data.splitlines()]
    assert answer.mimetype == "application/x-ndjson"
    assert len(lines) > 3
    assert lines[-1] == {"imported": 5000, "skipped": 0, "errors": [], "duplicates": 0, "files": 1}
    assert [line["imported"] for line in lines] == sorted(line["imported"] for line in lines)
    broken = send(client, tenant, gzip.compress(many(5000))[:-9], headers={"Accept": "application/x-ndjson"})
    assert json.loads(broken.data.splitlines()[-1])["code"] == 400


def test_nothing_is_left_beside_the_database(client, tenant, database_path):
    before = sorted(os.listdir(database_path.parent))
    send(client, tenant, zipped({"a.json": EXPORT}))
    assert sorted(os.listdir(database_path.parent)) == before


@pytest.fixture(scope="module")
def service(tmp_path_factory):
    with Service(tmp_path_factory.mktemp("import") / "events.db") as running:
        yield running


def connected(service, secret_key, length=None):
    connection = http.client.HTTPConnection("127.0.0.1", service.port, timeout=60)
    connection.putrequest("PUT", "/import-events?source=amplitude")
    connection.putheader("Authorization", f"Bearer {secret_key}")
    connection.putheader(*(("Transfer-Encoding", "chunked") if length is None else ("Content-Length", str(length))))
    connection.endheaders()
    return connection


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


def test_a_line_of_a_hundred_megabytes_is_one_skipped_row(service):
    connection = connected(service, service.project("long line")["secret_key"])
    connection.send(chunk(LINES[0] + b'{"event_type":"'))
    for _ in range(100):
        connection.send(chunk(b"x" * 1_000_000))
    connection.send(chunk(b'"}\n' + LINES[1]) + b"0\r\n\r\n")
    answer = json.loads(connection.getresponse().read())
    assert (answer["imported"], answer["errors"]) == (2, ["event 1: row longer than 8388608 bytes"])
    connection.close()


def test_a_piped_upload_of_unknown_length(service):
    key = service.project("piped")["secret_key"]
    connection = connected(service, key)
    data = zipped({"a.json": many(5000)})
    for start in range(0, len(data), 10_000):
        connection.send(chunk(data[start : start + 10_000]))
    connection.send(b"0\r\n\r\n")
    answer = json.loads(connection.getresponse().read())
    assert (answer["imported"], answer["files"]) == (5000, 1)
    connection.close()


@pytest.mark.parametrize("chunked", [True, False])
def test_a_client_that_leaves_keeps_what_was_stored(chunked, service):
    project = service.project(f"left {chunked}")
    data = many(20_000)
    connection = connected(service, project["secret_key"], None if chunked else 2 * len(data))
    connection.send(chunk(data) if chunked else data)
    connection.close()
    stored = "WHERE project = ?", project["project_id"]
    deadline = time.monotonic() + 20
    while len(service.events(*stored)) < 10_000 and time.monotonic() < deadline:
        time.sleep(0.1)
    assert len(service.events(*stored)) >= 10_000
    assert "Traceback" not in service.log_text()


def test_live_events_land_while_a_file_is_on_its_way(service):
    project = service.project("live")
    data = many(20_000)
    connection = connected(service, project["secret_key"], len(data))
    connection.send(data[: len(data) // 2])
    live = http.client.HTTPConnection("127.0.0.1", service.port, timeout=30)
    body = json.dumps({"api_key": project["publishable_key"], "events": [{"event_type": "live", "user_id": "u"}]})
    for _ in range(20):
        live.request("POST", "/amplitude-ingest", body)
        assert json.loads(live.getresponse().read())["events_ingested"] == 1
    live.close()
    connection.send(data[len(data) // 2 :])
    assert json.loads(connection.getresponse().read())["imported"] == 20_000
    connection.close()
    assert len(service.events("WHERE project = ? AND event_name = 'live'", project["project_id"])) == 20
