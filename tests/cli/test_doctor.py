"""`drengr doctor`: each check warns or fails for real, and writes nothing: contract 11."""

import json
import os
import shutil
import sqlite3

import pytest
from click.testing import CliRunner

from drengr import checks
from drengr.admin.deletions import DeletionQuery
from drengr.cli import main
from drengr.people.questions import Who
from drengr.store import Problem, back_up
from drengr.store.clock import now_ms
from tests.admin import event
from tests.service import Service, free_port


@pytest.fixture
def ask(database_path, store, tenant):
    """ask(SETTING="…") → (exit code, findings by check)."""

    def run(**settings: str):
        env = {"DRENGR_DATABASE": str(database_path), "PORT": str(free_port()), "HOST": "127.0.0.1", **settings}
        result = CliRunner(env=env).invoke(main, ["doctor", "--json"])
        found = json.loads(result.output)
        assert found["status"] == {0: "ok", 1: "warn", 2: "fail"}[result.exit_code]
        return result.exit_code, {check["check"]: check for check in found["checks"]}

    return run


def test_a_healthy_service_is_all_right_but_for_the_missing_backup(tmp_path):
    with Service(tmp_path / "events.db") as service:
        (tmp_path / "drengr-keys.json").unlink(missing_ok=True)
        for file in tmp_path.glob("events.db*"):
            file.chmod(0o600)
        env = dict(service.environment())
        result = CliRunner(env=env).invoke(main, ["doctor", "--json"])
        found = {check["check"]: check["status"] for check in json.loads(result.output)["checks"]}
    assert {check for check, status in found.items() if status != "ok"} == {"backup"}
    assert result.exit_code == 1


def test_a_line_a_check_for_people(database_path, store):
    lines = CliRunner(env={"DRENGR_DATABASE": str(database_path)}).invoke(main, ["doctor"]).output.splitlines()
    assert all(line[:4].strip() in ("ok", "warn", "fail") for line in lines)
    assert {line.split()[1] for line in lines} >= {"settings", "rights", "disk", "wal", "integrity", "totals", "clock"}


def test_it_writes_nothing(ask, database_path, store):
    before = sorted(os.listdir(database_path.parent)), store.database.read("PRAGMA data_version")
    ask()
    assert (sorted(os.listdir(database_path.parent)), store.database.read("PRAGMA data_version")) == before


def test_an_unknown_setting_is_a_warning_and_an_unusable_one_a_failure(ask):
    assert ask(DRENGR_DATABSE="x")[1]["settings"]["status"] == "warn"
    code, found = ask(DRENGR_THREADS="many")
    assert (code, found["settings"]["status"]) == (2, "fail")
    assert "DRENGR_THREADS" in found["settings"]["message"]


def test_files_that_others_can_read_are_a_warning(ask, database_path):
    os.chmod(database_path, 0o644)
    assert ask()[1]["rights"]["status"] == "warn"
    assert "events.db" in ask()[1]["rights"]["message"]


@pytest.mark.skipif(os.geteuid() != 0, reason="Only root can give files away.")
def test_a_file_that_the_owner_of_the_folder_cannot_write_is_a_failure(ask, database_path):
    os.chown(database_path.parent, 65534, 65534)
    assert ask()[1]["rights"]["status"] == "fail"


@pytest.mark.parametrize(
    ("free", "status"), [(10 * 2**30, "ok"), (900 * 2**20, "warn"), (200 * 2**20, "fail")]
)  # fmt: skip
def test_a_disk_that_fills_up_is_said(ask, monkeypatch, free, status):
    usage = shutil.disk_usage("/")._replace(free=free)
    monkeypatch.setattr("shutil.disk_usage", lambda _: usage)
    assert ask()[1]["disk"]["status"] == status


