"""Processes that die at a chosen step of their work: at the same one on every machine, however busy it is."""

import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from tests.service import command_environment

# A step is a call out of the store's Python, such as a statement or a rename. Half of the processes die up to 3 ms on,
# in the middle of what it does. argv: the step; "at once" or "soon"; the program; its words.
_COUNTED = """
import os, random, signal, sys
last, at_once, program = int(sys.argv[1]), sys.argv[2] == "at once", sys.argv[3]
sys.argv[1:4] = []
steps = 0

def looking(frame, what, _called):
    global steps
    if what == "c_call" and "/store/sqlite/" in frame.f_code.co_filename:
        steps += 1
        if steps == last:
            sys.setprofile(None)
            if at_once:
                os.kill(os.getpid(), signal.SIGKILL)
            signal.setitimer(signal.ITIMER_REAL, random.uniform(1e-6, 3e-3))  # SIGALRM ends it as SIGKILL does

sys.setprofile(looking)
try:
    exec(program)
finally:
    sys.setprofile(None)
    print(steps, file=sys.stderr)
    if steps == last:  # it was faster
        signal.pause()
"""
COMMAND = "from drengr.cli import main; main()"


def run(path: Path, program: str, *words: str, step: int = 0, when: str = "") -> subprocess.CompletedProcess[str]:
    """The program, run in a process that dies at this step; 0: it does not, and says last how many steps it took."""
    return subprocess.run(
        [sys.executable, "-c", _COUNTED, str(step), when, program, *words],
        env=command_environment(path), capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip


def steps_of(path: Path, program: str, *words: str) -> int:
    """How many steps the program takes when it is left alone."""
    done = run(path, program, *words)
    assert done.returncode == 0, done.stderr
    return int(done.stderr.split()[-1])


def deaths(path: Path, program: str, *words: str, at: list[int]) -> Iterator[None]:
    """Runs of the program, each dead at its step; who goes through them looks at what each of them left."""
    for number, step in enumerate(at):
        died = run(path, program, *words, step=step, when="soon" if number % 2 else "at once")
        assert died.returncode in (-signal.SIGKILL, -signal.SIGALRM), died.stderr
        yield


def spread(steps: int, count: int) -> list[int]:
    """So many steps, evenly from the first to nearly the last."""
    return [1 + steps * number * 19 // (20 * count) for number in range(count)]
