"""GET /metrics: one answer for all workers, read by Prometheus's own parser: contract 11."""

import pytest
from prometheus_client.parser import text_string_to_metric_families

from drengr.store import Account
from tests.admin import event
from tests.conftest import NOW_MS

pytestmark = pytest.mark.both_stores

TOKEN = {"Authorization": "Bearer t0ken"}


@pytest.fixture
def settings():
    return {"DRENGR_METRICS_TOKEN": "t0ken"}


@pytest.fixture
def samples(client):
    """samples() → {(name, ((label, value), …)): number}, by the reference parser."""

    def read() -> dict:
        answer = client.get("/metrics", headers=TOKEN)
        assert answer.status_code == 200
        assert answer.content_type == "text/plain; version=0.0.4; charset=utf-8"
        families = text_string_to_metric_families(answer.text)
        return {
            (sample.name, tuple(sorted(sample.labels.items()))): sample.value
            for family in families
            for sample in family.samples
        }

    return read


def test_without_the_right_token_there_is_nothing_to_see(client):
    assert client.get("/metrics").status_code == 401
    assert client.get("/metrics", headers={"Authorization": "Bearer other"}).json == {
        "code": 401, "error": "invalid metrics token",
    }  # fmt: skip


def test_the_events_are_the_ledgers(samples, store, tenant):
    account = Account("importer", 5, {"no_id": 2})
    store.add(tenant.project.id, [event(event_id=i, source="ga4") for i in ("a", "b", "a")], account)
    found = samples()
    of = (("door", "importer"), ("project", tenant.project_id))
    assert found["drengr_events_received_total", of] == 5
    assert found["drengr_events_stored_total", of] == 2
    assert found["drengr_events_duplicates_total", of] == 1
    assert found["drengr_events_dropped_total", (*of[:1], *of[1:], ("reason", "no_id"))] == 2
    assert found["drengr_last_event_timestamp_seconds", of] == NOW_MS / 1000


def test_requests_are_counted_by_door_and_status(client, samples, tenant):
    key = ("drengr_http_requests_total", (("code", "400"), ("door", "acceptor")))
    before = samples().get(key, 0)
    client.post("/amplitude-ingest", json={"api_key": "x", "events": []})
    client.post("/batch", json={"api_key": "x", "events": []})
    assert samples()[key] == before + 2


def test_durations_and_commits_are_histograms_that_end_in_their_count(client, samples, tenant):
    client.post("/amplitude-ingest", json={
        "api_key": tenant.publishable_key, "events": [{"event_type": "a", "user_id": "u"}],
    })  # fmt: skip
    found = samples()
    for name, labels in (
        ("drengr_http_request_duration_seconds", (("door", "acceptor"),)),
        ("drengr_commit_duration_seconds", ()),
    ):
        infinite = tuple(sorted((*labels, ("le", "+Inf"))))
        assert found[f"{name}_bucket", infinite] == found[f"{name}_count", labels] >= 1
        assert found[f"{name}_sum", labels] > 0


@pytest.mark.sqlite
def test_the_file_and_its_disk_are_measured(samples, store, tenant):
    found = samples()
    assert found["drengr_database_bytes", (("file", "db"),)] > 0
    assert found["drengr_database_bytes", (("file", "wal"),)] >= 0
    assert found["drengr_disk_free_bytes", ()] > 0
    assert found["drengr_backup_last_success_timestamp_seconds", ()] == 0


def test_a_database_that_cannot_be_read_leaves_out_what_it_counts(client, store, tenant, samples):
    store.commits.run(lambda connection: connection.execute("ALTER TABLE ledger_days RENAME TO gone"))
    found = samples()
    assert ("drengr_events_stored_total", (("door", "importer"),)) not in found
    assert any(name == "drengr_build_info" for name, _ in found)


def test_no_label_holds_what_a_stranger_sent(client, samples, tenant):
    client.post("/amplitude-ingest/evil%22path", data=b"{}", headers={"User-Agent": "evil"})
    client.open("/amplitude-ingest", method="EVIL")
    assert "evil" not in repr(samples()).lower()
