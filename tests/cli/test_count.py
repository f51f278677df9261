import pytest
from click.testing import CliRunner

from drengr.cli import main
from tests.admin import DAY_MS, event
from tests.conftest import NOW_MS


@pytest.fixture
def count(database_path, store, tenant):
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
            env={"DRENGR_DATABASE": str(database_path), "COLUMNS": "40"},
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


def test_one_name(count):
    assert count("--event-name", "e1").output == "3 events\n"
    assert count("--event-name", "e1", "--by", "day").output.count("\n") == 3
    assert count("--event-name", "nothing", "--by", "day").output == "0 events\n"


def test_since_may_be_so_long_ago(count):
    assert count("--since", "90d").exit_code == 0


@pytest.mark.parametrize("since", ["91d", "2020-01-01", "soon", "-1d"])
def test_a_window_that_cannot_be_counted_is_a_usage_error(count, since):
    refused = count("--since", since)
    assert refused.exit_code == 2 and "Error: " in refused.output
