"""What commands print: nothing raw of strangers, and nothing that fails with the output."""

import subprocess
import sys

import pytest

from drengr.cli.printing import shown

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
