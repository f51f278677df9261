"""GET /api/2/export, and the calls of Amplitude's that are not offered: contract 9."""

import gzip
import io
import json
import shutil
import struct
import subprocess
import zipfile
import zlib
from base64 import b64encode
from uuid import UUID, uuid5

import pytest

from drengr.admin.amplitude_exports import App
from drengr.api.streaming import STREAMS_AT_ONCE
from drengr.files import zip_stream
from tests.admin import DAY_MS, HOUR_MS, event
from tests.conftest import NOW_MS, shared_data
from tests.factories import amplitude_event, envelope

pytestmark = pytest.mark.both_stores

# 2026-11-20T16:00:00Z is NOW_MS
THIS_HOUR = {"start": "20261120T16", "end": "20261120T16"}


def basic(user: str, password: str) -> dict[str, str]:
    return {"Authorization": f"Basic {b64encode(f'{user}:{password}'.encode()).decode()}"}


@pytest.fixture
def ask(client, tenant):
    def get(headers: dict | None = None, **asked: str):
        keys = basic(tenant.publishable_key, tenant.secret_key)
        return client.get("/api/2/export", query_string=asked, headers=headers or keys, buffered=True)

    return get


def members(data: bytes) -> dict[str, list[dict]]:
    """Name → rows of every file in the archive, in its order."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert archive.testzip() is None
        return {
            info.filename: [json.loads(line) for line in gzip.decompress(archive.read(info)).splitlines()]
            for info in archive.infolist()
        }


def rows_of(answer) -> list[dict]:
    assert (answer.status_code, answer.mimetype) == (200, "application/zip")
    return [row for rows in members(answer.data).values() for row in rows]


def test_a_row_has_the_keys_and_the_times_of_amplitude_s_export(ask, store, tenant):
    dims = {
        "os": "iOS 17.4", "device_model": "iPhone15,2", "app_version": "2.1", "_source_event_name": "Order Completed",
        "plan": "pro", "user.tier": "gold",
    }  # fmt: skip
    measures = '{"revenue":42.5,"user.age":30}'
    stored = event(event_id="a-1", session_id=17, dims=json.dumps(dims), measures=measures, occurred_at=NOW_MS - 60_880)
    store.add(tenant.project.id, [stored])
    (row,) = rows_of(ask(**THIS_HOUR))
    real = json.loads(shared_data("exports", "amplitude", "synthetic_export_api.ndjson").read_text().splitlines()[0])
    assert set(row) == set(real)
    kept = {key: value for key, value in row.items() if value not in (None, {})}
    uuid = UUID(tenant.project_id)
    assert kept == {
        "$insert_id": "a-1",
        "app": App(uuid).number,
        "client_event_time": "2026-11-20 15:58:59.120000",
        "data_type": "event",
        "device_family": "iPhone15,2",
        "device_id": "device_1",
        "device_type": "iPhone15,2",
        "event_id": row["event_id"],
        "event_properties": {"plan": "pro", "revenue": 42.5},
        "event_time": "2026-11-20 15:58:59.120000",
        "event_type": "Order Completed",
        "library": "drengr/amplitude_http",
        "os_name": "iOS",
        "os_version": "17.4",
        "processed_time": "2026-11-20 16:00:00.000000",
        "server_received_time": "2026-11-20 16:00:00.000000",
        "server_upload_time": "2026-11-20 16:00:00.000000",
        "session_id": 17,
        "user_id": "user_1",
        "user_properties": {"tier": "gold", "age": 30},
        "uuid": str(uuid5(uuid, str(row["event_id"]))),
        "version_name": "2.1",
    }


def test_what_has_no_session_number_has_minus_one(ask, store, tenant):
    store.add(tenant.project.id, [event(session_id=None), event(session_id="text")])
    assert [row["session_id"] for row in rows_of(ask(**THIS_HOUR))] == [-1, -1]


def test_a_file_holds_the_events_received_in_its_hour(ask, store, make_tenant, tenant):
    for number, hour in enumerate((0, -8, 0, 1, -25, -8)):
        store.add(tenant.project.id, [event(event_name=f"e{number}", received_at=NOW_MS + hour * HOUR_MS)])
    store.add(make_tenant("other").project.id, [event()])
    found = members(ask(start="20261120T8", end="20261120T16").data)
    project = tenant.project_id
    assert {name: [row["event_type"] for row in rows] for name, rows in found.items()} == {
        f"{project}/{project}_2026-11-20_8#0.json.gz": ["e1", "e5"],
        f"{project}/{project}_2026-11-20_16#0.json.gz": ["e0", "e2"],
    }
    everything = [row["event_type"] for row in rows_of(ask(start="20261119T15", end="20261120T17"))]
    assert everything == ["e4", "e1", "e5", "e0", "e2", "e3"]


def test_a_file_that_grows_too_large_goes_on_in_another(ask, store, tenant, monkeypatch):
    monkeypatch.setattr(zip_stream, "MOST_PART_BYTES", 1)
    monkeypatch.setattr("drengr.store.sqlite.export._MOST_ROWS", 1)
    monkeypatch.setattr("drengr.store.postgresql.export._MOST_ROWS", 1)
    store.add(tenant.project.id, [event(event_name="a"), event(event_name="b")])
    found = members(ask(**THIS_HOUR).data)
    assert {name[-12:]: [row["event_type"] for row in rows] for name, rows in found.items()} == {
        "16#0.json.gz": ["a"], "16#1.json.gz": ["b"],
    }  # fmt: skip


def streamed_members(data: bytes) -> dict[str, bytes]:
    """The archive as a reader takes it that never looks back, such as Java's: local headers and what follows them."""
    found, position = {}, 0
    while data[position : position + 4] == b"PK\x03\x04":
        _, flags, method, *_, name_size, extra_size = struct.unpack("<4xHHHHHIIIHH", data[position : position + 30])
        assert flags & 0x08 and method == zipfile.ZIP_DEFLATED, "the size stands behind it: it must end by itself"
        start = position + 30 + name_size + extra_size
        packer = zlib.decompressobj(-15)
        content = packer.decompress(data[start:]) + packer.flush()
        assert packer.eof
        end = len(data) - len(packer.unused_data)
        mark, crc, packed, size = struct.unpack("<4sIII", data[end : end + 16])
        assert (mark, crc, packed, size) == (b"PK\x07\x08", zlib.crc32(content), end - start, len(content))
        found[data[position + 30 : position + 30 + name_size].decode()] = gzip.decompress(content)
        position = end + 16
    assert data[position : position + 4] == b"PK\x01\x02"
    return found


