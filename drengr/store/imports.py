"""History on its way in: transactions that wait for their turn, and how far an import has come (contract 5)."""

import sqlite3
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from drengr.event import Event
from drengr.store import Store
from drengr.store.group_commit import Busy
from drengr.store.write import Added, Also

_TRIES = 5  # of a transaction whose turn did not come: history has more time than a live client

_KEEP = """
INSERT INTO import_progress (project_id, file_key, rows, imported, skipped, duplicates, reasons)
VALUES (?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (project_id, file_key) DO UPDATE SET rows = excluded.rows, imported = excluded.imported,
  skipped = excluded.skipped, duplicates = excluded.duplicates, reasons = excluded.reasons
"""


class Progress(NamedTuple):
    """How far one file has come."""

    rows: int
    imported: int
    skipped: int
    duplicates: int
    reasons: str  # JSON array


def add_history(store: Store, project_id: int, events: list[Event], also: Also | None = None) -> Added:
    """As EventWriter.add, with more patience."""
    return _patiently(lambda: store.events.add(project_id, events, also=also))


def keep_progress(connection: sqlite3.Connection, project_id: int, file_key: str, progress: Progress) -> None:
    """Note how far the file has come, in the caller's transaction."""
    connection.execute(_KEEP, (project_id, file_key, *progress))


def progress_of(store: Store, project_id: int, file_key: str) -> Progress | None:
    """How far an earlier run came with this file; None when it never began, or ended well."""
    found = store.database.read(
        "SELECT rows, imported, skipped, duplicates, reasons FROM import_progress"
        " WHERE project_id = ? AND file_key = ?",
        (project_id, file_key),
    )
    return Progress(*found[0]) if found else None


def forget_progress(store: Store, project_id: int, file_keys: Iterable[str]) -> None:
    """The run that these files belong to is over: the next one begins at row one again."""
    keys = [(project_id, key) for key in file_keys]
    statement = "DELETE FROM import_progress WHERE project_id = ? AND file_key = ?"
    _patiently(lambda: store.commits.run(lambda connection: connection.executemany(statement, keys)))


def _patiently(write: Callable[[], Any]) -> Any:
    for _ in range(_TRIES - 1):
        try:
            return write()
        except Busy:
            continue
    return write()
