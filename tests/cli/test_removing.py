"""`drengr person erase|export`, `drengr events delete`, `drengr project keep` (contract 9)."""

import json

import pytest

from drengr.cli.removing import worked_off
from tests.admin import DAY_MS, event
from tests.conftest import NOW_MS


@pytest.fixture
def shop(drengr, store, make_tenant):
    project = make_tenant("shop").project
    store.add(project.id, [event(event_id=f"u{n % 2} {n}", external_id=f"u{n % 2}", install_id=f"d{n % 2}",
                                 occurred_at=NOW_MS - n * DAY_MS) for n in range(10)])  # fmt: skip
    return project


def events_of(drengr) -> int:
    return len(drengr("export").stdout.splitlines())


@pytest.mark.parametrize(
    "words",
    [
        ("person", "erase", "u1"),
        ("events", "delete", "--event-name", "order_completed"),
        ("project", "keep", "shop", "1d"),
    ],
    ids=" ".join,
)
def test_without_a_terminal_and_yes_nothing_is_done(drengr, shop, words):
    ended = drengr(*words)
    assert ended.exit_code == 2 and "--yes" in ended.stderr
    shown = drengr(*words, "--dry-run")
    assert shown.exit_code == 0 and "would go" in shown.stderr
    assert events_of(drengr) == 10


def test_a_person_is_exported_and_erased(drengr, shop):
    taken = [json.loads(line) for line in drengr("person", "export", "u1").stdout.splitlines()]
    assert {row["external_id"] for row in taken} == {"u1"} and len(taken) == 5
    ended = drengr("person", "erase", "u1", "--yes")
    assert (ended.exit_code, ended.stdout) == (0, "Erased 5 events; receipt 1.\n")
    assert events_of(drengr) == 5 and drengr("person", "show", "u1").exit_code == 1
    assert drengr("verify").exit_code == 0


def test_a_device_of_one_user_names_the_user(drengr, shop):
    said = drengr("person", "erase", "d0", "--device", "--dry-run").stderr
    assert "0 events would go" in said


def test_events_are_deleted_by_every_condition(drengr, shop):
    assert drengr("events", "delete", "--yes").exit_code == 2
    ended = drengr("events", "delete", "--event-name", "Order Completed", "--until", "2026-11-15", "--yes")
    assert ended.exit_code == 0 and ended.stdout == "5 events are gone.\n"
    assert events_of(drengr) == 5 and drengr("verify").exit_code == 0


@pytest.mark.parametrize("days", ["0d", "12", "-1d", "one", "9999999d"])
def test_what_is_no_number_of_days_is_refused(drengr, shop, days):
    assert drengr("project", "keep", "shop", "--", days).exit_code == 2


def test_a_project_keeps_events_for_some_days(drengr, shop):
    ended = drengr("project", "keep", "shop", "10d", "--yes")
    assert ended.exit_code == 0 and "kept for 10 days" in ended.stdout
    assert 0 < events_of(drengr) < 10
    assert json.loads(drengr("project", "list", "--json").stdout)[-1]["keep_days"] == 10
    assert "kept for ever" in drengr("project", "keep", "shop", "forever").stdout


def test_progress_is_told_when_it_changes(store, monkeypatch, capsys):
    monkeypatch.setattr("drengr.cli.removing._LEAST_STEP_S", 0)
    told = iter(["1 of 2.", "2 of 2.", "2 of 2.", "2 of 2.", ""])
    left = [True] * 5
    worked_off(store, lambda: not left, lambda: (left.pop(), next(told))[1])
    assert capsys.readouterr().err == "1 of 2.\n2 of 2.\nWaiting for what was under way when it began.\n"
