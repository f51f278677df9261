"""Text of a vendor's file → rows: NDJSON, JSON array, JSON objects one after the other (contract 5, whole files).

Streaming: nothing here holds more than one piece of the file and one row. A row that cannot be read is an Unreadable in
its place, never the end of the file.
"""

from collections.abc import Callable, Iterator, Sequence, Set
from itertools import chain
from typing import Any, NamedTuple, TypeGuard

import orjson

from drengr.events.event import Unreadable
from drengr.events.jsontext import is_plain, read_json
from drengr.files.broken import BrokenFile
from drengr.files.json_scanner import Lost, ValueScanner
from drengr.files.json_values import split_rows
from drengr.files.lines import Lines, UpToDamage, lines_of, too_long

_AROUND = b" \t\r\n,\x1e"  # what may stand around a row: commas of an array, the marks of RFC 7464
_ARRAY_END = b" \t\r\n]"  # which a last element that is not closed seems to contain
_TERMINATED = b"terminated early"  # Mixpanel's last line when its export broke off
_MOST_TERMINATED = 2  # members of an object that says so
_CUT_SHORT = "the vendor ended this export early: rows are missing"


class Rows(NamedTuple):
    """Rows in order, and where each was: 1-based line, or element of a JSON array."""

    rows: list[object]
    places: Sequence[int]


class _Reader:
    """Parses texts; `keys` are those of a good row seen so far."""

    def __init__(self, longest: int) -> None:
        self._longest = longest
        self.keys: Set[str] = frozenset()
        self.cut_short = False

    def know(self, rows: Sequence[object]) -> None:
        """Remember the first row's keys."""
        if rows and isinstance(rows[0], dict):
            self.keys = rows[0].keys()

    def know_any(self, texts: Sequence[bytes | None]) -> None:
        """Remember the keys of the first good row, when there was none before."""
        for text in texts if not self.keys else ():
            try:
                self.know([read_json(text or b"")])
            except ValueError:
                continue
            if self.keys:
                return

    def counted(self, rows: Sequence[object]) -> tuple[int, int]:
        """(how many are readable, how many of these have the first key of a good row)."""
        readable = [row for row in rows if not isinstance(row, Unreadable)]
        first = next(iter(self.keys))
        return len(readable), sum(isinstance(row, dict) and first in row for row in readable)

    def line(self, text: bytes | None, load: Callable[[bytes], object]) -> list[object]:
        """The rows of one line."""
        if text is None:
            return [too_long(self._longest)]
        if _TERMINATED in text and _is_terminated(text):
            self.cut_short = True
            return [Unreadable(_CUT_SHORT)]
        try:
            row = load(text)
        except ValueError:
            inner = text.strip(_AROUND)
        else:
            return row if _is_array_of_rows(row) else [row]
        try:
            return [read_json(inner)] if inner else []
        except ValueError:
            return self.split(inner)

    def value(self, text: bytes | None) -> list[object]:
        """The row that a scanned value is, or the rows in a damaged one."""
        if text is None:
            return [too_long(self._longest)]
        if isinstance(text, Lost):
            return [unreadable()]
        try:
            return [read_json(bytes(text))]
        except ValueError:
            return self.split(bytes(text).rstrip(_ARRAY_END))

    def split(self, text: bytes) -> list[object]:
        """The rows in a text that is not one value."""
        return [
            read_json(part.text.encode("utf-8", "replace")) if part.is_row else unreadable()
            for part in split_rows(text.decode("utf-8", "replace"), self.keys)
        ]


def _is_array_of_rows(value: object) -> TypeGuard[list[object]]:
    """Whether the line is an array of rows: lines and an array in one file, as `cat` puts exports together."""
    return isinstance(value, list) and bool(value) and isinstance(value[0], dict)


def unreadable() -> Unreadable:
    """The row that is no JSON."""
    return Unreadable("not readable as JSON")


# NDJSON ---------------------------------------------------------------------------------------------------------------


