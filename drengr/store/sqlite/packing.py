"""Ids as the file keeps them: UUIDs and sha256 sums as bytes, half the size of their text (see schema.sql)."""

import re
from typing import overload

from drengr.people.questions import folded

_UUID = re.compile("[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_SHA256 = re.compile("[0-9a-f]{64}")


def packed_id(text: str | None) -> str | bytes | None:
    """16 bytes for a canonical lower-case UUID, else the text itself; two texts never pack to one value.

    >>> packed_id("00000000-0000-0000-0000-0000000000ff")[-1], packed_id("user_7")
    (255, 'user_7')
    """
    if text is not None and len(text) == 36 and _UUID.fullmatch(text):
        return bytes.fromhex(text.replace("-", ""))
    return text


def packed_event_id(text: str | None) -> str | bytes | None:
    """As packed_id; a lower-case sha256 becomes its 32 bytes."""
    if text is not None and len(text) == 64 and _SHA256.fullmatch(text):
        return bytes.fromhex(text)
    return packed_id(text)


def plain_id(value: str | bytes | None) -> str | None:
    """The id as it was sent."""
    if not isinstance(value, bytes):
        return value
    digits = value.hex()
    if len(value) == 32:
        return digits
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"


@overload
def folded_id(value: str | bytes) -> str | bytes: ...
@overload
def folded_id(value: None) -> None: ...
def folded_id(value: str | bytes | None) -> str | bytes | None:
    """The packed id by which people are told apart: the spellings of one canonical UUID are one id (contract 8).

    >>> folded_id("00000000-0000-0000-0000-0000000000FF") == packed_id("00000000-0000-0000-0000-0000000000ff")
    True
    """
    return packed_id(folded(value)) if isinstance(value, str) and len(value) == 36 else value
