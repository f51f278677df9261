"""`drengr ledger`: every row accounted for, on one screen: contract 10."""

import json

import pytest
from click.testing import CliRunner

from drengr.cli import main
from drengr.events.times import DAY_MS
from drengr.store import NO_PROJECT, Account, Problem
from drengr.store.clock import now_ms
from tests.admin import event

pytestmark = pytest.mark.both_stores


@pytest.fixture
def ledger(location, store, tenant, make_tenant):
    now = now_ms()
    today = now // DAY_MS
    events = [event(event_id=i, source="ga4", received_at=now) for i in ("a", "b", "a")]
    store.add(tenant.project.id, events, Account("importer", 1_005, {"bad_time": 1_002}))
    store.add(make_tenant("other\x1b[31m").project.id, [event(received_at=now)])
    store.note({(NO_PROJECT, today, "acceptor"): {"refused_bad_key": 7}}, [
        Problem(NO_PROJECT, "acceptor", "bad_key", "", "amplitude-ts", "2.1", "drengr_pk_ab", 7, now, now),
        Problem(tenant.project.id, "importer", "bad_time", "order\x1bed", "", "", "", 1_002, now, now),
    ])  # fmt: skip
    runner = CliRunner(env={"DRENGR_DATABASE": location})
    return lambda *words: runner.invoke(main, ["ledger", *words])


def test_every_project_and_nobody_has_its_lines(ledger):
    lines = ledger().output.splitlines()
    assert lines[0].split() == ["day", "project", "door", "received", "stored", "duplicates", "dropped", "refused"]
    assert [line.split()[1] for line in lines[1:4]] == ["-", "shop", "other\\x1b[31m"]
    assert "1,005       2           1    1,002        0  (1,002 bad_time)" in lines[2]
    assert "(7 bad_key)" in lines[1]


def test_a_problem_says_what_how_often_and_whose_and_steers_no_terminal(ledger):
    output = ledger().output
    assert "7 times bad_key, key drengr_pk_ab…, from amplitude-ts 2.1" in output
    assert '1,002 times bad_time, event "order\\x1bed"' in output
    assert "\x1b" not in output


def test_one_project_is_asked_for_by_name(ledger):
    found = json.loads(ledger("--project", "shop", "--json").output)
    assert [(day["project"], day["received"]) for day in found["days"]] == [("shop", 1_005)]
    assert [problem["reason"] for problem in found["problems"]] == ["bad_time"]


def test_an_unknown_project_and_a_window_that_is_too_long_are_usage_errors(ledger):
    assert ledger("--project", "nobody").exit_code == 2
    assert "RANGE_TOO_LARGE" in ledger("--since", "2020-01-01").output


def test_days_without_anything_say_so(ledger):
    assert ledger("--since", "2026-01-01", "--until", "2026-01-02").output == "Nothing came in these days.\n" + "".join(
        f"{line}\n" for line in ledger().output.splitlines()[4:]
    )
