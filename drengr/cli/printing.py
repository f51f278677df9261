"""What a command prints: text of strangers is shown harmlessly, and output that cannot be written stops nothing
(contract 7).
"""

import os
import sys
from contextlib import suppress
from typing import TextIO


def shown(text: object) -> str:
    r"""The text as a terminal or log may have it: what is no printable character stands as its escape.

    A line break in an event's name could else look like a line of ours, an escape sequence could repaint the terminal.

    >>> shown("a\x1b[2Jb"), shown("Größe 大"), shown("\udcff.csv")  # the last: a file name that is not UTF-8
    ('a\\x1b[2Jb', 'Größe 大', '\\xff.csv')
    """
    text = str(text)
    return text if text.isprintable() else "".join(each if each.isprintable() else _escape(each) for each in text)


def say(text: str, *, err: bool = False, end: str = "\n") -> None:
    """Print the text at once; a full disk, a closed pipe or a terminal of ASCII changes nothing of the work."""
    stream = sys.stderr if err else sys.stdout
    if stream is None:  # closed before we began: `>&-`
        return
    encoding = getattr(stream, "encoding", None) or "utf-8"
    try:
        stream.write((text + end).encode(encoding, "backslashreplace").decode(encoding))
        stream.flush()
    except (OSError, ValueError):
        _turn_off(stream)


def _escape(character: str) -> str:
    if "\udc80" <= character <= "\udcff":  # a byte that could not be decoded
        return f"\\x{ord(character) - 0xDC00:02x}"
    return character.encode("ascii", "backslashreplace").decode() if character > "\x7f" else f"\\x{ord(character):02x}"


def _turn_off(stream: TextIO) -> None:
    """Let the rest go nowhere: Python writes what is left at the end, and would change the exit code if it cannot."""
    with suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)
