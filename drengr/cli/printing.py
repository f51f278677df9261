"""What a command prints: text of strangers is shown harmlessly, and output that cannot be written stops nothing
(contract 7).
"""

import sys
from collections.abc import Callable
from typing import TextIO

import click

from drengr.log import put, say, shown, turn_off

__all__ = [
    "OutputLost", "answer", "can_print", "check_output", "say", "show_once", "shown",
]  # fmt: skip


class OutputLost(click.ClickException):
    """Nobody can read what was to be printed: a full disk, a closed output, a pipe without a reader."""


def answer(text: str) -> None:
    """Print what the command was asked for: without it the command is no use.

    A reader that left has all it wanted (`drengr tail | head -1`): exit code 0.
    Raises  OutputLost when it cannot be written for any other reason
    """
    try:
        put(_output(), text + "\n")
    except BrokenPipeError:
        turn_off(sys.stdout)
        raise SystemExit(0) from None
    except OSError as error:
        raise _lost(error) from None


def check_output() -> None:
    """Raises OutputLost when standard output is closed: before something is made that must be seen."""
    if sys.stdout is None:
        raise OutputLost("Standard output is closed; nothing was made.")


def show_once(text: str, take_back: Callable[[], object], told: str) -> None:
    """Print a new key. When that fails `take_back` is called, so that no good key is left which nobody saw.

    Raises  OutputLost; `told` says what became of the key
    """
    try:
        put(_output(), text + "\n")
    except OSError as error:
        take_back()
        raise _lost(error, f" {told}") from None


def can_print(text: str) -> bool:
    """Whether standard output knows these characters; a terminal of ASCII has no `█`."""
    try:
        text.encode(getattr(sys.stdout, "encoding", None) or "utf-8")
    except UnicodeEncodeError:
        return False
    return True


def _output() -> TextIO:
    if sys.stdout is None:
        raise OSError("standard output is closed")
    return sys.stdout


def _lost(error: OSError, more: str = "") -> OutputLost:
    if sys.stdout is not None:
        turn_off(sys.stdout)
    return OutputLost(f"The output could not be written: {error.strerror or error}.{more}")
