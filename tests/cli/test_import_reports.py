"""Small inputs after public reports of collectors and importers: each through the door and by the command."""

import gzip
import io
import json
import zipfile
from typing import NamedTuple

import pytest

from tests.conftest import shared_data

ROW = '{"event_type":"Buy","event_time":"2025-10-09 08:53:0%d","device_id":"D","$insert_id":"k%d"}\n'


class Report(NamedTuple):
    """A file and what becomes of it; `said` is in the error, or in the first reason."""

    name: str
    data: bytes
    source: str
    stored: int
    skipped: int = 0
    status: int = 200
    said: str = ""
    time_zone: str | None = None


def given(name: str) -> bytes:
    return shared_data("reports", name).read_bytes()


def zipped(**members: bytes) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name, data in members.items():
            archive.writestr(f"{name}.json.gz", data)
    return file.getvalue()


def rows(first: int, count: int) -> bytes:
    return "".join(ROW % (number % 10, number) for number in range(first, first + count)).encode()


CUT = gzip.compress(rows(0, 50), mtime=0)
REPORTS = [
    Report("11-open-quote.csv", given("11-open-quote.csv"), "amplitude", 99, 1, said="quote"),
    Report("13-concatenated.json", given("13-concatenated.json"), "amplitude", 5),
    Report("16-cut.json.gz", CUT[:-8], "amplitude", 50, 0, 400, "ends in the middle"),
    Report("16-bad-checksum.json.gz", CUT[:-8] + bytes(8), "amplitude", 50, 0, 400, "checksum"),
    Report(
        "17-stub.zip",
        zipped(a=gzip.compress(rows(0, 1)), b=b"\x1f\x8b\x08\0\0\0\0\0\0\3", c=gzip.compress(rows(2, 1))),
        "amplitude", 2, 0, 400, "b.json.gz",
    ),
    Report("32-posthog-ui.csv", given("32-posthog-ui.csv"), "posthog", 0, 1, 400, "`*.distinct_id`"),
    Report("33-posthog-page.json", given("33-posthog-page.json"), "posthog", 0, 1, 400, "`results`"),
    Report("35-mixpanel-terminated.ndjson", given("35-mixpanel-terminated.ndjson"), "mixpanel", 2, 1, 400, "early"),
    Report(
        "38-mixpanel-local-time.ndjson", given("38-mixpanel-local-time.ndjson"), "mixpanel", 1,
        time_zone="America/Los_Angeles",
    ),
    Report("41-null-markers.csv", given("41-null-markers.csv"), "amplitude", 5),
    Report("44-csv-more-cells.csv", given("44-csv-more-cells.csv"), "amplitude", 0, 1, 400, "quote"),
    Report("56-array.jsonl", b"[%s,%s]" % tuple(rows(0, 2).splitlines()), "amplitude", 2),
]  # fmt: skip
each = pytest.mark.parametrize("report", REPORTS, ids=lambda report: report.name)


@each
def test_through_the_door(report, client, tenant):
    query = {"source": report.source} | ({"time_zone": report.time_zone} if report.time_zone else {})
    kind = {"Content-Type": "text/csv"} if report.name.endswith(".csv") else {}
    answer = client.post("/import-events", data=report.data, headers={**tenant.bearer, **kind}, query_string=query)
    assert (answer.status_code, answer.json["imported"], answer.json["skipped"]) == (
        report.status, report.stored, report.skipped,
    ), answer.json  # fmt: skip
    assert report.said in json.dumps(answer.json)


@pytest.mark.parametrize("marker", ["NULL", "null", "None", "nan", "\\N"])
def test_a_null_marker_is_nobody_s_id(marker, client, tenant, rows):
    data = given("41-null-markers.csv").replace(b"NULL", marker.encode())
    client.post("/import-events", data=data, headers=tenant.bearer, query_string={"source": "amplitude"})
    assert [row["external_id"] for row in rows()] == [None] * 5


@each
def test_by_the_command(report, drengr, tmp_path):
    assert drengr("project", "create", "shop").exit_code == 0
    path = tmp_path / report.name
    path.write_bytes(report.data)
    zone = ["--time-zone", report.time_zone] if report.time_zone else []
    done = drengr("import", str(path), "--source", report.source, "--json", *zone)
    answer = json.loads(done.stdout)
    assert (done.exit_code, answer["total"]["imported"], answer["total"]["skipped"]) == (
        0 if report.status == 200 else 4, report.stored, report.skipped,
    ), done.output  # fmt: skip
    assert report.said in done.output
