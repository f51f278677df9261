"""Bytes of any vendor's file → rows: zip, gzip, or plain NDJSON, JSON and CSV (contract 5, whole files).

Streaming, in constant memory, whatever the size. What the bytes are is told by their beginning; names and media types
only decide where that is open. Nothing is ever unpacked to a name that stands in an archive.
"""

import codecs
import re
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain
from typing import BinaryIO, NamedTuple

from drengr.events.jsontext import read_json
from drengr.files.csv_rows import csv_rows
from drengr.files.json_rows import BrokenFile, Texts, json_values, ndjson
from drengr.files.zips import PIECE_BYTES, Limits, member_pieces, shown, zip_members

_HEAD_BYTES = 64 * 1024
_FREE_BYTES = 10 * 1024 * 1024  # inflated bytes that need no ratio: small files of one repeated line pack very well
_TICK_BYTES = 1024 * 1024
_FORMATS = {
    "csv": "csv", "text/csv": "csv", "application/csv": "csv",
    "ndjson": "ndjson", "jsonl": "ndjson", "application/x-ndjson": "ndjson", "application/ndjson": "ndjson",
    "application/jsonl": "ndjson", "application/x-jsonlines": "ndjson",
}  # fmt: skip
_ZIP_STARTS = (b"PK\x03\x04", b"PK\x05\x06")
_GZIP_START = b"\x1f\x8b"
_UTF16_STARTS = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_CONTROL = re.compile(rb"[\x00-\x08\x0e-\x1f]")


class Batch(NamedTuple):
    """Some rows in order, and where each was: 1-based line, or element of a JSON array. Empty: a sign of life."""

    rows: list[object]
    places: Sequence[int]


class FileReader:
    """Reads one upload or one file, which may be an archive of many.

    limits       against bombs
    column_kind  what a CSV cell under a header holds, see csvrows.csv_rows
    skip         rows at the beginning that are not wanted again
    """

    def __init__(self, limits: Limits, column_kind: Callable[[str], str], skip: int = 0) -> None:
        self._limits = limits
        self._column_kind = column_kind
        self._skip = skip
        self.files = 0  # data files begun so far, archives not counted
        self.member = ""  # name of the one inside an archive that is being read
        self.in_array = False  # its places are elements of a JSON array, not lines

    def batches(
        self, pieces: Iterable[bytes], hint: str, seekable: Callable[[Iterable[bytes]], Iterator[BinaryIO | None]]
    ) -> Iterator[Batch]:
        """The rows in order.

        hint      file name or media type, for what the first bytes leave open
        seekable  makes of the pieces a file for zip: yields None while it works, at last the file
        Raises    BrokenFile; the batches before it are good
        """
        head, pieces = _with_head(pieces)
        if head.startswith(_ZIP_STARTS):
            for file in seekable(pieces):
                if file is None:
                    yield Batch([], ())
                else:
                    yield from self._zip_batches(file)
        else:
            yield from self._data_batches(head, pieces, hint, _Budget(self._limits))

    def _zip_batches(self, file: BinaryIO) -> Iterator[Batch]:
        for archive, member in zip_members(file, self._limits):
            self.member = member.filename
            pieces = _Budget(self._limits, member.compress_size).spent(member_pieces(archive, member))
            head, pieces = _with_head(pieces)
            if head.startswith(_ZIP_STARTS):
                raise BrokenFile(f"{shown(member.filename)} is a zip inside a zip: send it by itself")
            yield from self._data_batches(
                head, pieces, member.filename, _Budget(self._limits, member.compress_size)
            )
        self.member = ""

    def _data_batches(self, head: bytes, pieces: Iterable[bytes], hint: str, budget: "_Budget") -> Iterator[Batch]:
        if head.startswith(_GZIP_START):
            head, pieces = _with_head(budget.spent(gunzipped(budget.packed_counted(pieces))))
            if head.startswith((_GZIP_START, *_ZIP_STARTS)):
                raise BrokenFile("an archive inside a gzip: unpack it once and send what is inside")
        else:
            pieces = budget.spent(budget.packed_counted(pieces))
        if head.startswith(_UTF16_STARTS):  # what PowerShell's `>` and Excel's "Unicode text" write
            head, pieces = _with_head(_from_utf16(pieces))
        elif head.startswith(codecs.BOM_UTF8):
            head, pieces = _with_head(_without_first(pieces, len(codecs.BOM_UTF8)))
        self.files += 1
        for texts, places, parse in self._groups(head, pieces, hint):
            yield self._wanted(texts, places, parse)

    def _groups(self, head: bytes, pieces: Iterable[bytes], hint: str) -> Iterator[Texts]:
        kind = _kind(head, hint)
        self.in_array = kind in ("array", "values")
        if kind == "csv":
            return csv_rows(pieces, self._limits.line_bytes, self._column_kind)
        if kind == "ndjson":
            return ndjson(pieces, self._limits.line_bytes)
        return json_values(pieces, self._limits.line_bytes, in_array=kind == "array")

    def _wanted(self, texts: list, places: Sequence[int], parse: Callable) -> Batch:
        """Those behind the rows to be skipped, which are not even parsed."""
        skipped = min(self._skip, len(texts))
        self._skip -= skipped
        return Batch(parse(texts[skipped:]), places[skipped:])


