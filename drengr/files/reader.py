"""Bytes of any vendor's file → rows: zip, gzip, or plain NDJSON, JSON and CSV (contract 5, whole files).

Streaming, in constant memory, whatever the size. What the bytes are is told by their beginning; names and media types
only decide where that is open. Nothing is ever unpacked to a name that stands in an archive.
"""

import codecs
import zipfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain
from typing import BinaryIO, NamedTuple

from drengr.files.broken import BrokenFile, Enough
from drengr.files.csv_rows import csv_rows
from drengr.files.inflating import DEFLATE, GZIP, PIECE_BYTES, ZLIB, inflated
from drengr.files.json_rows import Rows, json_values, ndjson
from drengr.files.lines import UpToDamage
from drengr.files.sniffing import HEAD_BYTES, kind_of
from drengr.files.zips import Limits, member_pieces, shown, zip_members

_FREE_BYTES = 10 * 1024 * 1024  # inflated bytes that need no ratio: small files of one repeated line pack very well
_TICK_BYTES = 1024 * 1024
_BATCH_ROWS = 2000  # what one damage held back must not become one long transaction
_NAMED_MEMBERS = 10  # in one error
_ZIP_STARTS = (b"PK\x03\x04", b"PK\x05\x06")
_GZIP_START = b"\x1f\x8b"
_ZLIB_STARTS = (b"\x78\x01", b"\x78\x5e", b"\x78\x9c", b"\x78\xda")
_UTF16_STARTS = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_RECORD_MARK = b"\x1e"  # before each row of an RFC 7464 sequence

__all__ = ["PIECE_BYTES", "Batch", "FileReader", "Limits", "spooled", "transferred"]


class Batch(NamedTuple):
    """Some rows in order, and where each was: 1-based line, or element of a JSON array. None: more are being read."""

    rows: list[object]
    places: Sequence[int]