def test_the_zip_is_read_by_python_by_unzip_and_by_a_reader_that_never_looks_back(ask, store, tenant, tmp_path):
    for hour in range(5):
        store.add(tenant.project.id, [event(received_at=NOW_MS - hour * HOUR_MS) for _ in range(50)])
    data = ask(start="20261120T00", end="20261120T23").data
    whole = members(data)
    assert len(whole) == 5 and sum(map(len, whole.values())) == 250
    streamed = {name: [json.loads(line) for line in text.splitlines()] for name, text in streamed_members(data).items()}
    assert streamed == whole
    path = tmp_path / "export.zip"
    path.write_bytes(data)
    if shutil.which("unzip"):
        subprocess.run(["unzip", "-t", path], check=True, capture_output=True)


def test_nothing_in_these_hours_is_a_404(ask, store, make_tenant, tenant):
    store.add(make_tenant("other").project.id, [event()])
    store.add(tenant.project.id, [event(received_at=NOW_MS - HOUR_MS), event(received_at=NOW_MS + HOUR_MS)])
    answer = ask(**THIS_HOUR)
    assert (answer.status_code, answer.json) == (404, {"error": "no events were received in these hours"})


@pytest.mark.parametrize(
    "asked",
    [
        {},
        {"start": "20261120T16"},
        {"end": "20261120T16"},
        {"start": "20261120", "end": "20261121"},
        {"start": "20261120T24", "end": "20261121T00"},
        {"start": "20261131T00", "end": "20261201T00"},
        {"start": "20261120T16", "end": "20261120T15"},
        {"start": "20251120T16", "end": "20261120T16"},
        {"start": "2026-11-20T16", "end": "2026-11-20T16"},
        {"start": "\u0662\u066061120T16", "end": "20261120T16"},  # digits of another script
    ],
)
def test_bad_hours_are_a_400(ask, asked):
    answer = ask(**asked)
    assert (answer.status_code, list(answer.json)) == (400, ["error"])


def test_365_days_are_not_too_many(ask, store, tenant):
    store.add(tenant.project.id, [event(received_at=NOW_MS - 365 * DAY_MS + HOUR_MS)])
    store.add(tenant.project.id, [event()])
    assert len(rows_of(ask(start="20251120T17", end="20261120T16"))) == 2