@pytest.mark.parametrize(("days", "status"), [(40, "ok"), (20, "warn"), (1, "fail")])
def test_the_disk_is_measured_by_last_weeks_growth(ask, monkeypatch, store, tenant, database_path, days, status):
    store.add(tenant.project.id, [event(event_id=str(i), received_at=now_ms()) for i in range(70)])
    growth = os.path.getsize(database_path) / 7
    monkeypatch.setattr(checks, "_DISK_WARN", 0)
    monkeypatch.setattr(checks, "_DISK_FAIL", 0)
    usage = shutil.disk_usage("/")._replace(free=int(growth * days))
    monkeypatch.setattr("shutil.disk_usage", lambda _: usage)
    assert ask()[1]["disk"]["status"] == status


def test_events_that_were_deleted_again_are_no_growth(ask, monkeypatch, store, tenant, database_path):
    store.add(tenant.project.id, [event(event_id=str(i), received_at=now_ms()) for i in range(70)])
    store.delete_events(tenant.project.id, DeletionQuery(event_name="order_completed"))
    store.add(tenant.project.id, [event(event_id="stays", received_at=now_ms() + 1)])
    assert store.go_on_removing(10) and len(store.ledger(None, 0, 30_000)) == 1
    usage = shutil.disk_usage("/")._replace(free=os.path.getsize(database_path) * 40)
    monkeypatch.setattr(checks, "_DISK_WARN", 0)
    monkeypatch.setattr(checks, "_DISK_FAIL", 0)
    monkeypatch.setattr("shutil.disk_usage", lambda _: usage)
    assert ask()[1]["disk"]["status"] == "ok"


def test_a_wal_that_grows_is_a_warning(ask, monkeypatch, store, tenant):
    monkeypatch.setattr(checks, "_WAL_WARN", 1000)
    store.add(tenant.project.id, [event()])
    assert ask()[1]["wal"]["status"] == "warn"


def test_a_damaged_file_is_a_failure(ask, store, tenant, database_path):
    store.add(tenant.project.id, [event(event_id=str(i), dims='{"a":"%s"}' % ("x" * 200)) for i in range(2000)])
    store.commits.run(lambda connection: None)
    store.database.writing_connection().execute("PRAGMA wal_checkpoint(TRUNCATE)")
    with open(database_path, "r+b") as file:
        file.seek(4096 * 60)
        file.write(b"\xff" * 4096 * 20)
    assert ask()[1]["integrity"]["status"] == "fail"


def test_what_cannot_be_read_in_time_was_sound_in_the_last_backup(ask, monkeypatch, store, database_path, tmp_path):
    monkeypatch.setattr(checks, "_CHECK_S", 0.0)
    monkeypatch.setattr("drengr.store.sqlite.deadlines._STEPS", 1)
    found = ask()[1]["integrity"]
    assert (found["status"], "backup" in found["message"], "drengr verify" in found["advice"]) == ("ok", False, True)
    back_up(str(database_path), str(tmp_path / "copy.db"))
    found = ask()[1]["integrity"]
    assert found["status"] == "ok" and "Z was sound" in found["message"]


@pytest.mark.parametrize(("hours", "status"), [(1, "ok"), (25, "ok"), (27, "warn"), (None, "warn")])
def test_a_backup_that_is_too_old_or_was_never_made_is_a_warning(ask, store, hours, status):
    if hours is not None:
        made = (1, now_ms() - hours * 3_600_000, "/elsewhere/copy.db")
        store.commits.run(lambda connection: connection.execute("INSERT INTO backups VALUES (?, ?, ?)", made))
    found = ask()[1]["backup"]
    assert found["status"] == status and bool(found["advice"]) == (status == "warn")


def test_a_file_of_an_older_version_is_a_warning(ask, store):
    assert ask()[1]["versions"]["status"] == "ok"
    store.commits.run(lambda connection: connection.execute("DELETE FROM schema_migration WHERE name > '0011'"))
    found = ask()[1]
    assert (found["versions"]["status"], "drengr db migrate" in found["versions"]["advice"]) == ("warn", True)
    assert "older version" in found["versions"]["message"]


def test_a_file_of_a_newer_version_is_a_failure(ask, store):
    next_one = "INSERT INTO schema_migration SELECT 999, '9001_next', applied FROM schema_migration LIMIT 1"
    store.commits.run(lambda connection: connection.execute(next_one))
    code, found = ask()
    assert code == 2 and "newer version of Drengr (9001_next)" in found["integrity"]["message"]


