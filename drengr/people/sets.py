"""Sets of people as single numbers, a bit a person: a million people are 125 KB, united and counted in microseconds."""

from collections.abc import Iterable

People = int  # bit n is the person with number n; `len` of it is its bit_count(), the union of two is |


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
