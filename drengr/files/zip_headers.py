"""Files of a zip found by the header in front of each, where its list of files is cut off or damaged (contract 5).

The list stands at the end, so a download that broke off has none. What sends a zip while it is made (Amplitude's
server, our own export) cannot tell a file's size in front of it: it stands behind the file, in a descriptor.
"""

import re
import struct
import zipfile
from collections.abc import Iterator
from typing import BinaryIO, NamedTuple

FILE_MARK = b"PK\x03\x04"
UNKNOWN_CRC = -1

_DESCRIPTOR = b"PK\x07\x08"
_MARK = re.compile(rb"PK(?:\x03\x04|\x07\x08|\x01\x02|\x05\x06)")  # the last two: of the list of files
_HEADER = struct.Struct("<4x2x2H4x3L2H")  # flags, method, checksum, packed and plain size, lengths of name and extra
_DESCRIBED = struct.Struct("<4xLL")  # checksum, packed size
_DESCRIBED_LARGE = struct.Struct("<4xLQ")
_LARGE = struct.Struct("<HHQQ")  # an extra field: its id is 1, its length, plain and packed size
_UTF8, _SIZE_BEHIND = 0x800, 8  # flags
_WINDOW_BYTES = 1024 * 1024


class _Found(NamedTuple):
    start: int  # of the packed data
    member: zipfile.ZipInfo


def members_found(file: BinaryIO, size: int, most: int) -> list[zipfile.ZipInfo]:
    """The files in their order; of more than `most` at least one more than that."""
    found: list[_Found] = []
    marks: set[int] = set()
    described: dict[int, tuple[int, int]] = {}  # by the start that a descriptor claims: its place, the checksum
    for at, mark in _marks(file):
        if mark == FILE_MARK:
            found += _header(file, at)
            if len(found) > most:
                break
        if len(marks) < 4 * most:
            marks.add(at)
            described |= _descriptor(file, at) if mark == _DESCRIPTOR else {}
    return _apart(found, marks, described, size)


def _marks(file: BinaryIO) -> Iterator[tuple[int, bytes]]:
    place, held = 0, b""
    while True:
        file.seek(place)
        piece = file.read(_WINDOW_BYTES)
        if not piece:
            return
        window = held + piece
        for match in _MARK.finditer(window):
            yield place - len(held) + match.start(), match[0]
        place += len(piece)
        held = window[-3:]  # a mark may begin here


def _header(file: BinaryIO, at: int) -> list[_Found]:
    file.seek(at)
    head = file.read(_HEADER.size)
    if len(head) < _HEADER.size:
        return []
    flags, method, checksum, packed, plain, name_bytes, extra_bytes = _HEADER.unpack(head)
    name, extra = file.read(name_bytes), file.read(extra_bytes)
    if packed == 0xFFFFFFFF and len(extra) >= _LARGE.size and extra[:2] == b"\1\0":
        packed = _LARGE.unpack_from(extra)[3]
    member = zipfile.ZipInfo(name.decode("utf-8" if flags & _UTF8 else "cp437", "replace"))
    member.header_offset, member.flag_bits, member.compress_type = at, flags, method
    member.CRC, member.compress_size, member.file_size = checksum, packed, plain
    return [_Found(at + _HEADER.size + name_bytes + extra_bytes, member)]


def _descriptor(file: BinaryIO, at: int) -> dict[int, tuple[int, int]]:
    file.seek(at)
    told = file.read(_DESCRIBED_LARGE.size).ljust(_DESCRIBED_LARGE.size, b"\0")
    checksum, packed = _DESCRIBED.unpack_from(told)
    return dict.fromkeys((at - packed, at - _DESCRIBED_LARGE.unpack(told)[1]), (at, checksum))


def _apart(
    found: list[_Found], marks: set[int], described: dict[int, tuple[int, int]], size: int
) -> list[zipfile.ZipInfo]:
    """Each with the size that it has; none that lies inside another one, as in a zip that is stored in this one."""
    members: list[zipfile.ZipInfo] = []
    behind = 0
    for number, (start, member) in enumerate(found):
        if member.header_offset < behind:
            continue
        following = found[number + 1].member.header_offset if number + 1 < len(found) else 0
        if member.flag_bits & _SIZE_BEHIND:
            end, member.CRC = described.get(start, (following or size + 1, UNKNOWN_CRC))  # + 1: it is cut off
            member.compress_size = end - start
        elif following and start + member.compress_size not in marks:
            member.compress_size = following - start
        behind = start + member.compress_size
        members.append(member)
    return members
