"""CSV → rows: the header names the keys, a dot in a name builds the nested object (contract 5, whole files)."""

import csv
import re
import sys
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

from drengr.events.event import Unreadable
from drengr.events.jsontext import read_json
from drengr.files.json_rows import Texts, lines_of, too_long

# A quoted cell may hold any amount of JSON; rows are bounded by `longest` here, not by the module's 128 KiB.
csv.field_size_limit(sys.maxsize)

_CSV_GROUP = 500  # rows
_DEEPEST_HEADER = 10  # dots of a header that build nested objects
_JSON_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]{0,400})(?:\.[0-9]{1,400})?(?:[eE][+-]?[0-9]{1,4})?")


class _Column(NamedTuple):
    header: str
    keys: list[str]
    kind: str  # "json", "property", "text"


def csv_rows(pieces: Iterable[bytes], longest: int, column_kind: Callable[[str], str]) -> Iterator[Texts]:
    """One row a record; the first record names the keys, a dot in a name builds the nested object.

    column_kind  what the cells under a header hold: "json", "property" (a JSON number is a number), "id" (an id or a
                 time) or "text"
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
        self._lines = (line for lines, _ in lines_of(pieces, longest) for line in lines)
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
            yield place, too_long(lines._longest)
        except csv.Error:
            yield place, Unreadable("not readable as CSV")
        else:
            if any(cell.strip() for cell in cells):
                yield place, cells


def _csv_row(cells: list[str], columns: list[_Column]) -> dict:
    row: dict = {}
    for cell, column in zip(cells, columns, strict=False):
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
