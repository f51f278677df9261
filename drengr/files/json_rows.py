"""Text of a vendor's file → rows: NDJSON, JSON array, JSON objects one after the other (contract 5, whole files).

Streaming: nothing here holds more than one piece of the file and one row. A row that cannot be read is an Unreadable in
its place, never the end of the file.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple, cast

import orjson

from drengr.events.event import Unreadable
from drengr.events.jsontext import is_plain, read_json

# From anywhere outside a string to the next bracket, strings skipped; stops at a string that is not closed.
_TO_BRACKET = re.compile(rb'[^"\[\]{}]*+(?:"(?:[^"\\]++|\\.)*+"[^"\[\]{}]*+)*+', re.DOTALL)
_IN_STRING = re.compile(rb'(?:[^"\\]++|\\.)*+', re.DOTALL)


class BrokenFile(Exception):
    """The file cannot be read on; what was read before stays. The text is a clause for whoever sent it."""


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
    for lines, plain in lines_of(pieces, longest):
        texts = lines
        places: Sequence[int] = range(first, first + len(lines))
        first += len(lines)
        kept = [text is None or not (text == b"" or text.isspace()) for text in lines]
        if not all(kept):
            texts = [text for text, keep in zip(lines, kept, strict=True) if keep]
            places = [place for place, keep in zip(places, kept, strict=True) if keep]
        if texts:
            yield Texts(texts, places, parse_plain if plain else parse_any)


def lines_of(pieces: Iterable[bytes], longest: int) -> Iterator[tuple[list[bytes | None], bool]]:
    """(complete lines, whether orjson reads them exactly); None stands for a line that is too long."""
    rest, dropping = b"", False
    for piece in pieces:
        joined = rest + piece
        ended = joined.split(b"\n")
        rest = ended.pop()
        lines: list[bytes | None] = [*ended]
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
        return too_long(longest)
    try:
        return read_json(text)
    except ValueError:
        return Unreadable("not readable as JSON")


def too_long(longest: int) -> Unreadable:
    """The row that was not held in memory."""
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
            at = _TO_BRACKET.match(piece, at).end()  # type: ignore[union-attr]  # it matches nothing, too
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
        end = _IN_STRING.match(piece, at).end()  # type: ignore[union-attr]  # it matches nothing, too
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
        return [orjson.dumps(value) for value in cast(list[object], read_json(b"[" + gap + b"]"))]
    except (ValueError, TypeError):
        return [gap]
