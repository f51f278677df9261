"""Unions of sets of people that were asked for lately, in memory: the next who asks need not unpack them again."""

import sqlite3
import threading
from collections import OrderedDict

from drengr.people.sets import People, unpacked

_MOST_BYTES = 32 * 1024 * 1024

_SET = "SELECT people FROM day_sets WHERE id = ?"

_remembered: OrderedDict[tuple[int, ...], People] = OrderedDict()  # of all files: an id is of one set for ever
_lock = threading.Lock()
_bytes = 0


def united(connection: sqlite3.Connection, ids: tuple[int, ...]) -> People:
    """Everybody who is in one of these sets."""
    with _lock:
        known = _remembered.get(ids)
        if known is not None:
            _remembered.move_to_end(ids)
            return known
    people = 0
    for number in ids:
        people |= unpacked(connection.execute(_SET, (number,)).fetchone()[0])
    _remember(ids, people)
    return people


def _remember(ids: tuple[int, ...], people: People) -> None:
    global _bytes
    with _lock:
        if ids in _remembered:
            return
        _remembered[ids] = people
        _bytes += people.bit_length() // 8
        while _bytes > _MOST_BYTES:
            _, oldest = _remembered.popitem(last=False)
            _bytes -= oldest.bit_length() // 8
