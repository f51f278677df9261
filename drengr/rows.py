"""Text of a vendor's file → rows: NDJSON, JSON array, JSON objects one after the other, CSV (contract 5, whole files).

Streaming: nothing here holds more than one piece of the file and one row. A row that cannot be read is an Unreadable in
its place, never the end of the file.
"""

import csv
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import zip_longest
from typing import NamedTuple

import orjson

from drengr.jsontext import is_plain, read_json

# A quoted CSV cell may hold any amount of JSON; rows are bounded by `longest` here, not by the module's 128 KiB.
csv.field_size_limit(sys.maxsize)

_CSV_GROUP = 500  # rows
_DEEPEST_HEADER = 10  # dots of a CSV header that build nested objects

# From anywhere outside a string to the next bracket, strings skipped; stops at a string that is not closed.
_TO_BRACKET = re.compile(rb'[^"\[\]{}]*+(?:"(?:[^"\\]++|\\.)*+"[^"\[\]{}]*+)*+', re.DOTALL)
_IN_STRING = re.compile(rb'(?:[^"\\]++|\\.)*+', re.DOTALL)
_JSON_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]{0,400})(?:\.[0-9]{1,400})?(?:[eE][+-]?[0-9]{1,4})?")


class BrokenFile(Exception):
    """The file cannot be read on; what was read before stays. The text is a clause for whoever sent it."""


class Unreadable:
    """Stands for a row that cannot be read; the reason quotes nothing of it."""

    __slots__ = ("reason",)

    def __init__(self, reason: str) -> None:
        self.reason = reason


class Texts(NamedTuple):
    """Rows in order, not parsed yet: bytes of JSON, or cells; None for one that was too long."""

    texts: list
    places: Sequence[int]  # where each was: 1-based line, or element of a JSON array
    parse: Callable[[list], list[object]]


# NDJSON ---------------------------------------------------------------------------------------------------------------


def ndjson(pieces: Iterable[bytes], longest: int) -> Iterator[Texts]:
    """One row a line; blank lines do not count.

    longest  bytes of a line; a longer one is one unreadable row and is not held in memory
    """
    parse_plain, parse_any = _json_parser(orjson.loads, longest), _json_parser(read_json, longest)
    first = 1
    for lines, plain in _lines(pieces, longest):
        texts, places = lines, range(first, first + len(lines))
        first += len(lines)
        kept = [text is None or not (text == b"" or text.isspace()) for text in lines]
        if not all(kept):
            texts = [text for text, keep in zip(lines, kept, strict=True) if keep]
            places = [place for place, keep in zip(places, kept, strict=True) if keep]
        if texts:
            yield Texts(texts, places, parse_plain if plain else parse_any)


def _lines(pieces: Iterable[bytes], longest: int) -> Iterator[tuple[list[bytes | None], bool]]:
    """(complete lines, whether orjson reads them exactly); None stands for a line that is too long."""
    rest, dropping = b"", False
    for piece in pieces:
        joined = rest + piece
        lines: list[bytes | None] = joined.split(b"\n")
        rest = lines.pop()
        if dropping and lines:
            lines[0], dropping = None, False
        elif dropping:
            rest = b""
        if len(rest) > longest:
            rest, dropping = b"", True
        if len(joined) > longest:
            lines = [None if text is not None and len(text) > longest else text for text in lines]
        if lines:
            yield lines, is_plain(joined)
    if dropping:
        yield [None], True
    elif rest:
        yield [rest], is_plain(rest)


def _json_parser(load: Callable, longest: int) -> Callable[[list], list[object]]:
    def parse(texts: list[bytes | None]) -> list[object]:
        try:
            return [load(text) for text in texts]
        except (ValueError, AttributeError):  # AttributeError: read_json(None)
            return [_json_row(text, longest) for text in texts]

    return parse


def _json_row(text: bytes | None, longest: int) -> object:
    if text is None:
        return _too_long(longest)
    try:
        return read_json(text)
    except ValueError:
        return Unreadable("not readable as JSON")


