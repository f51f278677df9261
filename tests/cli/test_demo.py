"""`drengr demo`: the month that it makes, and what it leaves alone. That it fills a file is seen in tests/page."""

import pytest
from click.testing import CliRunner

from drengr.cli import main
from drengr.cli.demo_shop import DAYS, EVENTS, rows
from drengr.events.times import DAY_MS
from tests.conftest import NOW_MS


@pytest.mark.parametrize("now_ms", [NOW_MS, NOW_MS // DAY_MS * DAY_MS, NOW_MS // DAY_MS * DAY_MS + DAY_MS - 1])
def test_a_month_of_a_shop_is_whole_at_every_time_of_the_day(now_ms):
    times = [row["time"] for row in rows(now_ms)]
    assert len(times) == EVENTS and times == sorted(times)
    assert times[-1] < now_ms
    days = {time // DAY_MS for time in times}
    assert len(days) >= DAYS - 1 and min(days) == now_ms // DAY_MS - DAYS + 1


def test_every_run_makes_the_same_shop():
    assert list(rows(NOW_MS))[:500] == list(rows(NOW_MS))[:500]


@pytest.mark.parametrize("is_link", [False, True])
def test_a_file_that_is_there_is_left_alone(tmp_path, is_link):
    there = tmp_path / "demo.db"
    there.symlink_to("nowhere") if is_link else there.write_text("mine")
    done = CliRunner().invoke(main, ["demo", str(there)])
    assert done.exit_code == 2 and "is there already" in done.output
    assert there.is_symlink() if is_link else there.read_text() == "mine"


def test_a_demo_is_made_in_a_file_only():
    done = CliRunner().invoke(main, ["demo", "postgresql://localhost/demo"])
    assert done.exit_code == 2 and "made in a file" in done.output


def test_a_demo_that_is_ended_leaves_nothing(tmp_path, monkeypatch):
    def end(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("drengr.cli.demo._trouble", end)
    monkeypatch.setattr("drengr.cli.demo.rows", lambda now: iter(()))
    assert CliRunner().invoke(main, ["demo", str(tmp_path / "demo.db")]).exit_code == 1
    assert list(tmp_path.iterdir()) == []
