"""A vendor's file on the page: guessed, looked at, stored (contract 12, Upload)."""

import gzip
import io
import zipfile

import orjson
import pytest

from drengr.page.guessing import HEAD_BYTES, guessed_source
from tests.api.test_import_file import many, zipped
from tests.conftest import NOW_MS, shared_data

AMPLITUDE = many(3000)
MIXPANEL = b"".join(
    orjson.dumps({"event": "A", "properties": {"time": 1780000000, "distinct_id": "d", "$insert_id": f"i{n}"}}) + b"\n"
    for n in range(200)
)
POSTHOG_CSV = b"uuid,event,distinct_id,timestamp,properties\n" + b"".join(
    f'0198{n:04d}-0000-7000-8000-000000000000,page,d,2026-06-01 12:00:00,"{{""a"":1}}"\n'.encode() for n in range(50)
)


def streamed_zip(data: bytes) -> bytes:
    """As a program writes it that cannot go back: sizes stand behind the data."""

    class Pipe(io.BytesIO):
        def seekable(self) -> bool:
            return False

        def seek(self, *_):
            raise io.UnsupportedOperation

    file = Pipe()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("1/a.json.gz", gzip.compress(data))
    return file.getvalue()


FILES = {
    "plain": AMPLITUDE, "gzip": gzip.compress(AMPLITUDE),
    "zip of gzips": zipped({"1/a.json.gz": gzip.compress(AMPLITUDE)}),
    "zip with a folder and litter first": zipped({"1/": b"", "__MACOSX/._a": b"x" * 99, "1/a.json": AMPLITUDE}),
    "streamed zip": streamed_zip(AMPLITUDE), "array": b"[" + AMPLITUDE.replace(b"\n", b",")[:-1] + b"]",
}  # fmt: skip


@pytest.mark.parametrize("form", FILES)
def test_the_source_is_told_from_the_beginning_however_it_is_packed(form):
    assert guessed_source(FILES[form][: HEAD_BYTES // 4], NOW_MS) == "amplitude"


@pytest.mark.parametrize(
    ("source", "head"),
    [("mixpanel", MIXPANEL), ("posthog", POSTHOG_CSV), (None, b'{"a": 1}\n'), (None, b""), (None, b"PK\x03\x04"),
     (None, b"\x1f\x8b"), (None, b"<html>Not found</html>"), (None, b"PK\x03\x04" + b"\xff" * 100)],
)  # fmt: skip
def test_each_vendor_is_told_apart_and_what_is_none_is_not_guessed(source, head):
    assert guessed_source(head, NOW_MS) == source


def test_each_vendors_recorded_export_is_told():
    for path in shared_data("exports").rglob("*"):
        if path.is_file() and path.parent.name in ("amplitude", "mixpanel", "posthog", "ga4"):
            assert guessed_source(path.read_bytes()[:HEAD_BYTES], NOW_MS) in (path.parent.name, None), path


def send(client, here, data, **query):
    return client.post(f"{here}/import/file", data=data, query_string=query, content_type="application/octet-stream")


def test_a_file_is_guessed_looked_at_and_stored(client, here, rows):
    assert client.post(f"{here}/import/guess", data=AMPLITUDE[:1000]).json == {"source": "amplitude"}
    looked = send(client, here, AMPLITUDE, source="amplitude", dry_run="1").json
    assert (looked["imported"], looked["names"]) == (3000, [{"event_name": "a", "original": "a", "events": 3000}])
    assert rows() == []
    done = send(client, here, AMPLITUDE, source="amplitude", app_package="com.example.shop").json
    assert (done["imported"], done["duplicates"]) == (3000, 0)
    assert {row["app_package"] for row in rows()} == {"com.example.shop"}
    assert send(client, here, AMPLITUDE, source="amplitude", dry_run="1").json["duplicates"] == 3000


@pytest.mark.parametrize("dry_run", [{}, {"dry_run": "1"}])
def test_another_vendors_file_is_refused_and_told_for_what_it_is(client, here, rows, dry_run):
    answer = send(client, here, AMPLITUDE, source="mixpanel", **dry_run)
    assert answer.status_code == 400 and "look like amplitude" in answer.json["error"]
    assert rows() == []


@pytest.mark.parametrize(
    "query", [{}, {"source": "segment"}, {"source": "generic"}, {"source": "generic", "mapping": "{"},
              {"source": "ga4", "time_zone": "Mars"}, {"source": "ga4", "dry": "1"}],
)  # fmt: skip
def test_what_cannot_be_read_so_is_said_in_json(client, here, query):
    answer = send(client, here, AMPLITUDE, **query)
    assert answer.status_code == 400 and answer.json["code"] == 400 and answer.json["error"]


def test_progress_waits_until_the_whole_file_is_here(client, here, monkeypatch):
    monkeypatch.setattr("drengr.api.import_file._PROGRESS_S", 0)
    asked = {"source": "amplitude"}
    headers = {"Accept": "application/x-ndjson"}
    body = many(2000)
    lines = client.post(f"{here}/import/file", data=body, query_string=asked, headers=headers).data.splitlines()
    told = [orjson.loads(line) for line in lines]
    assert told[-1]["imported"] == 2000
    assert all(line["bytes"] == len(body) for line in told[:-1])


@pytest.mark.parametrize("path", ["import/guess", "import/file?source=amplitude"])
def test_whoever_is_not_signed_in_stores_nothing(client, tenant, rows, path):
    assert client.post(f"/ui/{tenant.project_id}/{path}", data=AMPLITUDE).status_code == 401
    assert rows() == []


def test_another_site_cannot_send_a_file(client, here, rows):
    headers = {"Sec-Fetch-Site": "cross-site"}
    answer = client.post(f"{here}/import/file?source=amplitude", data=AMPLITUDE, headers=headers)
    assert answer.status_code == 403 and rows() == []


def test_a_secret_key_alone_opens_no_upload_of_the_page(client, tenant):
    answer = client.post(f"/ui/{tenant.project_id}/import/file?source=amplitude", data=AMPLITUDE, headers=tenant.bearer)
    assert answer.status_code == 401


def test_the_lines_for_those_without_a_browser_name_this_service(client, here):
    page = client.get(f"{here}/import", base_url="http://localhost:8123").text
    assert "&#39;http://localhost:8123/import-events?source=amplitude&#39;" in page
    assert "drengr import export.zip --source amplitude --dry-run" in page