def _too_long(longest: int) -> Unreadable:
    return Unreadable(f"row longer than {longest} bytes")


# A JSON array, or objects one after the other -------------------------------------------------------------------------


def json_values(pieces: Iterable[bytes], longest: int, *, in_array: bool) -> Iterator[Texts]:
    """The elements of one array (or of several), or whole objects written over many lines.

    Raises  BrokenFile when the text ends inside an array or object, or closes what it never opened
    """
    parse = _json_parser(read_json, longest)
    scanner = _ValueScanner(longest, base=1 if in_array else 0)
    element = 1
    for piece in pieces:
        if texts := scanner.texts_of(piece):
            yield Texts(texts, range(element, element + len(texts)), parse)
            element += len(texts)
    if texts := scanner.last():
        yield Texts(texts, range(element, element + len(texts)), parse)
    scanner.check_end()


class _ValueScanner:
    """Cuts a stream into the values at depth `base`, looking at brackets only: strings are skipped in C."""

    def __init__(self, longest: int, base: int) -> None:
        self._longest = longest
        self._base = base
        self._depth = 0
        self._in_string = False
        self._held = b""  # a backslash whose partner is in the next piece
        self._open: list[bytes] = []  # pieces of the value, or of the gap between values, that is not over yet
        self._open_bytes = 0
        self._texts: list[bytes | None] = []

    def texts_of(self, piece: bytes) -> list[bytes | None]:
        """The values that end in this piece."""
        piece = self._held + piece
        self._held = b""
        self._texts = []
        at = start = 0
        while at < len(piece):
            if self._in_string:
                at = self._string_end(piece, at)
                continue
            at = _TO_BRACKET.match(piece, at).end()
            if at == len(piece):
                break
            mark = piece[at]
            at += 1
            if mark == 0x22:  # a string that is not closed in this piece
                self._in_string = True
            elif mark in b"[{":
                start = self._opened(piece, start, at, mark)
            else:
                start = self._closed(piece, start, at)
        self._keep(piece[start : len(piece) - len(self._held)])
        return self._texts

    def last(self) -> list[bytes | None]:
        """What stands after the last bracket: a scalar, when somebody wrote one there."""
        self._texts = []
        if self._depth == 0:
            self._end_gap(b"")
        return self._texts

    def check_end(self) -> None:
        """Raises BrokenFile unless everything was closed."""
        if self._depth or self._in_string:
            raise BrokenFile("the JSON ends in the middle")

    def _string_end(self, piece: bytes, at: int) -> int:
        end = _IN_STRING.match(piece, at).end()
        if end < len(piece) and piece[end] == 0x22:
            self._in_string = False
            return end + 1
        self._held = piece[end:]
        return len(piece)

    def _opened(self, piece: bytes, start: int, at: int, mark: int) -> int:
        """After an opening bracket: where what is kept now begins."""
        self._depth += 1
        if self._depth == self._base and mark == 0x5B:
            return at  # the array itself
        if self._depth == self._base + 1 or self._depth == self._base:
            self._end_gap(piece[start : at - 1])
            return at - 1
        return start

    def _closed(self, piece: bytes, start: int, at: int) -> int:
        """After a closing bracket: where what is kept now begins."""
        self._depth -= 1
        if self._depth < 0:
            raise BrokenFile("the JSON closes a bracket that was never opened")
        if self._depth == self._base:
            self._keep(piece[start:at])
            self._texts.append(None if self._open_bytes > self._longest else b"".join(self._open))
            self._forget()
            return at
        if self._depth == self._base - 1:
            self._end_gap(piece[start : at - 1])
            return at
        return start

    def _keep(self, part: bytes) -> None:
        self._open_bytes += len(part)
        if self._open_bytes <= self._longest:
            self._open.append(part)
        else:
            self._open.clear()

    def _end_gap(self, part: bytes) -> None:
        """What stands between two values: a comma and white space, or scalars, which are no rows but are counted."""
        self._keep(part)
        gap = b"".join(self._open).strip(b", \t\r\n")
        if self._open_bytes > self._longest:
            self._texts.append(None)
        elif gap:
            self._texts.extend(_scalars(gap))
        self._forget()

    def _forget(self) -> None:
        self._open.clear()
        self._open_bytes = 0


