"""`drengr db compact`: the file made anew, so that nothing is left in it of what was deleted (contract 9, Erase).

Where SQLite divides or unites pages of a tree, copies of rows stay in the unused part of a page, secure_delete or not.
VACUUM would hold writers up for as long as it takes; so it is done to a copy, which takes the name when it is whole.
"""

import os
import shutil
import time
from collections.abc import Callable
from contextlib import closing

from drengr.store.errors import DatabaseError
from drengr.store.results import Compacted
from drengr.store.sqlite import checked, migrate, place, rewriting
from drengr.store.sqlite.connections import connect

_PATIENCE_S = 2.0  # with commands that use the database for a moment
_LEAST_ROOM_BYTES = 4 << 20


def compact(path: str, say: Callable[[str], object]) -> Compacted:
    """See drengr.store.compact. `path` is the real one."""
    began = time.monotonic()
    with place.in_plain_words(path), closing(place.UseLock(path)) as lock:
        if not place.is_writable(path):
            raise DatabaseError(place.unwritable_sentence(path))
        if not lock.take(_PATIENCE_S):
            raise DatabaseError(f"{path} is in use by another process; stop the service and commands that use it.")
        if migrate.missing(path, path):
            raise DatabaseError(f"{path} was written by an older version of Drengr; {migrate.HOW_TO_UPGRADE}.")
        rewriting.fold_log(path)
        before = os.path.getsize(path)
        _must_have_room(path, before)
        with place.scratch(path) as part, closing(connect(path)) as old:
            old.execute("PRAGMA locking_mode = exclusive")  # from the first look at it until the end
            say(f"Making {path} anew.")
            old.execute("VACUUM INTO ?", (part,))
            _must_be_sound(path, part)
            migrate.serve_from(part)
            rewriting.replace(path, part)
    return Compacted(path, before, os.path.getsize(path), time.monotonic() - began)


def _must_have_room(path: str, size: int) -> None:
    free = shutil.disk_usage(os.path.dirname(path)).free
    if free < size + _LEAST_ROOM_BYTES:
        raise DatabaseError(
            f"{path} cannot be made anew: that needs up to {size / 1e6:,.0f} MB of room in its folder,"
            f" and {free / 1e6:,.0f} MB are free."
        )


def _must_be_sound(path: str, part: str) -> None:
    with closing(checked.Copy(part)) as copy:
        fault = checked.findings(copy).fault
    if fault:
        raise DatabaseError(f"{path} was left as it is, it is damaged: {fault}; see `drengr verify`.")