def test_totals_and_a_ledger_that_are_not_the_events_are_failures(ask, store, tenant):
    store.add(tenant.project.id, [event(received_at=now_ms(), occurred_at=now_ms())])
    for harm in ("UPDATE hour_totals SET events = 9", "UPDATE ledger_days SET stored = 9"):
        store.commits.run(lambda connection, harm=harm: connection.execute(harm))
        assert ask()[1]["totals"]["status"] == "fail"
        store.repair(store.wrong_totals())
        assert ask()[1]["totals"]["status"] == "ok"


def test_a_file_with_keys_is_a_warning(ask, database_path):
    (database_path.parent / "drengr-keys.json").write_text("{}")
    assert ask()[1]["keys_file"]["status"] == "warn"


def test_an_event_from_the_future_is_a_warning(ask, store, tenant):
    store.add(tenant.project.id, [event(received_at=now_ms() + 3_600_000)])
    assert ask()[1]["clock"]["status"] == "warn"


def test_no_answer_is_a_failure_that_says_which_address_was_asked(ask):
    port = free_port()
    found = ask(PORT=str(port))[1]["service"]
    assert found["status"] == "fail"
    assert f"http://127.0.0.1:{port}/healthz" in found["message"]


@pytest.mark.parametrize("host", ["a b", "a\x1b[2J", "a..b", "999.1.1.1"])
def test_a_host_that_is_none_is_a_failure_and_no_traceback(ask, host):
    code, found = ask(HOST=host)
    assert (code, found["service"]["status"]) == (2, "fail")


def test_a_secret_key_in_an_app_is_a_failure(ask, store, tenant):
    at = now_ms()
    store.note({}, [Problem(tenant.project.id, "acceptor", "secret_key", "", "", "", "", 1, at, at)])
    assert ask()[1]["secret_key"]["status"] == "fail"


def test_a_network_share_is_a_warning(ask, monkeypatch):
    monkeypatch.setattr("drengr.store.sqlite.condition.network_share", lambda _: "nfs4")
    assert ask()[1]["filesystem"]["status"] == "warn"


def test_a_file_that_is_mounted_alone_is_a_warning(ask, monkeypatch):
    monkeypatch.setattr("drengr.store.sqlite.place.lies_alone_on_a_mount", lambda _: True)
    found = ask()[1]["filesystem"]
    assert (found["status"], found["advice"]) == ("warn", "Mount its folder instead.")


def test_a_database_that_is_not_there_is_a_failure(tmp_path):
    result = CliRunner(env={"DRENGR_DATABASE": str(tmp_path / "none.db")}).invoke(main, ["doctor", "--json"])
    assert result.exit_code == 2
    assert os.listdir(tmp_path) == []


def test_a_file_of_another_program_is_a_failure(tmp_path):
    with sqlite3.connect(tmp_path / "other.db") as connection:
        connection.execute("CREATE TABLE t (a)")
    connection.close()
    result = CliRunner(env={"DRENGR_DATABASE": str(tmp_path / "other.db")}).invoke(main, ["doctor", "--json"])
    assert result.exit_code == 2


def test_an_erasure_that_stands_still_is_a_warning(ask, store, tenant):
    store.add(tenant.project.id, [event(event_id=str(n)) for n in range(50)])
    store.erase(tenant.project.id, Who("user", "user_1"), "command", patience_s=0)
    assert ask()[1]["erasures"]["status"] == "ok"
    store.commits.run(lambda c: c.execute("UPDATE removals SET began_at = began_at - 4000000, worked_at = 0"))
    found = ask()[1]["erasures"]
    assert found["status"] == "warn" and "Start the service" in found["advice"]


def test_a_clock_that_jumped_is_a_warning_while_nothing_expires(ask, store, tenant):
    store.keep(tenant.project.id, 100)
    store.commits.run(lambda c: c.execute("UPDATE floors SET is_stopped = 1"))
    assert ask()[1]["clock"]["status"] == "warn"
    store.keep(tenant.project.id, 100)
    assert ask()[1]["clock"]["status"] == "ok"
