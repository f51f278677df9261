"""Whose export a file is, told from its beginning (contract 12)."""

import struct
from collections.abc import Iterable, Iterator
from contextlib import suppress
from itertools import islice
from typing import BinaryIO

from drengr.events.event import Context
from drengr.events.properties import SensitiveKeys
from drengr.files.broken import BrokenFile, Enough
from drengr.files.inflating import DEFLATE, inflated
from drengr.files.reader import FileReader
from drengr.files.zips import Limits
from drengr.sources import SOURCES, drengr, generic, read_batch

HEAD_BYTES = 256 * 1024  # of the file: what is looked at
_ROWS = 100
_LOCAL_HEADER = struct.Struct("<4s2xHH8xLLHH")  # mark, flags, method, packed and plain size, lengths of name and extra
_MARK, _STORED = b"PK\x03\x04", 0
_LIMITS = Limits(line_bytes=HEAD_BYTES, file_bytes=64 * HEAD_BYTES, zip_members=1, ratio=1000)


def guessed_source(head: bytes, now_ms: int) -> str | None:
    """The source by which more than half of the first rows are events; None when there is no such.

    head    the first bytes of the file, packed as they are
    """
    plain = _member_of_zip(head) if head.startswith(_MARK) else head
    for source in (*(name for name in SOURCES if name != generic.SOURCE), drengr.SOURCE):
        context = Context(source, now_ms, SensitiveKeys())
        rows = _first_rows(plain, source)
        if rows and len(read_batch(rows, context).events) * 2 > len(rows):
            return source
    return None


def _first_rows(head: bytes, source: str) -> list[object]:
    kind = (drengr if source == drengr.SOURCE else SOURCES[source]).column_kind
    reader = FileReader(_LIMITS, lambda header: kind(header, {}))
    rows: list[object] = []
    with suppress(BrokenFile, Enough):
        for batch in reader.batches(_cut(head), "", _no_file):
            rows += batch.rows
            if len(rows) >= _ROWS:
                break
    return rows[:_ROWS]


def _cut(head: bytes) -> Iterator[bytes]:
    yield head
    raise Enough


def _no_file(_: Iterable[bytes]) -> Iterator[BinaryIO | None]:
    raise Enough
    yield None


def _member_of_zip(head: bytes) -> bytes:
    """The beginning of the first file in a zip that holds any data, inflated."""
    at = 0
    while head.startswith(_MARK, at) and at + _LOCAL_HEADER.size <= len(head):
        _, flags, method, packed_bytes, _, name_bytes, extra_bytes = _LOCAL_HEADER.unpack_from(head, at)
        begin = at + _LOCAL_HEADER.size + name_bytes + extra_bytes
        name = head[at + _LOCAL_HEADER.size :][:name_bytes]
        is_folder, is_streamed = name.endswith(b"/"), flags & 8  # streamed: its size stands behind it
        if is_streamed or (packed_bytes and not is_folder and not name.startswith(b"__MACOSX/")):
            packed = head[begin:] if is_streamed else head[begin : begin + packed_bytes]
            return packed if method == _STORED else _unpacked(packed)
        at = begin + packed_bytes
    return b""


def _unpacked(packed: bytes) -> bytes:
    pieces: list[bytes] = []
    with suppress(BrokenFile):
        pieces += islice(inflated([packed], DEFLATE), 4)
    return b"".join(pieces)