def test_only_the_two_keys_of_one_project_open_it(ask, make_tenant, tenant):
    other = make_tenant("other")
    publishable, secret = tenant.publishable_key, tenant.secret_key
    bad = [
        basic(publishable, other.secret_key),
        basic(other.publishable_key, secret),
        basic(secret, publishable),
        basic(secret, secret),
        basic(publishable, publishable),
        basic(publishable, ""),
        basic("", ""),
        tenant.bearer,
        {"Authorization": "Basic ????"},
        {"Authorization": f"Basic {b64encode(publishable.encode()).decode()}"},
        {"X-Nothing": "at all"},
    ]
    for headers in bad:
        answer = ask(headers, **THIS_HOUR)
        assert (answer.status_code, list(answer.json)) == (401, ["error"])
        assert "WWW-Authenticate" not in answer.headers
    assert ask(**THIS_HOUR).status_code == 404


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE"])
@pytest.mark.parametrize(
    "path",
    ["/api/2/", "/api/2/funnels", "/api/2/export/x", "/api/3/chart/1/query", "/usermap", "/attribution", "/usermap/"],
)
def test_its_other_calls_are_not_offered(client, method, path):
    answer = client.open(path, method=method, data=b"{}")
    assert (answer.status_code, answer.json) == (404, {"error": "not offered by Drengr"})


def test_another_method_is_answered_in_the_same_shape(client):
    answer = client.post("/api/2/export")
    assert (answer.status_code, answer.json) == (405, {"error": "method not allowed"})


def test_a_place_is_free_again_after_every_answer(ask, store, tenant):
    store.add(tenant.project.id, [event()])
    for asked in (THIS_HOUR, {"start": "20200101T00", "end": "20200101T00"}):
        assert {ask(**asked).status_code for _ in range(STREAMS_AT_ONCE + 1)} <= {200, 404}


# Round trip -----------------------------------------------------------------------------------------------------------

WITHOUT_EVENTS = ("mixpanel/real_fivetran_seed", "mixpanel/real_go_sdk", "mixpanel/fixture_mixpanel_utils")
FILES = sorted(
    path
    for source in ("amplitude", "mixpanel", "posthog", "ga4")
    for path in shared_data("exports", source).iterdir()
    if not f"{source}/{path.name}".startswith(WITHOUT_EVENTS)
)


def seen(rows: list[dict]) -> list[dict]:
    """What a round trip keeps, in an order of its own."""
    left_out = ("id", "project", "source", "app_package", "received_at", "properties")
    bags = ("dims", "measures")
    kept = [
        {key: json.loads(value) if key in bags else value for key, value in row.items() if key not in left_out}
        for row in rows
        if not isinstance(row["session_id"], str)
    ]
    return sorted(kept, key=lambda row: row["event_id"])


def upload(client, tenant, source: str, data: bytes):
    return client.post(
        f"/import-events?source={source}", data=data, headers=tenant.bearer, content_type="application/octet-stream"
    )


@pytest.fixture
def again(ask, client, make_tenant, rows, tenant):
    """again() → (what was stored, what another project has after the export was imported there)."""

    def carry() -> tuple[list[dict], list[dict]]:
        answer = ask(**THIS_HOUR)
        other = make_tenant("other")
        assert upload(client, other, "amplitude", answer.data).status_code == 200
        before = rows("WHERE project = ?", tenant.project_id)
        after = rows("WHERE project = ?", other.project_id)
        assert len(after) == len(before)
        numbered = {row["event_id"] for row in before if not isinstance(row["session_id"], str)}
        return seen(before), seen([row for row in after if row["event_id"] in numbered])

    return carry


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_history_comes_back_as_the_same_events(client, tenant, again, path):
    answer = upload(client, tenant, path.parent.name, path.read_bytes())
    assert answer.json["imported"], answer.json
    before, after = again()
    assert after == before


def test_live_events_come_back_as_the_same_events(client, tenant, again):
    odd = [
        amplitude_event(),
        amplitude_event(os_name="Mac OS", os_version="X", device_model="Mac", app_version=15.1, session_id=-1),
        amplitude_event(os_name=" ", os_version="17", user_properties={"$set": {"plan": "pro", "age": 3}}),
        amplitude_event(device_id=..., event_type="  [Amplitude] Page  ", event_properties={"os": "", "user.a": 1}),
        amplitude_event(event_type="x" * 70 + "-" * 300, revenue=5, platform="Web", price="cheap"),
        amplitude_event(event_properties={f"k{n}": n if n % 2 else [n, {"a": n}] for n in range(120)}),
        amplitude_event(event_properties={"a": {"b": {"c": 1}, "d": "x" * 300}, "e" * 80: True, "big": 2**62}),
        amplitude_event(event_properties={"f": 1e300, "zero": -0.0, "whole": 3.0, "digits": "42", "json": "[1]"}),
        amplitude_event(event_properties={"app_version": 7, "os": 5.0, "device_model": "\n", "user.": "empty"}),
        amplitude_event(insert_id=..., user_properties={"": 1, "user.": 2, "user": {"x": "y"}}),
    ]
    answer = client.post("/batch", json=envelope(tenant.publishable_key, *odd))
    assert answer.json["events_ingested"] == len(odd)
    before, after = again()
    assert after == before
