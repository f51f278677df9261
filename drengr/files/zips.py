"""What a zip holds, trusted no further than it proves: names, sizes and counts are claims (contract 5, whole files)."""

import struct
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from drengr.files.broken import BrokenFile
from drengr.files.inflating import DEFLATE, PIECE_BYTES, inflated
from drengr.files.zip_headers import FILE_MARK, UNKNOWN_CRC, members_found

_LOCAL_HEADER = struct.Struct("<4s22xHH")  # mark, lengths of the name and of the extra field that follow
_LITTER = ("thumbs.db", "desktop.ini")
_WORKBOOKS = ("xl/workbook.xml", "xl/workbook.bin", "META-INF/manifest.xml")
_ZIP_ENTRY_BYTES = 512  # of the zip's directory, per file: what names and times really take, and some room


@dataclass(frozen=True, slots=True)
class Limits:
    """What one upload or file may cost; settings of the same names."""

    line_bytes: int
    file_bytes: int
    zip_members: int
    ratio: int


def zip_members(file: BinaryIO, limits: Limits) -> tuple[list[zipfile.ZipInfo], str]:
    """(the data files of an archive, what is wrong with its list of them or "").

    Python's zipfile reads a damaged list as far as it goes, and says nothing. Such a list is done without.
    Raises BrokenFile when the archive as a whole is not to be trusted
    """
    file.seek(0, 2)
    size = file.tell()
    listed, problem = _listed(file, size, limits)
    if problem:
        found = members_found(file, size, limits.zip_members)
        listed = found if len(found) >= len(listed) else listed
    if any(member.filename in _WORKBOOKS for member in listed):
        raise BrokenFile("it is a workbook of Excel or OpenOffice: save it as CSV (UTF-8) and send that")
    members = [member for member in listed if not member.filename.endswith("/")]
    if len(members) > limits.zip_members:
        raise _too_many(limits)
    if not problem and sum(member.compress_size for member in members) > size:
        raise BrokenFile("files in the zip overlap, as in a zip bomb")
    return [member for member in members if not _is_litter(member.filename)], problem


def _listed(file: BinaryIO, size: int, limits: Limits) -> tuple[list[zipfile.ZipInfo], str]:
    """(the list of files as far as it can be read, what is wrong with it or "")."""
    entries = _checked_entries(file, size, limits)
    if entries is None:
        return [], "cut off: its list of files, which stands at the end, is missing"
    damaged = "damaged: its list of files cannot be read"
    try:
        with zipfile.ZipFile(file) as archive:
            listed = archive.infolist()
    except (zipfile.BadZipFile, ValueError, LookupError, struct.error, EOFError, NotImplementedError):
        return [], damaged
    file.seek(0)
    # The list of a zip that is stored in this one: the first file of this one lies at its beginning.
    foreign = file.read(4) == FILE_MARK and all(member.header_offset for member in listed)
    return listed, damaged if foreign or len(listed) < entries else ""


def _checked_entries(file: BinaryIO, size: int, limits: Limits) -> int | None:
    """How many entries the list of files should have, 0 where a zip of more than 65,534 does not say it here.

    None where there is no list. Raises BrokenFile for one that would fill the memory; zipfile reads all of it at once
    """
    file.seek(max(0, size - 65_600))
    tail = file.read()
    at, large = tail.rfind(b"PK\x05\x06"), tail.rfind(b"PK\x06\x06")
    if at < 0 or len(tail) < at + 22:
        return None
    listed = struct.unpack_from("<L", tail, at + 12)[0]
    if listed == 0xFFFFFFFF and 0 <= large <= len(tail) - 56:
        listed = struct.unpack_from("<Q", tail, large + 40)[0]
    if listed > limits.zip_members * _ZIP_ENTRY_BYTES:
        raise _too_many(limits)
    entries: int = struct.unpack_from("<H", tail, at + 10)[0]
    return entries if entries != 0xFFFF else 0


def member_pieces(file: BinaryIO, member: zipfile.ZipInfo) -> Iterator[bytes]:
    """The bytes of one file of the archive, inflated. Raises BrokenFile behind the last that can be read."""
    _check_member(member)
    packed = _packed(file, member)
    checksum = 0
    for piece in packed if member.compress_type == zipfile.ZIP_STORED else inflated(packed, DEFLATE):
        checksum = zlib.crc32(piece, checksum)
        yield piece
    if member.CRC not in (checksum, UNKNOWN_CRC):
        raise BrokenFile("it is damaged: its checksum is wrong", whole=True)


def _check_member(member: zipfile.ZipInfo) -> None:
    name = member.filename.replace("\\", "/")
    if name.startswith("/") or ".." in name.split("/") or name[1:2] == ":":
        raise BrokenFile("its name lies outside of the zip")
    if member.flag_bits & 1:
        raise BrokenFile("it is encrypted")
    if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise BrokenFile("it is packed by another method than deflate")


def _packed(file: BinaryIO, member: zipfile.ZipInfo) -> Iterator[bytes]:
    """The member as it lies in the archive; zipfile itself gives nothing of a piece that meets a damage."""
    file.seek(max(0, member.header_offset))
    header = file.read(_LOCAL_HEADER.size)
    if len(header) < _LOCAL_HEADER.size or header[:4] != FILE_MARK:
        raise BrokenFile("it is damaged: it does not lie where the zip's list says")
    _, name_bytes, extra_bytes = _LOCAL_HEADER.unpack(header)
    file.seek(name_bytes + extra_bytes, 1)
    left = member.compress_size
    while left > 0 and (piece := file.read(min(left, PIECE_BYTES))):
        left -= len(piece)
        yield piece
    if left > 0:
        raise BrokenFile("it is cut off")


def _is_litter(name: str) -> bool:
    """Whether a system left the file beside the data: macOS puts `__MACOSX/._x` into every zip."""
    last = name.replace("\\", "/").rpartition("/")[2]
    return name.startswith("__MACOSX/") or last.startswith(".") or last.lower() in _LITTER


def _too_many(limits: Limits) -> BrokenFile:
    return BrokenFile(f"the zip holds more than {limits.zip_members} files (DRENGR_MAX_ZIP_MEMBERS)")


def shown(name: str) -> str:
    """A name from an archive as an error may quote it."""
    return repr(name[:100])
