"""POST /import-events?source=…&dry_run=1: what an import would do (contract 5, 12)."""

import gzip

import orjson
import pytest

from drengr.api import dry_run
from drengr.people.questions import Who
from tests.api.test_import_file import many, send, zipped

pytestmark = pytest.mark.both_stores


def row(name: str, insert_id: str, **over) -> bytes:
    row = {
        "event_type": name, "event_time": "2026-06-01 12:00:00", "device_id": "d", "$insert_id": insert_id, **over
    }  # fmt: skip
    return orjson.dumps(row) + b"\n"


FILE = (
    row("Order Completed", "1", event_properties={"email": "a@b.example", "plan": "pro"})
    + row("Order Completed", "2", event_time="2026-05-31 09:00:00")
    + row("Order Completed", "1")
    + row("signed_up", "3")
    + b'{"event_type": ""}\n'
)


def test_it_says_what_would_be_and_stores_nothing(client, tenant, rows, store):
    answer = send(client, tenant, FILE, dry_run="1")
    assert answer.status_code == 200
    assert answer.json == {
        "imported": 3, "skipped": 1, "duplicates": 1, "files": 1, "errors": ["event 4: missing event name"],
        "dry_run": True, "partial": False, "first": "2026-05-31T09:00:00.000Z", "last": "2026-06-01T12:00:00.000Z",
        "names": [
            {"event_name": "order_completed", "original": "Order Completed", "events": 3},
            {"event_name": "signed_up", "original": "signed_up", "events": 1},
        ],
        "dropped_keys": [{"key": "email", "word": "email", "count": 1}],
    }  # fmt: skip
    assert rows() == []
    client.application.extensions["drengr"].outcomes.flush()
    assert store.ledger(None, 0, 2**31) == store.problems(None) == []


def test_what_is_here_already_is_counted_as_duplicates(client, tenant):
    send(client, tenant, row("signed_up", "3") + row("other", "7f000000-0000-4000-8000-000000000001"))
    again = row("other", "7f000000-0000-4000-8000-000000000001")
    answer = send(client, tenant, FILE + again, dry_run="1").json
    assert (answer["imported"], answer["duplicates"], answer["skipped"]) == (2, 3, 1)


def test_what_another_project_has_is_new_here(client, tenant, make_tenant):
    send(client, make_tenant("other"), FILE)
    assert send(client, tenant, FILE, dry_run="1").json["imported"] == 3


def test_what_would_be_refused_is_skipped_with_the_reason_it_would_have(client, tenant, store):
    store.erase(tenant.project.id, Who("device", "d"), "api", patience_s=0)
    body = row("signed_up", "3") + row("signed_up", "5", device_id="e")
    looked, done = send(client, tenant, body, dry_run="1").json, send(client, tenant, body).json
    counts = ("imported", "skipped", "duplicates", "errors")
    assert [looked[each] for each in counts] == [done[each] for each in counts]
    assert looked["errors"] == ["event 0: its person was erased"] and looked["imported"] == 1
    assert looked["names"] == [{"event_name": "signed_up", "original": "signed_up", "events": 1}]


def test_what_is_older_than_is_kept_is_skipped(client, tenant, store):
    store.keep(tenant.project.id, 1)
    answer = send(client, tenant, row("old", "1", event_time="2026-01-01 00:00:00"), dry_run="1").json
    assert (answer["imported"], answer["skipped"]) == (0, 1)
    assert answer["errors"] == ["event 0: older than the 1 days that are kept"]


def test_another_vendors_file_is_told_for_what_it_is(client, tenant):
    answer = send(client, tenant, FILE, source="mixpanel", dry_run="1")
    assert answer.status_code == 400 and "look like amplitude" in answer.json["error"]


def test_of_a_part_the_row_that_is_cut_is_no_row(client, tenant):
    part = FILE[: FILE.index(b'{"event_type": ""}') - 30]
    for body, rows in ((part, 3), (b"[" + FILE.replace(b"\n", b",")[:-60], 2)):
        answer = send(client, tenant, body, dry_run="1", headers={"Content-Range": "bytes 0-1/2"}).json
        assert answer["partial"] and answer["skipped"] == 0 and answer["imported"] + answer["duplicates"] == rows


def test_a_gzip_that_is_cut_by_the_page_is_looked_into(client, tenant):
    packed = gzip.compress(many(5000))
    answer = send(client, tenant, packed[: len(packed) // 2], dry_run="1", headers={"Content-Range": "bytes 0-1/2"})
    assert answer.status_code == 200 and answer.json["partial"] and answer.json["imported"] > 500


def test_it_looks_at_the_beginning_of_what_is_larger(client, tenant, monkeypatch):
    monkeypatch.setattr("drengr.api.import_file.LOOKED_AT_BYTES", 200_000)
    answer = send(client, tenant, many(20_000), dry_run="1")
    assert answer.status_code == 200 and answer.json["partial"] and 0 < answer.json["imported"] < 20_000


def test_a_larger_zip_is_not_looked_into_and_says_so(client, tenant, monkeypatch):
    monkeypatch.setattr("drengr.api.import_file.LOOKED_AT_BYTES", 1000)
    answer = send(client, tenant, zipped({"a.json": many(20_000)}), dry_run="1")
    assert (answer.status_code, answer.json["error"]) == (400, dry_run.A_LARGE_ZIP)


def test_another_value_is_refused(client, tenant, rows):
    assert send(client, tenant, FILE, dry_run="yes").status_code == 400
    assert rows() == []
