"""Words that repeat in every event, names by project and the origins of events: found, or made where they are new."""

import sqlite3
from collections.abc import Callable
from typing import Any

from drengr.store.sqlite.history import new_number

Word = tuple[object, ...]  # (project_id, name) or (source, app_package)
Codes = dict[Word, int]


class TransactionCodes(dict[Word, int]):
    """Codes of names and origins by (project_id, name) and (source, app_package), for one transaction.

    What is not among the known ones is found or made in the database, and noted in `learned`.
    """

    def __init__(self, connection: sqlite3.Connection, known: Codes, learned: Codes) -> None:
        self._connection = connection
        self._known = known
        self._learned = learned

    def __missing__(self, key: Word) -> int:
        code = self._known.get(key) or self._learned.get(key)
        if code is None:
            found_or_made: Callable[..., int] = _name_code if isinstance(key[0], int) else _origin_code
            code = self._learned[key] = found_or_made(self._connection, *key)
        self[key] = code
        return code


def _name_code(connection: sqlite3.Connection, project_id: int, name: str) -> int:
    found = "SELECT id FROM event_names WHERE project_id = ? AND name = ?"
    made = f"INSERT INTO event_names (id, project_id, name) VALUES ({new_number('event_names')}, ?, ?)"
    return _found_or_made(connection, found, made, (project_id, name))


def _origin_code(connection: sqlite3.Connection, source: str, app_package: str | None) -> int:
    found = "SELECT id FROM origins WHERE source = ? AND app_package IS ?"
    made = f"INSERT INTO origins (id, source, app_package) VALUES ({new_number('origins')}, ?, ?)"
    return _found_or_made(connection, found, made, (source, app_package))


def _found_or_made(connection: sqlite3.Connection, found: str, made: str, key: tuple[Any, ...]) -> int:
    row = connection.execute(found, key).fetchone()
    return int(row[0] if row else connection.execute(made, key).lastrowid or 0)
