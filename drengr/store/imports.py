"""History on its way in: transactions that wait for their turn, how far an import has come, and which events each one
brought, so that it can be undone (contract 5, 9).
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol, TypeVar

from drengr.events.event import Event
from drengr.store import removal_rows
from drengr.store.clock import now_ms
from drengr.store.errors import Busy, DatabaseError
from drengr.store.results import Account, Added, Progress
from drengr.store.sql import Reader, Statements, Writer

R = TypeVar("R")

_TRIES = 5  # of a transaction whose turn did not come: history has more time than a live client
_AFTER_ALL = 2**62

_KEEP = """
INSERT INTO import_progress (project_id, file_key, rows, imported, skipped, duplicates, reasons, number)
VALUES (?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (project_id, file_key) DO UPDATE SET rows = excluded.rows, imported = excluded.imported,
  skipped = excluded.skipped, duplicates = excluded.duplicates, reasons = excluded.reasons, number = excluded.number
"""
_MAKE = """
INSERT INTO imports (project_id, number, source, app_package, file, received_at, imported, skipped, duplicates)
VALUES (?, (SELECT coalesce(max(number), 0) + 1 FROM imports WHERE project_id = ?), ?, ?, ?, ?, 0, 0, 0)
ON CONFLICT (project_id, number) DO NOTHING RETURNING number
"""
_COUNT = """
UPDATE imports SET imported = imported + ?, skipped = skipped + ?, duplicates = duplicates + ?,
  first_id = coalesce(first_id, ?), last_id = coalesce(?, last_id)
WHERE project_id = ? AND number = ? AND undone_at IS NULL
"""
_GO_ON = """
UPDATE import_ids SET last_id = ? WHERE project_id = ? AND number = ? AND last_id = ?
  AND first_id = (SELECT max(first_id) FROM import_ids WHERE project_id = ? AND number = ?)
"""
_BEGIN_RUN = "INSERT INTO import_ids (project_id, number, first_id, last_id) VALUES (?, ?, ?, ?)"
_PAST = """
SELECT number, source, app_package, file, received_at, imported, skipped, duplicates, first_id, last_id, undone_at
FROM imports WHERE project_id = ? AND number < ? ORDER BY number DESC LIMIT ?
"""
_LEFT = """
SELECT count(*) FROM import_ids AS r CROSS JOIN semantic_events AS e
WHERE r.project_id = ? AND r.number = ? AND e.id BETWEEN r.first_id AND r.last_id
"""
_UNDONE = "UPDATE imports SET undone_at = ? WHERE project_id = ? AND number = ? AND undone_at IS NULL"
_FORGET = "DELETE FROM import_progress WHERE project_id = ? AND number = ?"


class PastImport(NamedTuple):
    """A file or an upload that was imported."""

    number: int  # of the project's own, from 1
    source: str
    app_package: str | None
    file: str | None  # its name; None: not known, as of standard input
    received_at: int  # epoch ms, when it began
    imported: int
    skipped: int
    duplicates: int
    first_id: int | None  # of the events it brought; None: none
    last_id: int | None
    undone_at: int | None  # epoch ms


@dataclass(slots=True)
class ImportRun:
    """A file or an upload on its way in."""

    source: str
    app_package: str | None
    file: str | None
    received_at: int  # epoch ms
    number: int | None = None  # once its first rows are stored; that of an earlier run that went so far


class ImportStore(Protocol):
    """The verbs about imports. Every one of them raises StoreError when the database cannot do it now."""

    def imports(self, project_id: int, limit: int, before: int | None = None) -> list[PastImport]:
        """What was imported, newest first; before: only those with a smaller number."""

    def would_undo(self, project_id: int, number: int) -> int:
        """How many of the events that this import brought are here."""

    def undo_import(self, project_id: int, number: int) -> int:
        """What the import brought is to go: the number of the removal, for `go_on_removing`.

        Raises  ValueError when there is no such import, or it was undone
        """


def add_history(
    add: Callable[..., Added],
    project_id: int,
    events: list[Event],
    account: Account | None,
    file_key: str | None,
    progress: Callable[[Added], Progress] | None,
    run: ImportRun | None,
) -> Added:
    """As `add`, with more patience; how far the file has come, and what it brought, is noted in the same transaction.

    add  (project_id, events, account, alongside=…) → what became of the events; calls `alongside` in their transaction
    """
    number = run.number if run is not None else None

    def note(connection: Statements, added: Added, ids: Sequence[int]) -> None:
        nonlocal number
        if run is not None:
            number = run.number or _made(connection, project_id, run)
            skipped = len(added.refused) + (sum(account.dropped.values()) if account else 0)
            _count(connection, project_id, number, added, skipped, ids)
        if file_key is not None and progress is not None:
            connection.execute(_KEEP, (project_id, file_key, *progress(added)[:-1], number))

    added = _patiently(lambda: add(project_id, events, account, alongside=note if run or file_key else None))
    if run is not None:
        run.number = number  # only now: had it been rolled back, the number would be another's
    return added


def _made(connection: Statements, project_id: int, run: ImportRun) -> int:
    """The number of a new import."""
    row = project_id, project_id, run.source, run.app_package, run.file, run.received_at
    while not (made := connection.execute(_MAKE, row).fetchall()):
        pass  # another machine took the number at the same moment
    return int(made[0][0])


def _count(
    connection: Statements, project_id: int, number: int, added: Added, skipped: int, ids: Sequence[int]
) -> None:
    """Into its row and its runs of ids. Raises DatabaseError when the import was undone."""
    runs = _runs(ids)
    ends = (runs[0][0], runs[-1][1]) if runs else (None, None)
    key = project_id, number
    if not connection.execute(_COUNT, (added.inserted, skipped, added.duplicates, *ends, *key)).rowcount:
        raise DatabaseError(f"import {number} was undone while it ran; nothing more of it is stored")
    if runs and connection.execute(_GO_ON, (runs[0][1], *key, runs[0][0] - 1, *key)).rowcount:
        runs = runs[1:]
    connection.executemany(_BEGIN_RUN, [(*key, *each) for each in runs])


def _runs(ids: Sequence[int]) -> list[tuple[int, int]]:
    """(first, last) of what follows each other without a gap in ascending ids.

    >>> _runs([4, 5, 6, 9])
    [(4, 6), (9, 9)]
    """
    if isinstance(ids, range):
        return [(ids[0], ids[-1])] if ids else []
    runs: list[tuple[int, int]] = []
    for each in ids:
        if runs and runs[-1][1] == each - 1:
            runs[-1] = runs[-1][0], each
        else:
            runs.append((each, each))
    return runs


def progress_of(database: Reader, project_id: int, file_key: str) -> Progress | None:
    """How far an earlier run came with this file; None when it never began, or ended well."""
    found = database.read(
        "SELECT rows, imported, skipped, duplicates, reasons, number FROM import_progress"
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


# What was imported ----------------------------------------------------------------------------------------------------


def imports(database: Reader, project_id: int, limit: int, before: int | None = None) -> list[PastImport]:
    """See ImportStore.imports."""
    rows = database.read(_PAST, (project_id, _AFTER_ALL if before is None else before, limit))
    return [PastImport(*row) for row in rows]


def would_undo(database: Reader, project_id: int, number: int) -> int:
    """See ImportStore.would_undo."""
    return int(database.read(_LEFT, (project_id, number))[0][0])


def undo_import(connection: Statements, project_id: int, number: int, bound: int) -> int:
    """See ImportStore.undo_import. From this transaction on the import stores nothing more.

    bound  of the removal: that every event there is was there before
    """
    now = now_ms()
    if not connection.execute(_UNDONE, (now, project_id, number)).rowcount:
        raise ValueError(f"there is no import {number} that could be undone; see `drengr imports`.")
    connection.execute(_FORGET, (project_id, number))
    return removal_rows.begin(connection, project_id, "undone", bound, {"import": number}, began_at=now)
