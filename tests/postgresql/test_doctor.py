"""`drengr doctor` on PostgreSQL: what it can see from here, and nothing that only a file has: contracts 11, 13."""

import json

import pytest
from click.testing import CliRunner

from drengr.cli import main
from drengr.store import Problem
from drengr.store.clock import now_ms
from tests.admin import event
from tests.service import free_port


@pytest.fixture
def ask(url, tmp_path):
    """ask() → (exit code, findings by check)."""

    def run():
        env = {"DRENGR_DATABASE": url, "DRENGR_FOLDER": str(tmp_path), "PORT": str(free_port()), "HOST": "127.0.0.1"}
        result = CliRunner(env=env).invoke(main, ["doctor", "--json"])
        return result.exit_code, {check["check"]: check for check in json.loads(result.output)["checks"]}

    return run


def test_every_check_answers(ask, project):
    found = ask()[1]
    wrong = {check for check, finding in found.items() if finding["status"] != "ok"}
    assert wrong == {"service"} and {"integrity", "totals", "disk", "wal", "versions"} <= found.keys()
    assert not [finding for finding in found.values() if "cannot be looked at" in finding["message"]]


def test_wrong_totals_a_future_event_and_a_secret_key_in_an_app_are_told(ask, store, project):
    store.add(project.id, [event(received_at=now_ms() + 3_600_000, occurred_at=now_ms())])
    store.note({}, [Problem(project.id, "acceptor", "secret_key", "", "", "", "", 1, now_ms(), now_ms())])
    store.database.run(lambda connection: connection.execute("UPDATE ledger_days SET stored = 9"))
    found = ask()[1]
    told = {check: found[check]["status"] for check in ("totals", "clock", "secret_key")}
    assert told == {"totals": "fail", "clock": "warn", "secret_key": "fail"}


def test_a_database_without_tables_or_that_is_away_is_a_failure_without_its_url(ask, url):
    code, found = ask()
    assert (code, found["integrity"]["status"]) == (2, "fail")
    assert url not in json.dumps(found)