def ndjson(pieces: UpToDamage, longest: int) -> Iterator[Rows]:
    """The rows of each line, mostly one; blank lines do not count.

    longest  bytes of a line; a longer one is one unreadable row and is not held in memory
    Raises   BrokenFile at the end when the vendor says that rows are missing
    """
    reader = _Reader(longest)
    for lines in lines_of(pieces, longest):
        load = orjson.loads if is_plain(lines.source) else read_json
        try:
            rows = [load(text) for text in lines.texts]  # type: ignore[arg-type]
        except (ValueError, AttributeError, TypeError):  # read_json(None), orjson.loads(None)
            rows = []
        if rows and _are_plain_rows(rows):
            reader.know(rows)
            yield Rows(rows, range(lines.first, lines.first + len(rows)))
        elif found := _line_by_line(lines, reader, load):
            yield found
    if reader.cut_short:
        raise BrokenFile(f"{_CUT_SHORT} (its line `terminated early`); export that time again, in smaller parts")


def _are_plain_rows(rows: list[Any]) -> bool:
    """Whether none of them is anything but a row: an array of rows, or the vendor's word that it broke off."""
    if set(map(type, rows)) != {dict}:
        return False
    return min(map(len, rows)) > _MOST_TERMINATED or not any(map(_may_be_terminated, rows))


def _may_be_terminated(value: dict[str, object]) -> bool:
    return len(value) <= _MOST_TERMINATED and "event" not in value


def _line_by_line(lines: Lines, reader: _Reader, load: Callable[[bytes], object]) -> Rows | None:
    rows: list[object] = []
    places: list[int] = []
    texts, numbers = lines.not_blank()
    reader.know_any(texts)
    for text, number in zip(texts, numbers, strict=True):
        found = reader.line(text, load)
        reader.know(found)
        rows += found
        places += [number] * len(found)
    return Rows(rows, places) if rows else None


def _is_terminated(text: bytes) -> bool:
    """Whether Mixpanel says that it broke off: as plain text, after half a row, or as JSON that says only this."""
    if text.rstrip(b' \t\r"').endswith(_TERMINATED):
        return not text.lstrip().startswith(b"{") or not text.rstrip().endswith(b"}")
    try:
        value = read_json(text)
    except ValueError:
        return False
    if not isinstance(value, dict) or not _may_be_terminated(value):
        return False
    return any(each == _TERMINATED.decode() for each in value.values())


# A JSON array, or objects one after the other -------------------------------------------------------------------------


def json_values(pieces: UpToDamage, longest: int) -> Iterator[Rows]:
    """The elements of one array (or of several), or objects that are not one a line.

    Raises  BrokenFile when the text ends inside an array or object
    """
    reader, scanner = _Reader(longest), ValueScanner(longest)
    element = 1
    for piece in chain(pieces, (b"", None)):  # the empty one: what was to be read with the next piece
        texts = scanner.last() if piece is None else scanner.texts_of(piece)
        rows = _plain_values(texts)
        if rows is None:
            rows = _values(texts, reader)
            scanner.known = reader.keys
            again = scanner.texts_again(*reader.counted(rows), at_end=piece is None) if reader.keys else None
            rows = rows if again is None else _values(again, reader)
        if rows:
            reader.know(rows)
            scanner.known = reader.keys
            yield Rows(rows, range(element, element + len(rows)))
            element += len(rows)
    if not pieces.is_cut() and scanner.ends_inside():
        raise BrokenFile("the JSON ends in the middle")


def _plain_values(texts: list[bytes | None]) -> list[object] | None:
    """The value of each text; None when one is damaged."""
    try:
        load = orjson.loads if is_plain(b"".join(texts)) else read_json  # type: ignore[arg-type]
        if all(type(text) is bytes for text in texts):
            return [load(text) for text in texts]  # type: ignore[arg-type]
    except (ValueError, TypeError):
        pass
    return None


def _values(texts: list[bytes | None], reader: _Reader) -> list[object]:
    reader.know_any(texts)
    return [row for text in texts for row in reader.value(text)]