def _scalars(gap: bytes) -> list[bytes]:
    try:
        return [orjson.dumps(value) for value in read_json(b"[" + gap + b"]")]
    except (ValueError, TypeError):
        return [gap]


# CSV ------------------------------------------------------------------------------------------------------------------


class _Column(NamedTuple):
    header: str
    keys: list[str]
    kind: str  # "json", "property", "text"


def csv_rows(pieces: Iterable[bytes], longest: int, column_kind: Callable[[str], str]) -> Iterator[Texts]:
    """One row a record; the first record names the keys, a dot in a name builds the nested object.

    column_kind  what the cells under a header hold: "json", "property" (a JSON number is a number) or "text"
    """
    records = _records(_CsvLines(pieces, longest))
    header = next((cells for _, cells in records if not isinstance(cells, Unreadable)), [])
    columns = [
        _Column(name, name.split(".", _DEEPEST_HEADER), column_kind(name)) for name in map(str.strip, header)
    ]

    def parse(texts: list) -> list[object]:
        return [cells if isinstance(cells, Unreadable) else _csv_row(cells, columns) for cells in texts]

    places, texts = [], []
    for place, cells in records:
        places.append(place)
        texts.append(cells)
        if len(texts) >= _CSV_GROUP:
            yield Texts(texts, places, parse)
            places, texts = [], []
    if texts:
        yield Texts(texts, places, parse)


class _CsvLines:
    """Lines for csv.reader, which asks for more while a quoted cell is open: the bytes of one row are bounded here."""

    def __init__(self, pieces: Iterable[bytes], longest: int) -> None:
        self._lines = (line for lines, _ in _lines(pieces, longest) for line in lines)
        self._longest = longest
        self.row_bytes = 0
        self.line = 0

    def __iter__(self) -> "_CsvLines":
        return self

    def __next__(self) -> str:
        line = next(self._lines)
        self.line += 1
        self.row_bytes += self._longest + 1 if line is None else len(line) + 1
        if line is None or self.row_bytes > self._longest + 1:
            raise _RowTooLong
        return line.decode("utf-8", "replace").replace("\0", "") + "\n"


class _RowTooLong(Exception):
    pass


def _records(lines: _CsvLines) -> Iterator[tuple[int, list[str] | Unreadable]]:
    """(line it begins on, cells) of every record that is not blank."""
    reader = csv.reader(lines)
    while True:
        lines.row_bytes, place = 0, lines.line + 1
        try:
            cells = next(reader)
        except StopIteration:
            return
        except _RowTooLong:
            yield place, _too_long(lines._longest)
        except csv.Error:
            yield place, Unreadable("not readable as CSV")
        else:
            if any(cell.strip() for cell in cells):
                yield place, cells


def _csv_row(cells: list[str], columns: list[_Column]) -> dict:
    row: dict = {}
    for cell, column in zip_longest(cells[: len(columns)], columns, fillvalue=""):
        if cell != "" and column.header:
            _place(row, column, _cell_value(cell, column.kind))
    return row


def _cell_value(cell: str, kind: str) -> object:
    if kind == "property" and _JSON_NUMBER.fullmatch(cell):
        return read_json(cell.encode())
    if kind == "json" and cell.lstrip()[:1] in ("{", "["):
        try:
            return read_json(cell.encode())
        except ValueError:
            return cell
    return cell


def _place(row: dict, column: _Column, value: object) -> None:
    """Put the value where the header says; what is there already stays, two objects are merged."""
    bag = row
    for key in column.keys[:-1]:
        bag = bag.setdefault(key, {})
        if not isinstance(bag, dict):
            row.setdefault(column.header, value)
            return
    there = bag.setdefault(column.keys[-1], value)
    if there is not value and isinstance(there, dict) and isinstance(value, dict):
        for key, each in value.items():
            there.setdefault(key, each)
