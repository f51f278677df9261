import json

import pytest
from click.testing import CliRunner

from drengr.cli import main
from tests.admin import DAY_MS, event
from tests.conftest import NOW_MS

pytestmark = pytest.mark.both_stores


@pytest.fixture
def count(location, store, tenant):
    """count("--by", "day") → the finished command, over four days of November."""
    days = [0, 0, 0, 0, 1, 2, 2]
    store.add(
        tenant.project.id, [event(occurred_at=NOW_MS - n * DAY_MS, event_name=f"e{min(n, 1)}") for n in days]
    )
    window = ("--since", "2026-11-17", "--until", "2026-11-21")

    def run(*words: str):
        return CliRunner().invoke(
            main,
            ["count", *(window if "--since" not in words else ()), *words],
            env={"DRENGR_DATABASE": location, "COLUMNS": "40"},
        )

    return run


def test_the_total_alone(count):
    assert count().output == "7 events\n"


def test_days_with_bars(count):
    assert count("--by", "day").output.splitlines() == [
        f"2026-11-18  2  {'█' * 12}▌",
        f"2026-11-19  1  {'█' * 6}▎",
        f"2026-11-20  4  {'█' * 25}",
        "7 events",
    ]


def test_names_the_most_frequent_first(count):
    assert [line.split()[:2] for line in count("--by", "event_name").output.splitlines()] == [
        ["e0", "4"],
        ["e1", "3"],
        ["7", "events"],
    ]


def test_events_of_one_name_are_counted(count):
    assert count("--event-name", "e1").output == "3 events\n"
    assert count("--event-name", "e1", "--by", "day").output.count("\n") == 3
    assert count("--event-name", "nothing", "--by", "day").output == "0 events\n"


def test_a_name_is_looked_up_as_people_write_it(count, store, tenant):
    """Live events are stored under the folded name, the admin door's as they were posted."""
    folded = count("--event-name", "E 1", "--json")
    assert json.loads(folded.stdout) == {"total": 0}
    store.add(tenant.project.id, [event(event_name="order_completed", occurred_at=NOW_MS - DAY_MS)] * 3)
    assert count("--event-name", "Order Completed").stdout == "3 events\n"
    assert "order_completed" in count("--event-name", "Order Completed").stderr
    store.add(tenant.project.id, [event(event_name="Order Completed", occurred_at=NOW_MS - DAY_MS)])
    assert count("--event-name", "Order Completed").output == "1 events\n"


def test_a_name_that_is_nearly_one_is_told(count, store, tenant):
    store.add(tenant.project.id, [event(event_name="order_completed")])
    for misspelt in ("order_complete", "Ordr Completed"):
        missed = count("--event-name", misspelt)
        assert missed.stdout == "0 events\n" and "order_completed" in missed.stderr


def test_json_is_what_the_api_answers(count, client, tenant):
    counted = json.loads(count("--by", "day", "--json").output)
    asked = {"since": "2026-11-17", "until": "2026-11-21", "group_by": "day"}
    url = f"/admin/projects/{tenant.project_id}/events/count"
    assert counted == client.get(url, query_string=asked, headers=tenant.bearer).json["data"]
    assert json.loads(count("--json").output) == {"total": 7}


def test_until_as_a_date_is_that_whole_day(count):
    assert count("--since", "2026-11-20", "--until", "2026-11-20").output == "4 events\n"


def test_the_own_file_is_counted_over_any_time(count):
    assert count("--since", "2020-01-01", "--until", "2026-11-21").output == "7 events\n"
    assert count("--since", "91d").exit_code == 0


@pytest.mark.parametrize("words", [("--event-name", "caf\udce9"), ("--project", "\udcff"), ("--since", "\udcff")])
def test_bytes_that_are_no_utf_8_end_in_no_traceback(count, words):
    assert isinstance(count(*words).exception, SystemExit | None)


@pytest.mark.parametrize("since", ["soon", "-1d", "2027-01-01"])
def test_a_window_that_cannot_be_counted_is_a_usage_error(count, since):
    refused = count("--since", since)
    assert refused.exit_code == 2 and "Error: " in refused.output
