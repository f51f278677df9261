"""What commands print: nothing raw of strangers, and nothing that fails with the output."""

import json
import os
import pty
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from drengr.cli.printing import shown
from tests.admin import event
from tests.service import command_environment

SAYS = "from drengr.cli.printing import say; say('one ä'); say('two', err=True); say('three'); raise SystemExit(5)"


@pytest.mark.parametrize(
    ("text", "harmless"),
    [
        ("plain Text 1", "plain Text 1"),
        ("Größe 大 🙂", "Größe 大 🙂"),
        ("a\x1b]0;title\x07b", "a\\x1b]0;title\\x07b"),
        ("a\nb\rc\td\x7f", "a\\x0ab\\x0dc\\x09d\\x7f"),
        ("\x9b2J", "\\x9b2J"),
        ("\u202egnp.exe", "\\u202egnp.exe"),
        ("\udcff\ud800", "\\xff\\ud800"),
        (7, "7"),
    ],
)
def test_what_is_not_printable_stands_as_its_escape(text, harmless):
    assert shown(text) == harmless


@pytest.mark.parametrize("to", ["> /dev/full", "2> /dev/full", "> /dev/full 2>&1", ">&-", "2>&-", ">&- 2>&-"])
def test_output_that_cannot_be_written_changes_neither_the_work_nor_the_exit_code(to):
    done = subprocess.run(["sh", "-c", f'exec "$0" -c "{SAYS}" {to}', sys.executable], capture_output=True, text=True)
    assert done.returncode == 5
    assert "Traceback" not in done.stderr and "Exception" not in done.stderr
    assert ("three" in done.stdout) == to.startswith("2>")


def test_a_terminal_of_ascii_is_told_all_the_same():
    done = subprocess.run(
        [sys.executable, "-c", SAYS], capture_output=True, env={"PYTHONIOENCODING": "ascii:strict"}, text=True
    )
    assert (done.returncode, done.stdout) == (5, "one \\xe4\nthree\n")


def test_a_reader_that_leaves_does_not_end_the_work():
    left = subprocess.run(
        ["sh", "-c", f'{{ "$0" -c "{SAYS}"; echo $? >&2; }} | true', sys.executable], capture_output=True, text=True
    )
    assert left.stderr.split()[-1] == "5"


FULL = Path("/dev/full")
NEEDS_FULL = pytest.mark.skipif(not FULL.exists(), reason="This machine has no /dev/full.")
HOSTILE = "\x1b]0;pwned\x07\x1b[2J\nTotal: all fine\u202e"


@pytest.fixture
def shell(tmp_path):
    """shell("drengr project list > /dev/full") → the finished shell, on a file of its own; rc is the last command's."""

    def run(line: str, **environment: str) -> subprocess.CompletedProcess[str]:
        command = line.replace("drengr ", f"{sys.executable} -m drengr ")
        return subprocess.run(
            ["bash", "-o", "pipefail", "-c", command],
            env=command_environment(tmp_path / "events.db", **environment),
            capture_output=True, text=True, timeout=60, cwd=tmp_path,
        )  # fmt: skip

    return run


def good_keys(shell) -> list[str]:
    return [key["hint"] for key in json.loads(shell("drengr key list --json").stdout) if key["revoked_at"] is None]


@NEEDS_FULL
@pytest.mark.parametrize("output", ["> /dev/full", ">&-", "| true"])
def test_no_key_is_left_that_nobody_saw(shell, output):
    assert shell("drengr project create shop").returncode == 0
    seen = good_keys(shell)
    refused = shell(f"drengr key create shop --kind secret {output}")
    assert refused.returncode == 1 and refused.stderr.count("\n") == 1 and "utput" in refused.stderr
    assert good_keys(shell) == seen and len(seen) == 2


@NEEDS_FULL
@pytest.mark.parametrize("output", ["> /dev/full", ">&-"])
@pytest.mark.parametrize("key_id", [1, 2])
def test_a_key_whose_successor_nobody_saw_is_as_it_was(shell, output, key_id):
    shell("drengr project create shop")
    seen = good_keys(shell)
    refused = shell(f"drengr key rotate {key_id} --grace 0 {output}")
    assert refused.returncode == 1 and refused.stderr.count("\n") == 1 and "utput" in refused.stderr
    assert good_keys(shell) == seen and len(seen) == 2


@NEEDS_FULL
@pytest.mark.parametrize("output", ["> /dev/full", ">&-"])
def test_no_project_is_left_with_keys_that_nobody_saw(shell, output):
    shell("drengr project create first")
    seen = good_keys(shell)
    refused = shell(f"drengr project create shop --json {output}")
    assert refused.returncode == 1 and refused.stderr.count("\n") == 1
    assert good_keys(shell) == seen


