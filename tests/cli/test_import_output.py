"""What `drengr import` prints changes nothing of what it does; how far it is, with a terminal and without."""

import os
import pty
import re
import subprocess
import sys

import pytest

from drengr.cli import import_report
from tests.service import Service

GOOD = '{"event_type":"a","event_time":"2026-06-01","device_id":"d","$insert_id":"%s"}\n'


@pytest.fixture
def shop(tmp_path):
    """A database with one project, and no service that runs on it."""
    shop = Service(tmp_path / "events.db")
    shop.project("shop")
    return shop


@pytest.fixture
def export(tmp_path):
    file = tmp_path / "a.json"
    file.write_text("".join(GOOD % number for number in range(6000)) + "broken\n")
    return file


@pytest.mark.parametrize(
    "to", ["> /dev/full", "2> /dev/full", "> /dev/full 2>&1", ">&-", "2>&-", ">&- 2>&-", "| true", "2>&1 | true"]
)
@pytest.mark.parametrize(("data", "code"), [(None, 0), ('{"error":"rate limited"}', 4)])
def test_output_that_cannot_be_written_changes_neither_what_is_stored_nor_the_exit_code(data, code, to, shop, export):
    export.write_text(data or "".join(GOOD % number for number in range(50)) + "broken\n")
    script = f'{{ "$0" -m drengr import "$1" --source amplitude; echo $? > "$1.code"; }} {to}'
    subprocess.run(["sh", "-c", script, sys.executable, str(export)], env=shop.environment(), timeout=60)
    assert int(export.with_name("a.json.code").read_text()) == code
    assert len(shop.events()) == (0 if data else 50)


def test_without_a_terminal_a_line_is_told_now_and_then(drengr, tmp_path, monkeypatch, export):
    monkeypatch.setattr(import_report, "LINE_EVERY_S", 0.0)
    assert drengr("project", "create", "shop").exit_code == 0
    done = drengr("import", str(export), "--source", "amplitude")
    assert re.search(r"a\.json: 6,\d\d\d rows in \d+ s, 100 %", done.stderr), done.stderr


def test_on_a_terminal_there_is_a_bar(shop, export):
    ours, theirs = pty.openpty()
    done = subprocess.Popen(
        [sys.executable, "-m", "drengr", "import", str(export), "--source", "amplitude"],
        env=dict(shop.environment()), stdout=subprocess.DEVNULL, stderr=theirs,
    )  # fmt: skip
    os.close(theirs)
    told = b""
    while piece := _read(ours):
        told += piece
    os.close(ours)
    assert done.wait(60) == 0
    assert b"100%" in told and b"rows/s" in told


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 65536)
    except OSError:  # Linux says so when nobody has the other side open
        return b""


def test_a_terminal_that_goes_away_stops_nothing(shop, export):
    ours, theirs = pty.openpty()
    done = subprocess.Popen(
        [sys.executable, "-m", "drengr", "import", str(export), "--source", "amplitude"],
        env=dict(shop.environment()), stdout=theirs, stderr=theirs,
    )  # fmt: skip
    os.close(theirs)
    os.close(ours)
    assert done.wait(60) == 0
    assert len(shop.events()) == 6000
