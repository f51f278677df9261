"""What is counted in memory that all workers share, for /metrics (contract 11).

One row of integers a worker slot, each written by its worker alone and never set back to zero: a worker that dies
leaves its counts behind, and the next one in its slot goes on from there. The memory is made when this module is first
imported, which is in gunicorn's master, before it forks; without a master it belongs to the one process.
"""

import mmap
import threading
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from http import HTTPStatus
from typing import NamedTuple

from drengr.events.outcomes import DOORS, REFUSED

ALL_DOORS = (*DOORS, "page", "other")
CODES = tuple(str(status.value) for status in HTTPStatus if status >= 200)
REQUEST_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
COMMIT_SECONDS = REQUEST_SECONDS
MOST_SLOTS = 256  # workers at one time, those that are just ending included

_US = 1_000_000
_BYTES = 8
_ALIVE = 1  # integers at the head of a row: whether the slot was ever used


class Histogram(NamedTuple):
    """How many took at most each of `bounds`, in seconds; the last count is of all."""

    bounds: Sequence[float]
    cumulative: list[int]
    sum_s: float


class _Layout:
    """Where each count lies in a row."""

    def __init__(self) -> None:
        self.width = _ALIVE
        self.requests = {(door, code): self._next() for door in ALL_DOORS for code in CODES}
        self.refused = {(door, reason): self._next() for door in DOORS for reason in REFUSED}
        self.durations = {door: self._next(len(REQUEST_SECONDS) + 2) for door in ALL_DOORS}
        self.commits = self._next(len(COMMIT_SECONDS) + 2)
        self.sign_ins = self._next(2)  # the minute since 1970, and how many were tried in it

    def _next(self, count: int = 1) -> int:
        self.width += count
        return self.width - count


_AT = _Layout()


class Measures:
    """The counts of one service; `slot` is this process's row."""

    def __init__(self, slots: int = MOST_SLOTS) -> None:
        self._integers = memoryview(mmap.mmap(-1, slots * _AT.width * _BYTES)).cast("q")
        self._slots = slots
        self._lock = threading.Lock()
        self.use_slot(0)

    def use_slot(self, slot: int) -> None:
        """From now on this process counts in this row; no other process may."""
        self._lock = threading.Lock()  # another thread of the parent may have held it at the fork
        self._row = (slot % self._slots) * _AT.width

    def answered(self, door: str, code: str, seconds: float) -> None:
        """A request was answered."""
        with self._lock:
            self._add(_AT.requests.get((door, code), _AT.requests[door, "500"]))
            self._observe(_AT.durations[door], REQUEST_SECONDS, seconds)

    def refused(self, door: str, reason: str) -> None:
        """A request to a door was refused with nothing read."""
        with self._lock:
            self._add(_AT.refused[door, reason])

    def committed(self, seconds: float) -> None:
        """A transaction was written and flushed."""
        with self._lock:
            self._observe(_AT.commits, COMMIT_SECONDS, seconds)

    def sign_in_tried(self, minute: int, tries: int = 1) -> int:
        """A key was pasted to sign in to the page, or with -1 turned out to be good; how many were not, this minute."""
        at = self._row + _AT.sign_ins
        with self._lock:
            if self._integers[at] != minute:
                self._integers[at], self._integers[at + 1] = minute, 0
            self._integers[at + 1] += tries
        firsts = [row + _AT.sign_ins for row in range(0, self._slots * _AT.width, _AT.width)]
        return sum(self._integers[first + 1] for first in firsts if self._integers[first] == minute)

    def requests(self) -> Iterator[tuple[str, str, int]]:
        """(door, code, how many), those that occurred."""
        totals = self._totals()
        return ((*key, totals[at]) for key, at in _AT.requests.items() if totals[at])

    def refusals(self) -> Iterator[tuple[str, str, int]]:
        """(door, reason, how many), all of them."""
        totals = self._totals()
        return ((*key, totals[at]) for key, at in _AT.refused.items())

    def durations(self) -> Iterator[tuple[str, Histogram]]:
        """(door, how long its requests took)."""
        totals = self._totals()
        return ((door, _histogram(totals, at, REQUEST_SECONDS)) for door, at in _AT.durations.items())

    def commits(self) -> Histogram:
        """How long transactions took."""
        return _histogram(self._totals(), _AT.commits, COMMIT_SECONDS)

    def _add(self, at: int, number: int = 1) -> None:
        self._integers[self._row] = 1
        self._integers[self._row + at] += number

    def _observe(self, at: int, bounds: Sequence[float], seconds: float) -> None:
        self._add(at + bisect_left(bounds, seconds))
        self._add(at + len(bounds) + 1, round(seconds * _US))

    def _totals(self) -> list[int]:
        used = [row for row in range(0, self._slots * _AT.width, _AT.width) if self._integers[row]]
        rows = [self._integers[row : row + _AT.width].tolist() for row in used]
        return [sum(column) for column in zip(*rows, strict=True)] if rows else [0] * _AT.width


def _histogram(totals: list[int], at: int, bounds: Sequence[float]) -> Histogram:
    cumulative, sum_so_far = [], 0
    for number in totals[at : at + len(bounds) + 1]:
        sum_so_far += number
        cumulative.append(sum_so_far)
    return Histogram(bounds, cumulative, totals[at + len(bounds) + 1] / _US)


measures = Measures()
