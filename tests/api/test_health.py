"""GET /healthz, and 503 for what the infrastructure does: contract 4, 7."""

import sqlite3
from contextlib import closing

import pytest

from tests.factories import amplitude_event, envelope

pytestmark = pytest.mark.both_stores


@pytest.fixture(autouse=True)
def _short_patience(monkeypatch):
    """Nobody waits eight seconds in a test."""
    monkeypatch.setattr("drengr.store.sqlite.group_commit.LONGEST_WAIT_S", 0.2)


@pytest.fixture
def send(client, tenant):
    """The answer to one new event."""
    return lambda: client.post("/batch", json=envelope(tenant.publishable_key, amplitude_event()))


def assert_unavailable(health, sent):
    assert health.status_code == sent.status_code == 503
    assert health.json["status"] != "ok" and health.json["error"]
    assert sent.json["code"] == 503 and isinstance(sent.json["error"], str)
    assert set(sent.json) == {"code", "error"}
    assert sent.headers["Access-Control-Allow-Origin"] == "*"


def test_it_is_ok_when_the_database_can_be_written(client, store):
    for _ in range(2):
        answer = client.get("/healthz")
        assert (answer.status_code, answer.json) == (200, {"status": "ok"})
    assert store.database.read("SELECT count(*) FROM heartbeat") == [(1,)]


@pytest.mark.parametrize("method", ["POST", "DELETE"])
def test_other_methods_are_405(door, method):
    answer = door.client.open("/healthz", method=method)
    assert (answer.status_code, answer.json) == (405, {"code": 405, "error": "method not allowed"})


@pytest.mark.sqlite
def test_a_write_lock_held_by_another_program_is_a_503_and_passes(client, send, rows, database_path):
    with closing(sqlite3.connect(database_path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        assert_unavailable(client.get("/healthz"), send())
        other.execute("ROLLBACK")
    assert (client.get("/healthz").status_code, send().status_code, len(rows())) == (200, 200, 1)


@pytest.mark.sqlite
def test_a_full_disk_is_a_503_and_passes(client, tenant, send, store, rows):
    writer = store.database.writing_connection()
    pages = writer.execute("PRAGMA page_count").fetchone()[0]
    writer.execute(f"PRAGMA max_page_count = {pages}")
    events = [amplitude_event(event_properties={f"k{n}": "v" * 200 for n in range(20)}) for _ in range(50)]
    large = client.post("/batch", json=envelope(tenant.publishable_key, *events))
    assert (large.status_code, large.json["code"], rows()) == (503, 503, [])
    writer.execute("PRAGMA max_page_count = 1000000")
    assert (client.get("/healthz").status_code, send().status_code, len(rows())) == (200, 200, 1)


def test_a_missing_table_is_a_503_and_nothing_is_stored(client, send, store, rows):
    store.commits.run(lambda connection: connection.execute("DROP TABLE hour_totals"))
    assert send().status_code == 503
    assert rows() == []


@pytest.mark.sqlite
def test_a_damaged_file_is_a_503(client, send, store, database_path):
    assert send().status_code == 200
    store.database.writing_connection().execute("PRAGMA wal_checkpoint(TRUNCATE)")
    store.database.close()
    size = database_path.stat().st_size
    with database_path.open("r+b") as file:
        file.seek(100)
        file.write(b"\xa5" * (size - 100))
    answer = send()
    assert (answer.status_code, answer.json["code"]) == (503, 503)
    assert client.get("/healthz").status_code == 503


def vanish(path):
    path.unlink()


def vanish_with_its_log(path):
    for ending in ("", "-wal", "-shm"):
        path.with_name(path.name + ending).unlink()


def replace(path):
    path.rename(path.with_name("old.db"))
    with closing(sqlite3.connect(path)) as other:
        other.execute("CREATE TABLE t (a)")


def lose_the_log(path):
    path.with_name(path.name + "-wal").unlink()


@pytest.mark.sqlite
@pytest.mark.parametrize("harm", [vanish, vanish_with_its_log, replace, lose_the_log])
def test_a_file_deleted_or_replaced_is_a_503_and_no_event_is_acknowledged(client, send, database_path, harm):
    assert send().status_code == 200
    harm(database_path)
    assert_unavailable(client.get("/healthz"), send())
    assert "deleted or replaced" in client.get("/healthz").json["error"]


def test_every_place_taken_is_a_quick_503(client, send, app):
    gate = app.extensions["drengr"].gate
    held = [gate.at_work() for _ in range(16)]
    for place in held:
        place.__enter__()
    assert send().status_code == 503
    for place in held:
        place.__exit__(None, None, None)
    assert send().status_code == 200
