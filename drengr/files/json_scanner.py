"""A stream of JSON → the texts of its values: elements of arrays, or objects one after the other.

Looks at brackets only, strings are skipped in C. A bracket or quote too many or too few makes one value damaged, not
those behind it: what is not over within the longest row, or at the end, is searched for the rows that it swallowed.
"""

import re
from collections.abc import Set
from contextlib import suppress
from typing import cast

import orjson

from drengr.events.jsontext import read_json
from drengr.files.json_values import Part, split_rows

# From anywhere outside a string to the next bracket, strings skipped; stops at a string that is not closed.
_TO_BRACKET = re.compile(rb'[^"\[\]{}]*+(?:"(?:[^"\\]++|\\.)*+"[^"\[\]{}]*+)*+', re.DOTALL)
_IN_STRING = re.compile(rb'(?:[^"\\]++|\\.)*+', re.DOTALL)
_MEMBER = re.compile(rb',?\s*("(?:[^"\\]|\\.)*+")\s*:', re.DOTALL)
_SEPARATORS = b" \t\r\n,\x1e"
_ARRAY_END = b" \t\r\n]"
_NOISE_BYTES = 2  # so little beside a row is no row of its own
_QUOTE, _OPEN_ARRAY, _OPEN_OBJECT, _CLOSE_ARRAY = b'"[{]'


class Damaged(bytes):
    """Text that is no value; there may be rows in it."""


class Lost(bytes):
    """Text in which there is no row."""


