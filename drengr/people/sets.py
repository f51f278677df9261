"""Sets of people as single numbers, a bit a person: a million people are 125 KB, united and counted in microseconds."""

import zlib
from collections.abc import Iterable

People = int  # bit n is the person with number n; there are bit_count() of them, | unites two sets


def people_of(numbers: Iterable[int]) -> People:
    """The set of people with these numbers, in any order.

    >>> people_of([3, 0, 3]) == 0b1001
    True
    """
    flags = bytearray(1 << 10)
    for number in numbers:
        place = number >> 3
        if place >= len(flags):
            flags.extend(bytes(place))  # twice what is needed
        flags[place] |= 1 << (number & 7)
    return int.from_bytes(flags, "little")


def packed(people: People) -> bytes:
    """The set as few bytes: about one a person where a twentieth of all are in it.

    >>> unpacked(packed(0b1001)) == 0b1001
    True
    """
    return zlib.compress(people.to_bytes((people.bit_length() + 7) // 8, "little"), 1)


def unpacked(data: bytes) -> People:
    """The set that was packed."""
    return int.from_bytes(zlib.decompress(data), "little")
