"""JSON as clients really write it, read within bounded work (contract 3.7).

orjson reads all that is strict JSON. What it refuses, or would read inexactly, takes the slow road: the standard
library's parser, with everything a column could not hold put right on the way.
"""

import json
import math
import re
from collections.abc import Callable
from typing import TypeGuard

import orjson

MAX_DEPTH = 200  # what lies deeper becomes null: neither parser nor writer recurses without end
LARGEST_INTEGER = 2**63 - 1
_ROWS = ("events", "event", "identification")  # the members of an envelope that hold rows

# orjson rounds integers past 64 bits to floats, so a body with a long run of digits takes the slow road. Digits folded
# to one character make that a plain substring search: 0.5 ms a megabyte, where a regular expression takes 35.
_DIGITS_FOLDED = bytes.maketrans(b"0123456789", b"0000000000")
_LONG_RUN = b"0" * 19
# The closing quote is optional so that an open string is one token too: scanning stays linear.
_TOKENS = re.compile(r'"(?:[^"\\]++|\\.)*+"?|[\[{]++|[\]}]++', re.DOTALL)
_LONE_SURROGATE = re.compile("[\ud800-\udfff]")


class LongInteger(str):
    """An integer past 64 bits: its digits, exact. An id or a dim like other text, but no event's name."""


def read_json(body: bytes) -> object:
    """The value that the bytes hold.

    Accepts what Python's own writer makes (NaN, Infinity, lone surrogates), invalid UTF-8, a byte-order mark, and any
    depth. Text comes back as valid UTF-8 without NUL; integers that do not fit 64 bits come back as text, exact.
    Raises  ValueError when it is no JSON at all
    """
    return _read(body, _mended)


def read_envelope(body: bytes) -> object:
    """The same of a request's body, whose own words (keys, source, mapping) stay as sent, for they are compared.

    Only the rows are cleaned: a key followed by NUL is not the key.
    Raises  ValueError when it is no JSON at all
    """
    return _read(body, _mended_rows)


def _read(body: bytes, mended: Callable[[object], object]) -> object:
    if is_plain(body):
        try:
            return orjson.loads(body)
        except orjson.JSONDecodeError:
            pass
    text = body.decode("utf-8-sig", "replace")
    try:
        return mended(_python_loads(text))
    except RecursionError:
        return mended(_python_loads(_without_depth(text)))


def has_long_number(body: bytes) -> bool:
    """Whether there is a run of 19 digits: an integer so long is one that orjson may round."""
    return _LONG_RUN in body.translate(_DIGITS_FOLDED)


def is_plain(body: bytes) -> bool:
    """Whether orjson reads all of the body exactly, or refuses it: no integer past 64 bits, no escaped NUL."""
    return not has_long_number(body) and b"\\u0000" not in body


def clean_text(text: str) -> str:
    """The text as a column can hold it: bad code points become U+FFFD, NUL is dropped.

    >>> clean_text("a\\ud800b\\x00c")
    'a\ufffdbc'
    """
    if text.isascii():
        return text.replace("\0", "") if "\0" in text else text
    return _LONE_SURROGATE.sub("\ufffd", text).replace("\0", "")


def _python_loads(text: str) -> object:
    return json.loads(text, parse_int=_integer, strict=False)


def _integer(digits: str) -> "int | LongInteger":
    """Within 64 bits the integer, beyond them its digits; never the quadratic work of 100,000 digits."""
    if len(digits) > 20:
        return LongInteger(digits)
    number = int(digits)
    return number if -LARGEST_INTEGER <= number <= LARGEST_INTEGER else LongInteger(digits)


def _mended(value: object) -> object:
    if isinstance(value, str):
        return clean_text(value)
    if isinstance(value, list):
        return [_mended(each) for each in value]
    if isinstance(value, dict):
        return {clean_text(key): _mended(each) for key, each in value.items()}
    return value


def _mended_rows(envelope: object) -> object:
    if not isinstance(envelope, dict):
        return _mended(envelope)
    return {key: _mended(each) if key in _ROWS else each for key, each in envelope.items()}


def _without_depth(text: str) -> str:
    """The text with every array and object deeper than MAX_DEPTH replaced by null."""
    kept, depth, resume = [], 0, 0
    for token in _TOKENS.finditer(text):
        start, run = token.start(), token.end() - token.start()
        if text[start] in "[{":
            if depth <= MAX_DEPTH < depth + run:
                kept.append(text[resume : start + MAX_DEPTH - depth])
            depth += run
        elif text[start] in "]}":
            if depth - run <= MAX_DEPTH < depth:
                kept.append("null")
                resume = start + depth - MAX_DEPTH
            depth -= run
    if depth > MAX_DEPTH:
        raise ValueError("brackets are never closed")
    kept.append(text[resume:])
    return "".join(kept)


def is_integer(value: object) -> TypeGuard[int]:
    """Whether the value is a number that stays an exact integer (a boolean is none)."""
    return type(value) is int and -LARGEST_INTEGER <= value <= LARGEST_INTEGER


def is_measure(value: object) -> TypeGuard[int | float]:
    """Whether contract 3.2 calls the value a number: no boolean, no numeric text, nothing infinite or too large."""
    if type(value) is float:
        return math.isfinite(value)
    return type(value) is int and -LARGEST_INTEGER <= value <= LARGEST_INTEGER