class ValueScanner:
    """Cuts a stream, piece by piece, into values: bytes, Damaged bytes, None for one that is too long.

    known  keys of a good row, in its order, by which rows are told from the objects inside a damaged one
    """

    def __init__(self, longest: int) -> None:
        self.known: Set[str] = frozenset()
        self._longest = longest
        self._depth = 0
        self._base = 0  # depth at which values lie: 1 inside an array
        self._in_string = False
        self._held = b""  # to be scanned with the next piece
        self._open: list[bytes] = []  # pieces of the value, or of the gap between values, that is not over yet
        self._open_bytes = 0
        self._too_long = False  # the open value, of which only the newest bytes are held
        self._joins = False  # the next value is a member of the damaged one before it
        self._in_array = False
        self._last_byte = b""
        self._texts: list[bytes | None] = []
        self._before: tuple[list[bytes | None], list[bytes]] | None = None  # what the last texts were found in

    def texts_of(self, piece: bytes) -> list[bytes | None]:
        """The values that end in this piece, but for the last: what follows it may tell that it is damaged."""
        self._last_byte = piece[-64:].strip()[-1:] or piece.strip()[-1:] or self._last_byte
        piece = self._held + piece
        self._note(piece)
        self._held = b""
        self._scan(piece)
        if self._open_bytes > self._longest:
            self._give_up()
        ready, self._texts = self._texts[:-1], self._texts[-1:]
        return ready

    def _scan(self, piece: bytes) -> None:
        at = start = 0
        size = len(piece)
        while at < size:
            if self._in_string:
                at = self._string_end(piece, at)
                continue
            at = _TO_BRACKET.match(piece, at).end()  # type: ignore[union-attr]
            if at == size:
                break
            mark = piece[at]
            at += 1
            if mark == _QUOTE:  # a string that is not closed in this piece
                self._in_string = True
            elif mark in (_OPEN_ARRAY, _OPEN_OBJECT):
                if self._depth == self._base:
                    start = self._opened(piece, start, at, mark)
                self._depth += 1
            elif self._depth > self._base:
                self._depth -= 1
                if self._depth == self._base:
                    self._end_value(piece[start:at])
                    start = at
            elif mark == _CLOSE_ARRAY and self._base:
                self._end_gap(piece[start : at - 1])
                self._depth = self._base = 0
                start = at
            # Any other bracket that closes nothing stays in the gap, where it shows that something is damaged.
        self._keep(piece[start : size - len(self._held)])

    def last(self) -> list[bytes | None]:
        """What is left at the end."""
        self._note(b"")
        if self._depth > self._base or self._in_string:
            self._end_open(b"".join(self._open))
            if not self._in_array and self._texts and type(self._texts[-1]) is bytes:
                self._depth, self._in_string = 0, False  # the last row is whole after all
        else:
            self._end_gap(b"")
        ready, self._texts = self._texts, []
        return ready

    def texts_again(self, rows: int, alike: int, *, at_end: bool) -> list[bytes | None] | None:
        """The last texts anew, one of which is damaged; None when no more rows are found so.

        Behind a damage brackets and quotes may count wrongly, so that rows are cut in two. Here the next row is looked
        for by its keys.

        rows, alike  how many were found in the texts, and how many of them begin as rows do
        """
        if self._before is None:
            return None
        texts, pieces = self._before
        held_back = texts.pop() if texts and not isinstance(texts[-1], Lost | None) else b""
        whole = b"".join((held_back or b"", *pieces))
        text = whole.rstrip(_ARRAY_END)
        parts = self._parts(text)
        found = sum(part.is_row for part in parts)
        kept = sum(type(text) is bytes and _is_json(text) for text in self._texts)
        if found < rows + kept or found <= alike + kept:
            return None
        rest = b"" if at_end or parts[-1].is_row else parts.pop().text.encode("utf-8", "replace") + whole[len(text) :]
        self._forget()
        self._texts, self._held = texts, rest
        self._add(parts)
        if not at_end or (parts[-1].is_row and not self._in_array):
            self._base = int(self._in_array)
            self._depth, self._in_string, self._joins = self._base, False, False
        ready, self._texts = (self._texts, []) if at_end else (self._texts[:-1], self._texts[-1:])
        return ready

    def _note(self, piece: bytes) -> None:
        self._before = None if self._too_long else (self._texts.copy(), [*self._open, piece])

    def ends_inside(self) -> bool:
        """Whether the text ended before its last value or array did."""
        inside = self._depth > 0 or self._in_string
        return inside and not (self._in_array and self._last_byte == b"]")

    def _string_end(self, piece: bytes, at: int) -> int:
        end = _IN_STRING.match(piece, at).end()  # type: ignore[union-attr]
        if end < len(piece) and piece[end] == _QUOTE:
            self._in_string = False
            return end + 1
        self._held = piece[end:]  # a backslash whose partner is in the next piece
        return len(piece)

    def _opened(self, piece: bytes, start: int, at: int, mark: int) -> int:
        """A value or an array begins: where what is kept now begins."""
        self._end_gap(piece[start : at - 1])
        if mark == _OPEN_ARRAY and self._depth == 0:
            self._base, self._in_array = 1, True
            return at
        last = self._texts[-1] if self._texts else None
        if self._base and last and not self._open and b"," not in piece[start:at] and not _is_json(last):
            self._texts[-1], self._joins = Damaged(last), True  # two halves of one element, with no comma between
        return at - 1

    def _keep(self, part: bytes) -> None:
        if part and (self._open or not part.isspace()):
            self._open.append(part)
            self._open_bytes += len(part)

    def _forget(self) -> None:
        self._open.clear()
        self._open_bytes = 0
        self._too_long = False

    def _end_value(self, part: bytes) -> None:
        if self._open:
            self._keep(part)
            part = b"".join(self._open)
        if len(part) > self._longest or self._too_long:
            self._end_open(part)
        elif self._joins:
            self._texts[-1] = Damaged(self._texts[-1] + part)  # type: ignore[operator]
        else:
            self._texts.append(part)
        self._joins = False
        if self._open or self._too_long:
            self._forget()

    def _end_gap(self, part: bytes) -> None:
        """What stands between two values: a comma and white space, or scalars, which are no rows but are counted."""
        if self._open:
            self._keep(part)
            part = b"".join(self._open)
            self._forget()
        gap = part.strip(_SEPARATORS)
        if not gap or not gap.strip(b"]" + _SEPARATORS):
            return
        scalars = _scalars(gap)
        last = self._texts[-1] if self._texts else None
        if (scalars and part.lstrip()[:1] in (b",", b'"', b"")) or (scalars and last is None):
            self._texts += scalars
        elif last is not None and _goes_on(last, part, self._base == 1):
            self._texts[-1] = Damaged(last + part)
            self._joins = gap.endswith(b":")
        elif len(gap) > _NOISE_BYTES:
            self._texts.append(Damaged(gap))
            self._joins = gap.endswith(b":")

    def _end_open(self, text: bytes) -> None:
        """A value that is too long, or never over: the rows that it swallowed."""
        parts = self._parts(text.rstrip(b" \t\r\n]"))
        if any(part.is_row for part in parts):
            self._add(parts)
        elif not self._too_long:
            self._texts.append(None if len(text) > self._longest else Lost(text))

    def _give_up(self) -> None:
        """Nothing was over within the longest row: go on behind the last row in it, or let it pass unheld."""
        parts = self._parts(b"".join(self._open))
        if any(part.is_row for part in parts):
            rest = b"" if parts[-1].is_row else parts.pop().text.encode("utf-8", "replace")
            self._add(parts)
            self._depth, self._in_string, self._joins = self._base, False, False
            self._held = rest + self._held
            self._forget()
        else:
            if not self._too_long:
                self._texts.append(None)
            self._forget()
            self._too_long = True

    def _parts(self, text: bytes) -> list[Part]:
        known = self.known
        if not known and self._texts and self._texts[0]:
            with suppress(ValueError, AttributeError):
                known = cast(dict[str, object], read_json(self._texts[0])).keys()
        return split_rows(text.decode("utf-8", "replace"), known)

    def _add(self, parts: list[Part]) -> None:
        counted = self._too_long and not parts[0].is_row
        for part in parts[1:] if counted else parts:
            text = part.text.encode("utf-8", "replace")
            self._texts.append(text if part.is_row else Lost(text))


def _is_json(text: bytes) -> bool:
    try:
        read_json(text)
    except ValueError:
        return False
    return True


def _goes_on(last: bytes, gap: bytes, in_array: bool) -> bool:
    """Whether the gap shows that the value before it was over too early: `{"a":{"b":1}},"c":2}`."""
    if isinstance(last, Lost):
        return False
    inner = gap.lstrip()
    if isinstance(last, Damaged) or inner[:1] in (b"]", b"}"):
        return True
    member = _MEMBER.match(inner)
    if not member:
        return in_array and inner[:1] != b","
    try:
        value = read_json(last)
        return isinstance(value, dict) and read_json(member[1]) not in value
    except ValueError:
        return True


def _scalars(gap: bytes) -> list[bytes]:
    try:
        return [orjson.dumps(value) for value in cast(list[object], read_json(b"[" + gap + b"]"))]
    except (ValueError, TypeError):
        return []
