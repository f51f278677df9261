"""A log that does not grow with the number of clients: one line a second about a fault, and how many it stands for."""

import logging
import time


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
