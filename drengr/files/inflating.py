"""Packed bytes → plain bytes: gzip, zlib and raw deflate, piece by piece, everything before a damage included."""

import zlib
from collections.abc import Iterable, Iterator

from drengr.files.broken import BrokenFile

PIECE_BYTES = 128 * 1024
GZIP, ZLIB, DEFLATE = 31, 15, -15  # zlib's numbers for what stands around the packed data
# What lies behind a gzip member is copied for each of them, and a megabyte can hold 50,000 empty ones.
_SLICE_BYTES = 4 * 1024
_LENGTH_BYTES = 4  # of a gzip's end, behind its checksum


def inflated(pieces: Iterable[bytes], window: int = GZIP) -> Iterator[bytes]:
    """All of it inflated; a gzip may have several members, one after the other.

    Raises  BrokenFile behind the last byte that can be inflated
    """
    stream, begun = zlib.decompressobj(window), False
    behind_checksum = 0  # bytes of the end of a member whose checksum is wrong
    damage: BrokenFile | None = None
    for whole in pieces:
        waiting = [whole]  # the next one last
        while waiting:
            piece = waiting.pop()
            skipped = min(behind_checksum, len(piece))
            piece, behind_checksum = piece[skipped:], behind_checksum - skipped
            if not piece or (not begun and not piece.strip(b"\0")):
                continue  # padding after the last member, as tapes and some uploaders leave it
            saved = stream.copy()
            try:
                plain = stream.decompress(piece, PIECE_BYTES)
            except zlib.error:
                plain, behind, problem = _salvaged(saved, piece)
                damage = _damage(window, problem)
                yield plain
                if not damage.whole:
                    raise damage from None
                behind_checksum = 0 if "length" in problem else _LENGTH_BYTES
                waiting += _slices(behind)
                stream, begun = zlib.decompressobj(window), False
                continue
            begun = True
            if plain:
                yield plain
            if stream.eof:
                if window != GZIP:
                    return
                waiting += _slices(stream.unused_data)
                stream, begun = zlib.decompressobj(window), False
            elif stream.unconsumed_tail:
                waiting.append(stream.unconsumed_tail)
    if begun:
        yield from _last(stream)
        raise BrokenFile(f"the {_named(window)} data ends in the middle")
    if damage:
        raise damage


def _slices(piece: bytes) -> list[bytes]:
    return [piece[start : start + _SLICE_BYTES] for start in range(0, len(piece), _SLICE_BYTES)][::-1]


def _salvaged(stream: "zlib._Decompress", piece: bytes) -> tuple[bytes, bytes, str]:
    """(what stands before the damage, what lies behind it, zlib's word for it).

    zlib gives nothing of a call that meets the damage, so the calls are made smaller and smaller.
    """
    plain: list[bytes] = []
    step = PIECE_BYTES
    while step > 1:
        step //= 2
        saved = stream.copy()
        try:
            plain.append(stream.decompress(piece, step))
        except zlib.error:
            stream = saved
        else:
            piece = stream.unconsumed_tail
    for at in range(len(piece)):
        try:
            plain.append(stream.decompress(piece[at : at + 1]))
        except zlib.error as error:
            return b"".join(plain), piece[at + 1 :], str(error)
    return b"".join(plain), b"", ""


def _last(stream: "zlib._Decompress") -> Iterator[bytes]:
    while plain := stream.decompress(b"", PIECE_BYTES):
        yield plain


def _damage(window: int, problem: str) -> BrokenFile:
    if window == GZIP and "incorrect" in problem and problem.endswith("check") and "header" not in problem:
        return BrokenFile("the gzip data is damaged: its checksum is wrong", whole=True)
    return BrokenFile(f"the {_named(window)} data is damaged")


def _named(window: int) -> str:
    return "gzip" if window == GZIP else "deflated"
