"""Every way to start, and the commands that know what lies below, with DRENGR_DATABASE=postgresql://…: contract 13."""

import json

import pytest
from click.testing import CliRunner

from drengr.cli import main
from drengr.store.clock import now_ms
from tests.admin import event
from tests.cli.test_serve import WAYS, output_of, post, running
from tests.cli.test_serve import event as hello
from tests.looking import read
from tests.service import free_port


@pytest.fixture
def ask(url, tmp_path):
    """ask("doctor") → click's result."""
    env = {"DRENGR_DATABASE": url, "DRENGR_FOLDER": str(tmp_path), "HOST": "127.0.0.1", "PORT": str(free_port())}
    return lambda *words, **more: CliRunner(env=env).invoke(main, words, env=more)


@pytest.mark.parametrize("start", WAYS.values(), ids=WAYS)
def test_every_way_to_start_serves_the_same(url, tmp_path, start):
    folder = tmp_path / "empty"
    folder.mkdir()
    settings = {"DRENGR_DATABASE": url, "DRENGR_FOLDER": str(folder), "WEB_CONCURRENCY": "2"}
    with running(start, folder, **settings) as (address, process):
        key = json.loads((folder / "drengr-keys.json").read_text())["publishable_key"]
        assert post(address + "/amplitude-ingest", hello(key))[0] == 200
    assert process.returncode == 0
    assert read(url, "SELECT event_name, person FROM events_and_people") == [("hello", "me")]
    printed = output_of(folder)
    assert "Traceback" not in printed and "pass-word" not in printed
    assert [path.name for path in folder.iterdir()] == ["drengr-keys.json"]


def test_doctor_finds_a_healthy_service_all_right(url, ask, tmp_path):
    folder = tmp_path / "empty"
    folder.mkdir()
    with running(WAYS["drengr"], folder, DRENGR_DATABASE=url, DRENGR_FOLDER=str(folder)) as (address, _):
        (folder / "drengr-keys.json").unlink()
        host, _, port = address.removeprefix("http://").partition(":")
        done = ask("doctor", "--json", HOST=host, PORT=port, DRENGR_FOLDER=str(folder))
    found = {check["check"]: (check["status"], check["message"]) for check in json.loads(done.output)["checks"]}
    assert {check for check, (status, _) in found.items() if status != "ok"} <= {"backup"}, found
    assert found["service"][0] == found["totals"][0] == "ok"
    assert "pass-word" not in done.output


def test_doctor_fails_for_wrong_totals_and_a_service_that_does_not_answer(store, project, ask):
    store.add(project.id, [event(occurred_at=now_ms(), received_at=now_ms())])
    store.database.run(lambda connection: connection.execute("UPDATE ledger_days SET stored = 7, received = 7"))
    done = ask("doctor", "--json")
    found = {check["check"]: check["status"] for check in json.loads(done.output)["checks"]}
    assert done.exit_code == 2 and found["service"] == found["totals"] == "fail"


@pytest.mark.parametrize("words", [("backup", "FILE"), ("restore", "FILE"), ("backup", "FILE/", "--keep", "3")])
def test_backup_and_restore_name_what_does_it_here(tmp_path, words):
    """Nobody need reach the database to say so."""
    target = tmp_path / "file.db"
    env = {"DRENGR_DATABASE": "postgresql://nobody:secret@203.0.113.1/x", "DRENGR_FOLDER": str(tmp_path)}
    if words[0] == "restore":
        target.write_bytes(b"a backup")
    done = CliRunner(env=env).invoke(main, [word.replace("FILE", str(target)) for word in words])
    assert done.exit_code not in (0, None) and "Traceback" not in done.output
    assert "pg_dump" in done.output and "pgBackRest" in done.output and "secret" not in done.output
    assert len(done.output.strip().splitlines()) == 1
