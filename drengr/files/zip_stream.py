"""A zip archive of gzip files, made while it is sent: members of any size, in constant memory (contract 9).

It is read by Python, by unzip, and by readers that never look back. Those learn a member's size behind it, which Java
takes only from deflated members, not from stored ones, and in 32 bits. So members are deflated, without trying to make
smaller what gzip has packed already, and cut into parts long before 4 GiB.
"""

import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from typing import IO, NamedTuple, cast

MOST_PART_BYTES = 2**30  # as gzip packs it
_LEVEL = 1
_NOT_SMALLER = 0  # deflate's level
_OLDEST_YEAR = 1980  # of a zip
_FOR_ITS_OWNER = 0o600 << 16


class Member(NamedTuple):
    """One file of the archive."""

    name: Callable[[int], str]  # of its n-th part: 0, unless it is larger than MOST_PART_BYTES
    time: datetime
    text: Iterable[bytes]


def zip_pieces(members: Iterable[Member]) -> Iterator[bytes]:
    """The archive, piece by piece, none of them empty; each member is packed by gzip."""
    sink = _Sink()
    with zipfile.ZipFile(cast(IO[bytes], sink), "w", zipfile.ZIP_DEFLATED, compresslevel=_NOT_SMALLER) as archive:
        for member in members:
            text = iter(member.text)
            piece, part = next(text, None), 0
            while piece is not None:
                with archive.open(_info(member, part), "w") as file:
                    packer, size = zlib.compressobj(_LEVEL, wbits=31), 0
                    while piece is not None and size < MOST_PART_BYTES:
                        packed = packer.compress(piece)
                        size += len(packed)
                        file.write(packed)
                        yield from sink.taken()
                        piece = next(text, None)
                    file.write(packer.flush())
                part += 1
    yield from sink.taken()


def _info(member: Member, part: int) -> zipfile.ZipInfo:
    time = max(member.time.replace(tzinfo=None), datetime(_OLDEST_YEAR, 1, 1))
    info = zipfile.ZipInfo(member.name(part), time.timetuple()[:6])
    info.compress_type = zipfile.ZIP_DEFLATED
    info.external_attr = _FOR_ITS_OWNER
    return info


class _Sink:
    """What zipfile writes to: it cannot be wound back, and gives away what it has."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []

    def write(self, data: bytes) -> int:
        self._pieces.append(bytes(data))
        return len(data)

    def flush(self) -> None:
        """Nothing is held back."""

    def taken(self) -> Iterator[bytes]:
        """What was written since the last time, as one piece, or none."""
        data = b"".join(self._pieces)
        self._pieces.clear()
        if data:
            yield data
