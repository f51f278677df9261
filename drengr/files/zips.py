"""What a zip holds, trusted no further than it proves: names, sizes and counts are claims (contract 5, whole files)."""

import struct
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from drengr.files.json_rows import BrokenFile

PIECE_BYTES = 128 * 1024
_ZIP_ENTRY_BYTES = 512  # of the zip's directory, per file: what names and times really take, and some room


@dataclass(frozen=True, slots=True)
class Limits:
    """What one upload or file may cost; settings of the same names."""

    line_bytes: int
    file_bytes: int
    zip_members: int
    ratio: int


def zip_members(file: BinaryIO, limits: Limits) -> Iterator[tuple[zipfile.ZipFile, zipfile.ZipInfo]]:
    """The data files of an archive. Raises BrokenFile before the first of them if any of them is not to be trusted."""
    file.seek(0, 2)
    size = file.tell()
    _check_directory(file, size, limits)
    try:
        archive = zipfile.ZipFile(file)
    except (zipfile.BadZipFile, ValueError, struct.error, EOFError, NotImplementedError) as error:
        raise BrokenFile("the zip is cut off or damaged: its list of files cannot be read") from error
    with archive:
        members = [member for member in archive.infolist() if not member.is_dir()]
        _check_members(members, size, limits)
        for member in members:
            if not _is_litter(member.filename):
                yield archive, member


def _check_directory(file: BinaryIO, size: int, limits: Limits) -> None:
    """Refuse an archive whose list of files would fill the memory; zipfile reads all of it at once."""
    file.seek(max(0, size - 65_600))
    tail = file.read()
    at, large = tail.rfind(b"PK\x05\x06"), tail.rfind(b"PK\x06\x06")
    if at < 0 or len(tail) < at + 22:
        raise BrokenFile("the zip is cut off: its list of files, which stands at the end, is missing")
    listed = struct.unpack_from("<L", tail, at + 12)[0]
    if listed == 0xFFFFFFFF and 0 <= large <= len(tail) - 56:
        listed = struct.unpack_from("<Q", tail, large + 40)[0]
    if listed > limits.zip_members * _ZIP_ENTRY_BYTES:
        raise _too_many(limits)


def _check_members(members: list[zipfile.ZipInfo], size: int, limits: Limits) -> None:
    if len(members) > limits.zip_members:
        raise _too_many(limits)
    if sum(member.compress_size for member in members) > size:
        raise BrokenFile("files in the zip overlap, as in a zip bomb")
    for member in members:
        name = member.filename.replace("\\", "/")
        if name.startswith("/") or ".." in name.split("/") or name[1:2] == ":":
            raise BrokenFile(f"the zip names a file outside of itself: {shown(name)}")
        if member.flag_bits & 1:
            raise BrokenFile(f"{shown(name)} in the zip is encrypted")
        if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise BrokenFile(f"{shown(name)} in the zip is packed by another method than deflate")


def member_pieces(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> Iterator[bytes]:
    """The bytes of one file of the archive, inflated. Raises BrokenFile."""
    try:
        with archive.open(member) as opened:
            while piece := opened.read(PIECE_BYTES):
                yield piece
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, ValueError, struct.error):
        raise BrokenFile(f"{shown(member.filename)} in the zip is damaged") from None


def _is_litter(name: str) -> bool:
    """Whether a system left the file beside the data: macOS puts `__MACOSX/._x` into every zip."""
    return name.startswith("__MACOSX/") or name.rpartition("/")[2].startswith(".")


def _too_many(limits: Limits) -> BrokenFile:
    return BrokenFile(f"the zip holds more than {limits.zip_members} files (DRENGR_MAX_ZIP_MEMBERS)")


def shown(name: str) -> str:
    """A name from an archive as an error may quote it."""
    return repr(name[:100])
