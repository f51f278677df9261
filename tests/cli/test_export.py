"""`drengr export`: contract 9."""

import csv
import gzip
import json
import os
import stat
import subprocess
import sys
from contextlib import closing

import pytest
from click.testing import CliRunner

from drengr.admin.exports import COLUMNS
from drengr.cli import main
from drengr.store import open_store
from tests.admin import USER, event
from tests.conftest import NOW_MS
from tests.looking import events_in
from tests.service import command_environment

pytestmark = pytest.mark.both_stores


@pytest.fixture
def names():
    """Of the events that are there."""
    return ["e0", "e1", "e2"]


@pytest.fixture
def filled(make_location, names) -> str:
    """A database with two projects, both with events."""
    location = make_location()
    with closing(open_store(location)) as store:
        for project in ("shop", "other"):
            store.make_project(project)
            found = [
                event(event_name=name, event_id=name, occurred_at=NOW_MS + n, external_id=USER if n else None)
                for n, name in enumerate(names)
            ]
            store.add(store.find_project(project).id, found)
    return location


@pytest.fixture
def drengr(filled):
    runner = CliRunner(env={"DRENGR_DATABASE": filled})
    return lambda *words: runner.invoke(main, ["export", "--project", "shop", *words])


@pytest.fixture
def process(filled):
    """process(…, stdout=…) → a real `drengr export` that ended."""

    def run(*words: str, **more) -> subprocess.CompletedProcess:
        env = command_environment(filled)
        command = [sys.executable, "-m", "drengr", "export", "--project", "shop", *words]
        return subprocess.run(command, env=env, stderr=subprocess.PIPE, text=True, timeout=60, **more)

    return run


def rows(text: str) -> list[dict]:
    return [json.loads(line) for line in text.splitlines()]


def test_standard_output_has_the_rows_and_nothing_else(drengr, filled, names):
    result = drengr()
    assert result.exit_code == 0 and [row["event_name"] for row in rows(result.stdout)] == names
    assert [list(row) for row in rows(result.stdout)] == [list(COLUMNS)] * 3
    shown = events_in(filled, "ORDER BY id")[:3]
    assert [row["id"] for row in rows(result.stdout)] == [row["id"] for row in shown]
    assert result.stderr == "3 events\n"


def test_a_file_is_its_owner_s_alone(drengr, tmp_path, names):
    path = tmp_path / "events.ndjson"
    result = drengr("-o", str(path))
    assert (result.exit_code, result.stdout, result.stderr) == (0, "", f"3 events in {path}\n")
    assert [row["event_name"] for row in rows(path.read_text())] == names
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [each.name for each in tmp_path.iterdir()] == ["events.ndjson"]


def test_a_name_that_ends_in_gz_is_packed(drengr, tmp_path, names):
    path = tmp_path / "events.csv.gz"
    assert drengr("-o", str(path), "--format", "csv").exit_code == 0
    with gzip.open(path, "rt", newline="") as file:
        assert [row["event_name"] for row in csv.DictReader(file)] == names


@pytest.mark.parametrize(
    ("words", "found"),
    [
        (("--since", "2026-11-20T16:00:00.001Z"), "e1 e2"),
        (("--until", "2026-11-20T16:00:00.001Z"), "e0 e1"),
        (("--since", "2026-11-20", "--until", "2026-11-20"), "e0 e1 e2"),
        (("--event-name", "e1"), "e1"),
        (("--event-name", "E1"), "e1"),
        (("--external-id", USER.upper()), "e0 e1 e2"),  # with the device's anonymous ones (contract 8)
        (("--install-id", "device_1"), "e0"),
        (("--event-name", "e7"), ""),
    ],
)
def test_only_what_every_option_leaves_is_exported(drengr, words, found):
    result = drengr(*words)
    assert result.exit_code == 0 and [row["event_name"] for row in rows(result.stdout)] == found.split()


def test_a_name_of_which_there_is_nothing_is_compared_with_others(drengr):
    assert "Names that look like it" in drengr("--event-name", "e11").stderr


@pytest.mark.parametrize(
    "words", [("--external-id", "a", "--install-id", "b"), ("--since", "noon"), ("--format", "xml")]
)
def test_wrong_usage_is_a_two(drengr, words, tmp_path):
    assert drengr(*words, "-o", str(tmp_path / "x")).exit_code == 2
    assert list(tmp_path.iterdir()) == []


def test_without_a_project_named_there_must_be_only_one(filled):
    result = CliRunner(env={"DRENGR_DATABASE": filled}).invoke(main, ["export"])
    assert result.exit_code == 2 and "shop" in result.output


def test_an_older_export_is_replaced_only_by_a_whole_one(process, tmp_path, names):
    path = tmp_path / "events.ndjson"
    path.write_text("old")
    path.chmod(0o644)
    assert process("-o", str(path)).returncode == 0
    assert [row["event_name"] for row in rows(path.read_text())] == names
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def limited() -> None:
    """No file may grow past 100 bytes."""
    import resource
    import signal

    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))


@pytest.mark.sqlite
def test_a_full_disk_leaves_the_old_file_and_says_one_sentence(process, tmp_path, filled):
    with closing(open_store(filled, access="read")):  # the -wal and -shm are there: nothing else is written
        path = tmp_path / "events.ndjson"
        path.write_text("old")
        ran = process("-o", str(path), preexec_fn=limited)
    assert ran.returncode == 1 and path.read_text() == "old"
    assert ran.stderr == f"Error: {path} could not be written: File too large. The export is not whole.\n"
    assert [each.name for each in tmp_path.iterdir()] == ["events.ndjson"]


def test_a_full_output_is_one_sentence(process):
    with open("/dev/full", "w") as full:
        ran = process(stdout=full)
    assert ran.returncode == 1
    assert ran.stderr == "Error: The output could not be written: No space left on device. The export is not whole.\n"


def test_a_reader_that_left_is_one_sentence(process):
    reading, writing = os.pipe()
    os.close(reading)
    ran = process(stdout=writing)
    os.close(writing)
    assert ran.returncode == 1
    assert ran.stderr == "Error: Whoever reads the output has left; the export is not whole.\n"


@pytest.mark.parametrize("name", ["no/such/folder/events", "."])
def test_a_place_that_is_none_is_one_sentence(drengr, tmp_path, name):
    result = drengr("-o", str(tmp_path / name))
    assert result.exit_code == 1 and result.stderr.count("\n") == 1 and "could not be written" in result.stderr


def test_what_is_no_file_is_written_to_and_stays(drengr):
    assert drengr("-o", "/dev/null").exit_code == 0
    assert stat.S_ISCHR(os.stat("/dev/null").st_mode)


def test_the_file_behind_a_link_is_replaced(drengr, tmp_path, names):
    real, link = tmp_path / "real", tmp_path / "link"
    link.symlink_to(real)
    assert drengr("-o", str(link)).exit_code == 0
    assert link.is_symlink() and len(rows(real.read_text())) == len(names)


@pytest.mark.sqlite
@pytest.mark.parametrize("ending", ["", "-wal", "-shm"])
def test_the_database_is_no_place_for_its_export(drengr, filled, ending):
    with closing(open_store(filled, access="read")):
        result = drengr("-o", filled + ending)
    assert result.exit_code == 2 and "the database itself" in result.stderr
    assert len(events_in(filled)) == 6


def test_a_database_that_is_not_there_is_not_made(tmp_path):
    result = CliRunner(env={"DRENGR_DATABASE": str(tmp_path / "x.db")}).invoke(main, ["export"])
    assert result.exit_code == 2 and list(tmp_path.iterdir()) == []
