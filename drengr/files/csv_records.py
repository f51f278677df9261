"""CSV → records: what one damaged quote may not do to the lines behind it (contract 5, whole files).

Python's reader decides what a record is. But a quote that is never closed makes it swallow line after line: then the
record's first line alone is the damaged row, and reading goes on at the line behind it.
"""

import csv
import re
import sys
from collections.abc import Iterator
from itertools import islice
from typing import NamedTuple, cast

from drengr.events.event import Unreadable
from drengr.files.lines import Lines, UpToDamage, lines_of, too_long

# A quoted cell may hold any amount of JSON; rows are bounded by the line limit, not by the module's 128 KiB.
csv.field_size_limit(sys.maxsize)

_DIGITS, _WORDS = re.compile(r"\d+"), re.compile(r"[^\W\d_]+")
_AT_ONCE = 1000  # records: a quote that was never closed may have held back all that a row may be long
_A_LOOK = 50  # lines, whether cells hold line ends as they did before
_NEVER_CLOSED = "a quote that is never closed"
_QUOTED = re.compile(rb'"(?:[^"]|"")*+"?')
_FIRST_LINE_END = re.compile(rb'(?:[^"\r\n]|"[^"]*+(?:"|\Z))*+(\r\n?|\n)')

Record = tuple[int, list[str] | Unreadable]  # number of its first line, cells


class Form(NamedTuple):
    """How the file separates."""

    separator: str
    line_end: bytes

    @classmethod
    def of(cls, head: bytes) -> "Form":
        """As the header, which the file begins with, tells.

        >>> Form.of(b'a;b,c;d\\r1;2;3\\r'), Form.of(b'"a;b",c\\r\\n')
        (Form(separator=';', line_end=b'\\r'), Form(separator=',', line_end=b'\\n'))
        """
        ended = _FIRST_LINE_END.match(head)
        header = _QUOTED.sub(b"", head[: ended.start(1)] if ended else head.partition(b"\n")[0])
        separator = max(b",", b";", b"\t", key=header.count).decode()
        return cls(separator, b"\r" if ended and ended[1] == b"\r" else b"\n")


def records(pieces: UpToDamage, longest: int, form: Form) -> Iterator[list[Record]]:
    """The records in order, blank ones included, some at a time; the first is the header."""
    reader = _Records(longest, form)
    for lines in lines_of(pieces, longest, form.line_end, blank_too=True):
        if lines.is_last and pieces.is_cut():
            yield from reader.ended()
            yield [(lines.first, Unreadable("the file ends inside this row"))]
            return
        texts = _decoded(lines)
        if found := reader.plain(lines.first, texts):
            yield found
        else:
            yield from reader.careful(lines.first, texts)
    yield from reader.ended()


def _decoded(lines: Lines) -> list[str | None]:
    if None not in lines.texts:  # at once, which is three times as fast
        texts = b"\n".join(cast(list[bytes], lines.texts)).decode("utf-8", "replace").replace("\0", "").split("\n")
        if len(texts) == len(lines.texts):
            return [*texts]
    return [None if text is None else text.decode("utf-8", "replace").replace("\0", "") for text in lines.texts]


