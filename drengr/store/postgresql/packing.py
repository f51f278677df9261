"""The dedup key: what an event_id packs to, told apart by a first byte (see schema_postgresql.sql)."""

import os
import re

_UUID = re.compile("[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_SHA256 = re.compile("[0-9a-f]{64}")
_NONE, _OF_UUID, _OF_SHA256, _OF_TEXT = b"\0", b"\1", b"\2", b"\3"


def dedup_key(event_id: str | None) -> bytes:
    """The key of an event with this id; two ids never have the same one, and without an id each is new.

    >>> dedup_key("user_7"), len(dedup_key("00000000-0000-0000-0000-0000000000ff")), len(dedup_key(None))
    (b'\\x03user_7', 17, 17)
    """
    if event_id is None:
        return _NONE + os.urandom(16)
    if len(event_id) == 36 and _UUID.fullmatch(event_id):
        return _OF_UUID + bytes.fromhex(event_id.replace("-", ""))
    if len(event_id) == 64 and _SHA256.fullmatch(event_id):
        return _OF_SHA256 + bytes.fromhex(event_id)
    return _OF_TEXT + event_id.encode()


def event_id_of(key: bytes) -> str | None:
    """The event_id as it was sent.

    >>> event_id_of(dedup_key("user_7")), event_id_of(dedup_key(None))
    ('user_7', None)
    """
    kind, rest = key[:1], key[1:]
    if kind == _OF_TEXT:
        return rest.decode()
    digits = rest.hex()
    if kind == _OF_SHA256:
        return digits
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}" if kind == _OF_UUID else None