class FileReader:
    """Reads one upload or one file, which may be an archive of many.

    limits       against bombs
    column_kind  what a CSV cell under a header holds, see csv_rows.csv_rows
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
        """One member after the other; those that cannot be read to their end are named when all are done."""
        members, problem = zip_members(file, self._limits)
        broken, named = 0, list[str]()
        for member in members:
            self.member = member.filename
            try:
                yield from self._member_batches(file, member)
            except BrokenFile as error:
                broken += 1
                if len(named) < _NAMED_MEMBERS:
                    named.append(f"{shown(member.filename)}: {error}")
        self.member = ""
        sentences = []
        if problem:
            found = len(members) - broken
            sentences.append(f"the zip is {problem}; {found} whole files were found without it, more may be missing")
        if broken:
            more = f"; and {broken - len(named)} more" if broken > len(named) else ""
            sentences.append(
                f"{broken} of {len(members)} files in the zip cannot be read to the end: {'; '.join(named)}{more}"
            )
        if sentences:
            raise BrokenFile(". ".join(sentences))

    def _member_batches(self, file: BinaryIO, member: zipfile.ZipInfo) -> Iterator[Batch]:
        pieces = _Budget(self._limits, member.compress_size).spent(member_pieces(file, member))
        head, pieces = _with_head(pieces)
        if head.startswith(_ZIP_STARTS):
            raise BrokenFile("it is a zip inside a zip: send it by itself")
        yield from self._data_batches(
            head, pieces, member.filename, _Budget(self._limits, member.compress_size)
        )

    def _data_batches(self, head: bytes, pieces: Iterable[bytes], hint: str, budget: "_Budget") -> Iterator[Batch]:
        if head.startswith(_GZIP_START):
            head, pieces = _with_head(budget.spent(inflated(budget.packed_counted(pieces))))
            if head.startswith((_GZIP_START, *_ZIP_STARTS)):
                raise BrokenFile("an archive inside a gzip: unpack it once and send what is inside")
        else:
            pieces = budget.spent(budget.packed_counted(pieces))
        if head.startswith(_UTF16_STARTS):  # what PowerShell's `>` and Excel's "Unicode text" write
            head, pieces = _with_head(_from_utf16(pieces))
        elif head.startswith(codecs.BOM_UTF8):
            head, pieces = _with_head(_without_first(pieces, len(codecs.BOM_UTF8)))
        readable = UpToDamage(pieces)
        if head:
            self.files += 1
            for rows, places in self._rows(head, readable, hint):
                for start in range(0, len(rows), _BATCH_ROWS):
                    yield self._wanted(rows[start : start + _BATCH_ROWS], places[start : start + _BATCH_ROWS])
        elif not any(readable) and not readable.damage:
            self.files += 1  # it is empty
        if readable.damage:
            raise readable.damage

    def _rows(self, head: bytes, pieces: UpToDamage, hint: str) -> Iterator[Rows]:
        kind = kind_of(head, hint)
        self.in_array = kind == "values"
        if kind == "csv":
            return csv_rows(pieces, head, self._limits.line_bytes, self._column_kind)
        if kind == "values":
            return json_values(pieces, self._limits.line_bytes)
        if head.lstrip().startswith(_RECORD_MARK):
            pieces.replace(_RECORD_MARK, b" ")
        return ndjson(pieces, self._limits.line_bytes)

    def _wanted(self, rows: list[object], places: Sequence[int]) -> Batch:
        """Those behind the rows to be skipped."""
        skipped = min(self._skip, len(rows))
        self._skip -= skipped
        return Batch(rows[skipped:], places[skipped:]) if skipped else Batch(rows, places)


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


# Pieces in, pieces out ------------------------------------------------------------------------------------------------


def _with_head(pieces: Iterable[bytes]) -> tuple[bytes, Iterator[bytes]]:
    """(the first bytes, all pieces with these in front)."""
    pieces = iter(pieces)
    first: list[bytes] = []
    size = 0
    try:
        for piece in pieces:
            first.append(piece)
            size += len(piece)
            if size >= HEAD_BYTES:
                break
    except (BrokenFile, Enough) as error:
        pieces = _broken(error)  # in its place, behind what was read
    head = b"".join(first)
    return head[:HEAD_BYTES], chain([head] if head else [], pieces)


def _broken(error: Exception) -> Iterator[bytes]:
    raise error
    yield b""


def _without_first(pieces: Iterable[bytes], count: int) -> Iterator[bytes]:
    pieces = iter(pieces)
    yield next(pieces, b"")[count:]
    yield from pieces


def _from_utf16(pieces: Iterable[bytes]) -> Iterator[bytes]:
    decoder = codecs.getincrementaldecoder("utf-16")("replace")
    for piece in pieces:
        yield decoder.decode(piece).encode("utf-8", "replace")
    yield decoder.decode(b"", final=True).encode("utf-8", "replace")


def transferred(pieces: Iterable[bytes], coding: str, limits: Limits) -> Iterator[bytes]:
    """The pieces as they were before the transfer. Raises BrokenFile.

    coding  its Content-Encoding: a proxy may have unpacked them and kept it, a script may write `utf-8`
    """
    head, pieces = _with_head(pieces)
    window = _window(head, coding)
    if window:
        budget = _Budget(limits)
        return budget.spent(inflated(budget.packed_counted(pieces), window))
    if coding in ("", "identity", "gzip", "x-gzip") or _may_be_plain(head):
        return pieces
    raise BrokenFile(f"content encoding {coding[:40]!r} is not known; send it as gzip or as it is")


def _window(head: bytes, coding: str) -> int:
    """How what begins so was packed for the transfer; 0 when it was not."""
    if coding in ("gzip", "x-gzip") and head.startswith(_GZIP_START):
        return GZIP
    if coding != "deflate" or _may_be_plain(head):
        return 0
    return ZLIB if head.startswith(_ZLIB_STARTS) else DEFLATE


def _may_be_plain(head: bytes) -> bool:
    """Whether it is text, or an archive by itself."""
    if head.startswith((*_ZIP_STARTS, _GZIP_START, *_UTF16_STARTS)):
        return True
    try:
        text = codecs.getincrementaldecoder("utf-8")().decode(head)
    except UnicodeDecodeError:
        return False
    return "\0" not in text


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
