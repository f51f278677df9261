"""Where somebody who follows the events is, also as text that travels in a URL (contract 13: followers).

Where ids are drawn before they are committed, a smaller one may appear after a larger one: a place there is the largest
id that was looked at, and the gaps below it that may still be filled.
"""

import re
import time
from collections.abc import Iterable, Sequence
from typing import NamedTuple, Self

_LARGEST_ID = 2**63 - 1
_MOST_GAPS_IN_TEXT = 100  # a few characters each: the URL stays below what servers and proxies take
_TEXT = re.compile(rf"\d{{1,19}}(-\d{{1,19}}\.\d{{1,19}}){{0,{_MOST_GAPS_IN_TEXT}}}", re.ASCII)


class Gap(NamedTuple):
    """Ids that were not there."""

    first: int
    last: int
    noted_at: float  # monotonic seconds


class Place(int):
    """The largest id that a follower has looked at, and the gaps below, in their order."""

    gaps: tuple[Gap, ...] = ()

    @classmethod
    def at(cls, newest: int, gaps: Iterable[Gap]) -> Self:
        """The place after that id."""
        place = cls(newest)
        place.gaps = tuple(gaps)
        return place


def gaps_of(place: int) -> tuple[Gap, ...]:
    """The gaps below a place; a plain id has none."""
    return place.gaps if isinstance(place, Place) else ()


def place_text(place: int) -> str:
    """The place in digits, `-` and `.`: the id, then each gap by how far its first id is from there, and its length.

    Of very many gaps the oldest are told as one, so that who looks on from there may see events once more.

    >>> place_text(7), place_text(Place.at(100, [Gap(90, 92, 0.0), Gap(99, 99, 0.0)]))
    ('7', '100-10.3-1.1')
    """
    gaps = gaps_of(place)
    older, newer = gaps[: 1 - _MOST_GAPS_IN_TEXT], gaps[1 - _MOST_GAPS_IN_TEXT :]
    joined = [Gap(older[0].first, older[-1].last, 0.0)] if older else []
    told = [f"-{place - gap.first}.{gap.last - gap.first + 1}" for gap in (*joined, *newer)]
    return "".join((str(int(place)), *told))


def place_of(text: str) -> Place:
    """The place that the text tells. Raises ValueError when it tells none.

    >>> [(gap.first, gap.last) for gap in place_of("100-10.3-1.1").gaps]
    [(90, 92), (99, 99)]
    """
    if not _TEXT.fullmatch(text):
        raise ValueError(text)
    newest, *told = text.split("-")
    place, now = int(newest), time.monotonic()
    gaps = [Gap(place - back, place - back + length - 1, now) for back, length in map(_numbers, told)]
    if place > _LARGEST_ID or not _are_in_order(gaps, place):
        raise ValueError(text)
    return Place.at(place, gaps)


def _numbers(told: str) -> tuple[int, int]:
    back, _, length = told.partition(".")
    return int(back), int(length)


def _are_in_order(gaps: Sequence[Gap], place: int) -> bool:
    """Whether each gap holds an id and lies between the one before and the place."""
    ends = [0, *(gap.last for gap in gaps)]
    return all(end < gap.first <= gap.last < place for end, gap in zip(ends, gaps, strict=False))
