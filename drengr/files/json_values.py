"""Text that is not one JSON value → the rows in it: several on a line, or those behind a damaged one.

The slow road: only what a parser refused comes here.
"""

import json
import re
from collections.abc import Set
from typing import NamedTuple

_SEPARATORS = re.compile(r"[\s,;\0\x1e\ufeff]*")
_ROW_START = re.compile(r'\{\s*["}]')
_NEXT_KEY = re.compile(r'\s*,?\s*"((?:[^"\\]|\\.)*+)"\s*:', re.DOTALL)
_FIRST_KEY = re.compile(r'[^"{]*\{\s*"([^"\\]*)"\s*:')
_NOISE = " \t\r\n,\x1e"
_NOISE_CHARACTERS = 2  # so little beside a row is no row of its own
_GOES_ON = re.compile(r'[ \t]*+[]}":]')
_FAILED_CHARACTERS = 16  # read in vain, for each of the text: then the search ends
_DONE_CHARACTERS = 16 * 1024  # are cut off: each JSONDecodeError counts the lines from the beginning of its text
_BEFORE = 32  # characters, that tell whether what begins behind them is a member
_A_FAILURE = 100  # characters that could be read in the time it takes

# Integers of 100,000 digits are quadratic work as int.
_decoder = json.JSONDecoder(strict=False, parse_int=float)


class Part(NamedTuple):
    """A row's text, or what lies between two rows."""

    text: str
    is_row: bool


def split_rows(text: str, known: Set[str]) -> list[Part]:
    """The objects in order, and each run between them that is unreadable.

    known  keys of a good row of this file, in its order: behind a damage only what has such keys is a row, not every
           object that lies in the damaged one

    >>> [part.text for part in split_rows('{"a": 1}{"a": 2}, {"a": 3},', set())]
    ['{"a": 1}', '{"a": 2}', '{"a": 3}']
    >>> [part.is_row for part in split_rows('{"a": "x}, {"a": 2}', {"a"})]
    [False, True]
    """
    parts = _parts(text, known)
    if not known and not all(part.is_row for part in parts):
        parts = _parts(text, _keys_of_rows(text, parts))
    if any(part.is_row for part in parts):
        parts = [part for part in parts if part.is_row or len(part.text.strip(_NOISE)) > _NOISE_CHARACTERS]
    return parts


def _parts(text: str, known: Set[str]) -> list[Part]:
    search = _Search(text, known)
    parts: list[Part] = []
    at, lost_from = 0, None
    while (at := search.without_separators(at)) < len(search.text):
        stop = search.row_end(at, behind_damage=lost_from is not None)
        if not stop:
            lost_from = search.cut + at if lost_from is None else lost_from
            at = search.next_start(at)
            continue
        if lost_from is not None:
            parts.append(Part(text[lost_from : search.cut + at], False))
            lost_from = None
        parts.append(Part(search.text[at:stop], True))
        at = stop
    return parts if lost_from is None else [*parts, Part(text[lost_from:], False)]


def _keys_of_rows(text: str, parts: list[Part]) -> Set[str]:
    """Keys of the largest object, when it has the text's first key too; else of that key alone."""
    largest: Set[str] = frozenset()
    for part in parts:
        if part.is_row and len(keys := _decoder.decode(part.text).keys()) > len(largest):
            largest = keys
    first = _FIRST_KEY.match(text)
    return largest if first is None or first[1] in largest else frozenset((first[1],))


class _Search:
    def __init__(self, text: str, known: Set[str]) -> None:
        self.text = text  # without what is done
        self.cut = 0  # characters
        self._known = known
        self._left = _FAILED_CHARACTERS * len(text) + 10_000

    def without_separators(self, at: int) -> int:
        """Where the text goes on."""
        if at > _DONE_CHARACTERS:
            self.cut += at - _BEFORE
            self.text, at = self.text[at - _BEFORE :], _BEFORE
        match = _SEPARATORS.match(self.text, at)
        return match.end() if match else at

    def row_end(self, at: int, behind_damage: bool) -> int:
        """Where the row that begins here ends; 0 when none does."""
        if self.text[at] != "{":
            return 0
        if behind_damage and not self._known and self.text[max(0, at - _BEFORE) : at].rstrip().endswith(":"):
            return 0  # a member of the damaged row
        try:
            value, stop = _decoder.raw_decode(self.text, at)
        except json.JSONDecodeError as error:
            self._left -= error.pos - at + _A_FAILURE
            return 0
        except (ValueError, RecursionError):
            self._left -= len(self.text)
            return 0
        if not value or (behind_damage and not self._is_row(value.keys())):
            return 0
        return stop if self._ends(value.keys(), stop) else 0

    def _is_row(self, keys: Set[str]) -> bool:
        """Whether it is a row, and neither an object inside the damaged one nor the rest of that: this has lost the
        key that rows begin with."""
        if not self._known:
            return True
        return next(iter(self._known)) in keys and len(keys & self._known) * 2 >= len(keys)

    def _ends(self, keys: Set[str], stop: int) -> bool:
        """Whether a row may end here: `{"a":{"b":1}},"c":2}` has a bracket too many, and goes on."""
        follows = _NEXT_KEY.match(self.text, stop)
        if follows:
            return follows[1] in keys
        return _GOES_ON.match(self.text, stop) is None

    def next_start(self, at: int) -> int:
        """Where an object begins next, or the end of the text."""
        if self._left <= 0:
            return len(self.text)
        match = _ROW_START.search(self.text, at + 1)
        return match.start() if match else len(self.text)
