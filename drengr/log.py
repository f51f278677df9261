"""What is told to operators: a log that does not grow with the number of clients, and lines that fail nothing.

A fault is one line a second, and how many it stands for. Text of strangers is shown harmlessly, and output that cannot
be written stops nothing (contract 7).
"""

import logging
import os
import sys
import time
from contextlib import suppress
from typing import TextIO

_PLAIN = str.maketrans({"…": "...", "·": "-"})  # ours, for a terminal of ASCII


class OneASecond(logging.Filter):
    """Lets one record a second pass; the next one says how many it stands for."""

    def __init__(self) -> None:
        super().__init__()
        self._next = 0.0
        self._left_out = 0

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether the record is logged."""
        now = time.monotonic()
        if now < self._next:
            self._left_out += 1
            return False
        if self._left_out:
            record.msg, record.args = f"{record.getMessage()} (and {self._left_out} more like it)", ()
        self._next, self._left_out = now + 1.0, 0
        return True


faults = logging.getLogger("drengr.faults")
faults.addFilter(OneASecond())


def shown(text: object) -> str:
    r"""The text as a terminal or log may have it: what is no printable character stands as its escape.

    A line break in an event's name could else look like a line of ours, an escape sequence could repaint the terminal.

    >>> shown("a\x1b[2Jb"), shown("Größe 大"), shown("\udcff.csv")  # the last: a file name that is not UTF-8
    ('a\\x1b[2Jb', 'Größe 大', '\\xff.csv')
    """
    text = str(text)
    return text if text.isprintable() else "".join(each if each.isprintable() else _escape(each) for each in text)


def _escape(character: str) -> str:
    if "\udc80" <= character <= "\udcff":  # a byte that could not be decoded
        return f"\\x{ord(character) - 0xDC00:02x}"
    return character.encode("ascii", "backslashreplace").decode() if character > "\x7f" else f"\\x{ord(character):02x}"


def say(text: str, *, err: bool = False, end: str = "\n") -> bool:
    """Print the text at once; a full disk, a closed pipe or a terminal of ASCII changes nothing of the work.

    False when it could not be written.
    """
    stream = sys.stderr if err else sys.stdout
    if stream is None:  # closed before we began: `>&-`
        return False
    try:
        put(stream, text + end)
    except (OSError, ValueError):
        turn_off(stream)
        return False
    return True


def put(stream: TextIO, text: str) -> None:
    """Write at once; a character that the stream does not know stands as its escape. Raises OSError, ValueError."""
    encoding = getattr(stream, "encoding", None) or "utf-8"
    if encoding.lower() not in ("utf-8", "utf8"):
        text = text.translate(_PLAIN)
    stream.write(text.encode(encoding, "backslashreplace").decode(encoding))
    stream.flush()


def settle() -> None:
    """At the end: what could not be written is given up, or Python would end with 120 because of it."""
    for stream in (sys.stdout, sys.stderr):
        if stream is not None:
            try:
                stream.flush()
            except (OSError, ValueError):
                turn_off(stream)


def turn_off(stream: TextIO) -> None:
    """Let the rest go nowhere: Python writes what is left at the end, and would change the exit code if it cannot."""
    with suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)