class _Records:
    def __init__(self, longest: int, form: Form) -> None:
        self._longest = longest
        self._separator = form.separator
        self._end = form.line_end.decode()
        self._width = 0  # cells of the header
        self._looks: list[tuple[int, str]] = []  # of a good row: which cells hold digits, and in what form
        self._open: list[tuple[int, str | None]] = []  # numbered lines of a record that is not over yet
        self._open_bytes = 0  # as characters, which is near enough
        self._breaks = False  # whether cells of the last lines held line ends
        self._next_try = 0  # bytes: a long record is not read anew with every piece of it

    def plain(self, first: int, texts: list[str | None]) -> list[Record]:
        """One record a line, as in most files; nothing when it is not so."""
        if self._open or not self._width or None in texts:
            return []
        if self._breaks and self._records_of(texts[:_A_LOOK]) is None:
            return []
        cells = self._records_of(texts)
        self._breaks = cells is None
        if cells and not self._looks:
            self._know(cells[0])
        return list(enumerate(cells or (), first))

    def _records_of(self, texts: list[str | None]) -> list[list[str]] | None:
        """The cells of each line; None unless each is a record by itself."""
        try:
            cells = list(csv.reader(cast(list[str], texts), delimiter=self._separator, strict=True))
        except csv.Error:
            return None
        return cells if len(cells) == len(texts) else None

    def careful(self, first: int, texts: list[str | None]) -> Iterator[list[Record]]:
        """Record by record, across lines."""
        if not self._open and not any(text is None or text.strip() for text in texts):
            return
        self._open += enumerate(texts, first)
        self._open_bytes += sum(len(text or "") + 1 for text in texts)
        if self._open_bytes >= self._next_try:
            yield from self._read(at_end=False)

    def ended(self) -> Iterator[list[Record]]:
        """What is left when the lines are over."""
        return self._read(at_end=True)

    def _read(self, at_end: bool) -> Iterator[list[Record]]:
        found: list[Record] = []
        at = 0
        for begin, count, cells in self._cut(at_end):
            at = begin + count
            if not self._width:
                cells = self._header(begin, cells)
            found.append((self._open[begin][0], cells))
            if len(found) >= _AT_ONCE:
                yield found
                found = []
        yield found
        del self._open[:at]
        self._open_bytes = sum(len(text or "") + 1 for _, text in self._open)
        self._next_try = 2 * self._open_bytes

    def _cut(self, at_end: bool) -> Iterator[tuple[int, int, list[str] | Unreadable]]:
        """(index of the first line, how many lines, cells) of each record, but for one that is not over yet."""
        at, size = 0, len(self._open)
        reader = None
        while at < size:
            if self._open[at][1] is None:
                yield at, 1, too_long(self._longest)
                at, reader = at + 1, None
                continue
            if reader is None:
                reader = csv.reader(self._lines_from(at), delimiter=self._separator, strict=True)
            before = reader.line_num
            cells: list[str] | Unreadable
            try:
                cells = next(reader)
                count = reader.line_num - before
                if count > 1 and self._swallows(at, count, cells):
                    cells = Unreadable(_NEVER_CLOSED)
            except csv.Error as error:
                count = reader.line_num - before
                if at + count == size and not at_end and _is_open(error) and self._may_go_on(at):
                    return
                cells = Unreadable(_reason(error, count))
            if isinstance(cells, Unreadable):
                count, reader = 1, None
            elif count == 1 and not self._looks:
                self._know(cells)
            yield at, count, cells
            at += count

    def _lines_from(self, at: int) -> Iterator[str]:
        for index in range(at, len(self._open)):
            text = self._open[index][1]
            if text is None:
                return
            yield text + self._end

    def _may_go_on(self, at: int) -> bool:
        return sum(len(text or "") + 1 for _, text in islice(self._open, at, None)) <= self._longest

    def _header(self, at: int, cells: list[str] | Unreadable) -> list[str] | Unreadable:
        """The header's cells, also those of one with a quote too many."""
        text = self._open[at][1]
        if isinstance(cells, Unreadable) and text is not None:
            cells = text.replace('"', "").split(self._separator)
        if not isinstance(cells, Unreadable) and any(map(str.strip, cells)):
            self._width = len(cells)
        return cells

    def _know(self, cells: list[str]) -> None:
        if self._width and len(cells) == self._width:
            self._looks = [(index, _look(cell)) for index, cell in enumerate(cells) if _DIGITS.search(cell)]

    def _swallows(self, at: int, count: int, cells: list[str]) -> bool:
        """Whether a record of many lines is none, but rows between two quotes that should not be there.

        A cell that really breaks leaves its first line without the cells behind it, and its last line without those
        before it. Where both are whole rows, and so are most lines between, the quotes are none of a cell's; where the
        number of cells is not the header's, one such line is enough.
        """
        if not self._width:
            return False
        first, *inside, last = (text or "" for _, text in self._open[at : at + count])
        if len(cells) == self._width and first.count(self._separator) < self._width - 1:
            return False
        outer = [self._looks_like_row(self._cells_before(first)), self._looks_like_row(self._cells_behind(last))]
        if len(cells) == self._width and not all(outer):
            return False
        rows = sum(self._looks_like_row(self._split(text)) for text in inside)
        return 2 * rows >= len(inside) if len(cells) == self._width else rows > 0 or any(outer)

    def _cells_before(self, line: str) -> list[str]:
        """The cells of a line, had the quote that is open at its end not been there."""
        *whole, opened = self._parsed(line)
        return [*whole, *self._split(opened)]

    def _cells_behind(self, line: str) -> list[str]:
        """The cells of a line, had its first quote not been there."""
        head, _, rest = line.partition('"')
        return self._parsed(head + rest)

    def _parsed(self, line: str) -> list[str]:
        one_line = line.rstrip("\r").replace("\r", " ").replace("\n", " ")
        return next(csv.reader([one_line or " "], delimiter=self._separator))

    def _split(self, text: str) -> list[str]:
        return text.rstrip("\r").replace('"', "").split(self._separator)

    def _looks_like_row(self, cells: list[str]) -> bool:
        """Whether there are as many cells as in the header, with digits where others have them."""
        if len(cells) != self._width or len(cells) < 2:
            return False
        if not self._looks:
            return len(cells) > 2
        return any(_look(cells[index]) == look for index, look in self._looks)


def _look(cell: str) -> str:
    """The form of a cell: "2025-10-09 08:00:01" is "9-9-9 9:9:9"."""
    return _WORDS.sub("a", _DIGITS.sub("9", cell))


def _is_open(error: csv.Error) -> bool:
    return "unexpected end" in str(error)


def _reason(error: csv.Error, lines: int) -> str:
    if _is_open(error) or lines > 1:
        return _NEVER_CLOSED
    return "text after a closing quote" if "expected after" in str(error) else "not readable as CSV"