class _Budget:
    """Counts packed and inflated bytes of one thing. Raises BrokenFile for what no vendor's export looks like."""

    def __init__(self, limits: Limits, packed: int = 0) -> None:
        self._limits = limits
        self._packed = packed
        self._counts_packed = not packed

    def packed_counted(self, pieces: Iterable[bytes]) -> Iterator[bytes]:
        for piece in pieces:
            if self._counts_packed:
                self._packed += len(piece)
            yield piece

    def spent(self, pieces: Iterable[bytes]) -> Iterator[bytes]:
        inflated = 0
        for piece in pieces:
            inflated += len(piece)
            if inflated > self._limits.file_bytes:
                raise BrokenFile(f"it is larger than {self._limits.file_bytes} bytes (DRENGR_MAX_FILE_BYTES)")
            if inflated > _FREE_BYTES and inflated > self._limits.ratio * self._packed:
                raise BrokenFile(
                    f"it inflates to more than {self._limits.ratio} times its size, as a zip bomb does"
                    " (DRENGR_MAX_RATIO)"
                )
            yield piece


# What is it? ----------------------------------------------------------------------------------------------------------


def _kind(head: bytes, hint: str) -> str:
    """ "csv", "ndjson", "array" or "values" (objects written over many lines). Raises BrokenFile for none of them."""
    hinted = _hinted(hint)
    text = head.lstrip()
    if hinted:
        return hinted if _is_text(head) else _no_export()
    if text[:1] == b"[":
        return "array"
    lines = [line for line in text.split(b"\n") if line.strip()]
    if text[:1] == b"{":
        return "values" if _is_spread_out(lines) else "ndjson"
    if not _is_text(head):
        _no_export()
    if any(line.lstrip()[:1] == b"{" for line in lines[1:]):
        return "ndjson"  # its first line is damaged
    return "csv" if b"," in (lines[0] if lines else b"") else "ndjson"


def _hinted(hint: str) -> str | None:
    """The format that a media type or the end of a file's name stands for, if it does.

    >>> _hinted("text/csv; charset=utf-8"), _hinted("a/b.csv.gz"), _hinted("application/zip")
    ('csv', 'csv', None)
    """
    word = hint.partition(";")[0].strip().lower()
    return _FORMATS.get(word) or _FORMATS.get(word.removesuffix(".gz").rpartition(".")[2])


def _is_spread_out(lines: list[bytes]) -> bool:
    """Whether objects are written over several lines, as pretty printers do: no line is one by itself."""
    if len(lines) < 2 or lines[1].lstrip()[:1] in (b"{", b""):
        return False
    try:
        read_json(lines[0])
    except ValueError:
        return True
    return False


def _is_text(head: bytes) -> bool:
    """Whether this is no binary file: of random bytes every tenth is a control character, in text one is a slip."""
    return len(_CONTROL.findall(head)) * 100 <= len(head) + 200


def _no_export() -> str:
    raise BrokenFile("it is none of zip, gzip, NDJSON, JSON array or CSV")


# Pieces in, pieces out ------------------------------------------------------------------------------------------------


def _with_head(pieces: Iterable[bytes]) -> tuple[bytes, Iterator[bytes]]:
    """(the first bytes, all pieces with these in front)."""
    pieces = iter(pieces)
    first: list[bytes] = []
    size = 0
    for piece in pieces:
        first.append(piece)
        size += len(piece)
        if size >= _HEAD_BYTES:
            break
    head = b"".join(first)
    return head[:_HEAD_BYTES], chain([head] if head else [], pieces)


def _without_first(pieces: Iterable[bytes], count: int) -> Iterator[bytes]:
    pieces = iter(pieces)
    yield next(pieces, b"")[count:]
    yield from pieces


def _from_utf16(pieces: Iterable[bytes]) -> Iterator[bytes]:
    decoder = codecs.getincrementaldecoder("utf-16")("replace")
    for piece in pieces:
        yield decoder.decode(piece).encode("utf-8", "replace")
    yield decoder.decode(b"", final=True).encode("utf-8", "replace")


def inflated(pieces: Iterable[bytes], limits: Limits) -> Iterator[bytes]:
    """The pieces of a transfer with `Content-Encoding: gzip`. Raises BrokenFile."""
    budget = _Budget(limits)
    return budget.spent(gunzipped(budget.packed_counted(pieces)))


def gunzipped(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """All members inflated, piece by piece. Raises BrokenFile."""
    member = zlib.decompressobj(31)
    begun = False
    for piece in pieces:
        while piece:
            if not begun and not piece.strip(b"\0"):
                break  # padding after the last member, as tapes and some uploaders leave it
            try:
                plain = member.decompress(piece, PIECE_BYTES)
            except zlib.error:
                raise BrokenFile("the gzip data is damaged") from None
            begun = True
            if plain:
                yield plain
            piece = member.unconsumed_tail
            if member.eof:
                piece = member.unused_data
                member, begun = zlib.decompressobj(31), False
    if begun and not member.eof:
        raise BrokenFile("the gzip data ends in the middle")


def spooled(pieces: Iterable[bytes], file: BinaryIO, limits: Limits) -> Iterator[BinaryIO | None]:
    """Write the pieces to the file and yield it at last; yields None now and then while it works."""
    written = told = 0
    for piece in pieces:
        written += len(piece)
        if written > limits.file_bytes:
            raise BrokenFile(f"it is larger than {limits.file_bytes} bytes (DRENGR_MAX_FILE_BYTES)")
        file.write(piece)
        if written - told >= _TICK_BYTES:
            told = written
            yield None
    yield file
