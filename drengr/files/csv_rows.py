"""CSV → rows: the header names the keys, a dot in a name builds the nested object (contract 5, whole files)."""

import re
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from drengr.events.event import Unreadable
from drengr.events.jsontext import read_json
from drengr.files.csv_records import Form, Record, records
from drengr.files.json_rows import Rows
from drengr.files.lines import UpToDamage

_DEEPEST_HEADER = 10  # dots of a header that build nested objects
_JSON_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]{0,400})(?:\.[0-9]{1,400})?(?:[eE][+-]?[0-9]{1,4})?")
# What databases, pandas, R and JavaScript write for nothing: MySQL's and Snowflake's \N everywhere; the words are
# nothing in columns of ids and times, but may be what a property says.
_NOTHING = frozenset(("", "\\N"))
_WORDS = ("null", "none", "nan", "nat", "nil", "na", "n/a", "#n/a", "undefined", "<na>", "<null>", "(null)", "[null]")
_MARKERS = _NOTHING.union(*((word, word.upper(), word.capitalize()) for word in _WORDS), ("NaN", "NaT"))
_NO_ID = _MARKERS.union(*((f" {word}", f"{word} ", f" {word} ") for word in _MARKERS))  # `a, NULL, b`
_LONG_NUMBER = 19  # digits, which may be more than 64 bits
_PARSED = ("json", "property")


class _Column(NamedTuple):
    header: str
    keys: list[str]
    kind: str  # "json", "property", "id", "text"
    absent: frozenset[str]  # cells that stand for nothing


def csv_rows(pieces: UpToDamage, head: bytes, longest: int, column_kind: Callable[[str], str]) -> Iterator[Rows]:
    """One row a record; the first record names the keys, a dot in a name builds the nested object.

    head         the first bytes, which tell how the file separates
    column_kind  what the cells under a header hold: "json", "property" (a JSON number is a number), "id" (an id or a
                 time) or "text"
    """
    columns: list[_Column] = []
    for some in records(pieces, longest, Form.of(head)):
        found = [record for record in some if isinstance(record[1], Unreadable) or any(map(str.strip, record[1]))]
        if not columns:
            columns, found = _with_columns(found, column_kind)
        if found:
            yield Rows([_row(cells, columns) for _, cells in found], [place for place, _ in found])


def _with_columns(found: list[Record], column_kind: Callable[[str], str]) -> tuple[list[_Column], list[Record]]:
    """(columns of the header, the records that are none)."""
    for index, (_, cells) in enumerate(found):
        if not isinstance(cells, Unreadable):
            return [_column(name, column_kind) for name in map(str.strip, cells)], found[:index] + found[index + 1 :]
    return [], found


def _column(name: str, column_kind: Callable[[str], str]) -> _Column:
    kind = column_kind(name)
    return _Column(name, name.split(".", _DEEPEST_HEADER), kind, _NO_ID if kind == "id" else _NOTHING)


def _row(cells: list[str] | Unreadable, columns: list[_Column]) -> dict[str, Any] | Unreadable:
    if isinstance(cells, Unreadable):
        return cells
    if len(cells) > len(columns) and any(map(str.strip, cells[len(columns) :])):
        return Unreadable(f"more cells than the header: {len(cells)} for {len(columns)}")
    row: dict[str, Any] = {}
    for cell, column in zip(cells, columns, strict=False):
        if cell not in column.absent and column.header:
            value = _cell_value(cell, column.kind) if column.kind in _PARSED else cell
            if len(column.keys) == 1 and column.header not in row:
                row[column.header] = value
            else:
                _place(row, column, value)
    return row


def _cell_value(cell: str, kind: str) -> object:
    if kind == "property" and _JSON_NUMBER.fullmatch(cell):
        return int(cell) if len(cell) < _LONG_NUMBER and cell.isdigit() else read_json(cell.encode())
    if kind == "json" and cell.lstrip()[:1] in ("{", "["):
        try:
            return read_json(cell.encode())
        except ValueError:
            return cell  # whoever reads the bag notes that it is none
    return cell


def _place(row: dict[str, Any], column: _Column, value: object) -> None:
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
