"""History on its way in: transactions that wait for their turn, and how far an import has come (contract 5)."""

from collections.abc import Callable, Iterable
from typing import TypeVar

from drengr.events.event import Event
from drengr.store.errors import Busy
from drengr.store.results import Account, Added, Progress
from drengr.store.sql import Reader, Statements, Writer

R = TypeVar("R")

_TRIES = 5  # of a transaction whose turn did not come: history has more time than a live client

_KEEP = """
INSERT INTO import_progress (project_id, file_key, rows, imported, skipped, duplicates, reasons)
VALUES (?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (project_id, file_key) DO UPDATE SET rows = excluded.rows, imported = excluded.imported,
  skipped = excluded.skipped, duplicates = excluded.duplicates, reasons = excluded.reasons
"""


def add_history(
    add: Callable[..., Added],
    project_id: int,
    events: list[Event],
    account: Account | None,
    file_key: str | None,
    progress: Callable[[Added], Progress] | None,
) -> Added:
    """As `add`, with more patience; how far the file has come is noted in the same transaction.

    add  (project_id, events, account, alongside=…) → what became of the events; calls `alongside` in their transaction
    """

    def keep_progress(connection: Statements, added: Added) -> None:
        if file_key is not None and progress is not None:
            connection.execute(_KEEP, (project_id, file_key, *progress(added)))

    return _patiently(lambda: add(project_id, events, account, alongside=keep_progress if file_key else None))


def progress_of(database: Reader, project_id: int, file_key: str) -> Progress | None:
    """How far an earlier run came with this file; None when it never began, or ended well."""
    found = database.read(
        "SELECT rows, imported, skipped, duplicates, reasons FROM import_progress"
        " WHERE project_id = ? AND file_key = ?",
        (project_id, file_key),
    )
    return Progress(*found[0]) if found else None


def forget_progress(commits: Writer, project_id: int, file_keys: Iterable[str]) -> None:
    """The run that these files belong to is over: the next one begins at row one again."""
    keys = [(project_id, key) for key in file_keys]
    statement = "DELETE FROM import_progress WHERE project_id = ? AND file_key = ?"
    _patiently(lambda: commits.run(lambda connection: connection.executemany(statement, keys)))


def _patiently(write: Callable[[], R]) -> R:
    for _ in range(_TRIES - 1):
        try:
            return write()
        except Busy:
            continue
    return write()