@NEEDS_FULL
def test_an_answer_that_cannot_be_written_is_a_failure_in_one_sentence(shell):
    shell("drengr project create shop")
    for words in ("project list", "key list", "tail", "count --since 1d", "project list --json", "ledger"):
        failed = shell(f"drengr {words} > /dev/full")
        if failed.returncode == 0:
            assert words == "tail"  # which has nothing to print
            continue
        assert failed.returncode == 1
        assert failed.stderr == "Error: The output could not be written: No space left on device.\n"


def test_an_error_shows_what_was_typed_harmlessly(shell):
    for words in (r"tail $'a\x07b'", r"$'a\x07b'", r"import --source amplitude $'a\x07b'"):
        failed = shell(f"drengr {words}")
        assert failed.returncode == 2 and r"a\x07b" in failed.stderr and "\x07" not in failed.stderr


def test_a_reader_that_leaves_is_no_failure(shell, database_path, store, tenant):
    store.add(tenant.project.id, [event(event_name=f"e{n}" + "x" * 60) for n in range(2000)])
    read = shell("drengr tail -n 1000 --since 1970-01-01 | head -1", DRENGR_DATABASE=str(database_path))
    assert (read.returncode, read.stderr) == (0, "") and read.stdout.count("\n") == 1


@NEEDS_FULL
def test_a_revocation_that_cannot_be_told_is_made_all_the_same(shell):
    shell("drengr project create shop")
    assert shell("drengr key revoke 1 > /dev/full 2> /dev/full").returncode == 0
    assert len(good_keys(shell)) == 1


@NEEDS_FULL
def test_an_error_that_cannot_be_told_keeps_its_exit_code(shell):
    assert shell("drengr key list 2> /dev/full").returncode == 2
    assert shell("drengr key list 2>&-").returncode == 2


def test_a_terminal_of_ascii_gets_ascii(shell, database_path, store, tenant):
    store.add(tenant.project.id, [event(event_name="Größe"), event(event_name="b")])
    ascii_only = {"PYTHONIOENCODING": "ascii", "DRENGR_DATABASE": str(database_path)}
    counted = shell("drengr count --since 2026-11-18 --until 2026-11-21 --by event_name", **ascii_only)
    assert (counted.returncode, counted.stderr) == (0, "")
    assert "####" in counted.stdout and "Gr\\xf6\\xdfe" in counted.stdout and counted.stdout.isascii()
    listed = shell("drengr key list", **ascii_only)
    assert listed.returncode == 0 and "..." in listed.stdout and listed.stdout.isascii()
    assert shell("drengr tail --since 2026-11-18", **ascii_only).stdout.isascii()


def on_a_terminal(*words: str, database: Path) -> bytes:
    """What a terminal receives from a command."""
    child, terminal = pty.fork()
    if child == 0:
        os.execve(sys.executable, [sys.executable, "-m", "drengr", *words], command_environment(database))
    received = b""
    with suppress(OSError):  # Linux: the other end is closed
        while piece := os.read(terminal, 65536):
            received += piece
    os.close(terminal)
    os.waitpid(child, 0)
    return received


@pytest.mark.parametrize(
    "words",
    [
        ("tail", "--since", "2026-11-18"),
        ("count", "--since", "2026-11-18", "--until", "2026-11-21", "--by", "event_name"),
        ("project", "list"),
        ("key", "list"),
        ("verify",),
    ],
    ids=" ".join,
)
def test_names_of_strangers_neither_steer_a_terminal_nor_forge_a_line(words, database_path, store, make_tenant):
    tenant = make_tenant(f"shop{HOSTILE}")
    store.add(tenant.project.id, [event(event_name=f"e{HOSTILE}", external_id=HOSTILE, dims='{"k":"\x9b"}')])
    store.commits.run(lambda connection: connection.execute("UPDATE hour_totals SET events = 9"))
    received = on_a_terminal(*words, database=database_path)
    assert b"pwned" in received
    assert all(line.isprintable() for line in received.decode().splitlines())
    assert not any(line.startswith("Total: all fine") for line in received.decode().splitlines())


def test_following_stops_when_its_reader_leaves(shell, database_path, store, tenant):
    store.add(tenant.project.id, [event()])
    command = [sys.executable, "-m", "drengr", "tail", "-f", "--since", "1970-01-01"]
    environment = command_environment(database_path)
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout.readline()
        process.stdout.close()
        store.add(tenant.project.id, [event()])
        try:
            assert process.wait(20) == 0
        finally:
            process.kill()
        assert process.stderr.read() == b""
