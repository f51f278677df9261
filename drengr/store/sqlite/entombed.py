"""Erased people in a backup that is restored: they go before anybody sees it (contract 9)."""

import sqlite3
from collections.abc import Sequence
from typing import Any

from drengr.store import tombstones
from drengr.store.sqlite.packing import plain_id
from drengr.store.sqlite.removal import remove

OF_USER = "i.person_id = ? AND i.user_id IS NOT NULL"  # of an identity `i`
_AT_ONCE = 500


def remove_erased(connection: sqlite3.Connection) -> int:
    """How many events of the file its tombstones forbid; they are gone, in the caller's transaction."""

    def read(sql: str, parameters: Sequence[Any]) -> list[tuple[Any, ...]]:
        return connection.execute(sql, parameters).fetchall()

    projects = connection.execute("SELECT DISTINCT project_id FROM tombstones").fetchall()
    found = (each for (number,) in projects for each in tombstones.forbidden(read, OF_USER, plain_id, number))
    ids = list(dict.fromkeys(event for each in found for event in each.ids))
    starts = range(0, len(ids), _AT_ONCE)
    return sum(remove(connection, ids[start : start + _AT_ONCE], "erased") for start in starts)
