"""Files on this machine: how they are read, and what becomes of the events: stored here, or only counted."""

import os
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from hashlib import sha256
from tempfile import TemporaryFile
from typing import BinaryIO, Protocol

import orjson

from drengr.config import Config, rules_of
from drengr.events.event import Context
from drengr.events.jsontext import clean_text
from drengr.files.reader import PIECE_BYTES, FileReader, spooled
from drengr.importing import Import, Tally, Waiting, count_name, limits_of
from drengr.sources import READERS, drengr
from drengr.store import Account, Added, ImportRun, Problem, Progress, Project, Store
from drengr.store.clock import now_ms

_COUNTED_ROWS = 5000  # of a dry run, which holds nobody up
_ENDS_BYTES = 64 * 1024  # at both ends of a file, that tell it from another of the same size and time


class Keeper(Protocol):
    """What becomes of the events of one file after the other."""

    def begin(self, path: str) -> Tally:
        """A file begins: the totals of an earlier run that went so far with it, all zero for a new one."""

    def put(self, waiting: Waiting, before: Tally) -> Added:
        """Keep these events; `before` are the file's totals without them."""

    def rows_at_once(self) -> int:
        """How many rows to keep in one go now."""

    def finish(self) -> None:
        """Every file is done."""


class LocalImport:
    """Reads one file after the other; `tally` and `files` are those of the last one."""

    def __init__(self, config: Config, context: Context, keeper: Keeper) -> None:
        self._config = config
        self._context = context
        self._keeper = keeper
        self.tally = Tally()
        self.files = 0  # data files in it, archives not counted
        self.resumed_at = 0  # rows that an earlier run had stored

    def run(self, path: str) -> Iterator[int]:
        """Import the file; yields its bytes done so far. Raises BrokenFile, OSError, StoreError."""
        self.tally, self.files, self.resumed_at = Tally(), 0, 0
        with open_file(path) as file:
            self.tally = self._keeper.begin(path)
            self.resumed_at = self.tally.rows
            kind = READERS[self._context.source].column_kind
            reader = FileReader(
                limits_of(self._config), lambda header: kind(header, self._context.mapping), skip=self.tally.rows
            )
            running = Import(
                self._context,
                self._keeper.put,
                lambda _, place: _where(path, reader, place),
                self.tally,
                rows_at_once=self._keeper.rows_at_once,
            )
            try:
                batches = reader.batches(_pieces(file), path, lambda pieces: self._seekable(file, pieces))
                for _ in running.run(batches):
                    self.tally, self.files = running.tally, reader.files
                    yield file.tell() if file.seekable() else 0
            finally:
                self.tally, self.files = running.tally, reader.files

    def finish(self) -> None:
        """Every file is done."""
        self._keeper.finish()

    def _seekable(self, file: BinaryIO, pieces: Iterable[bytes]) -> Iterator[BinaryIO | None]:
        if file.seekable():
            yield file
            return
        with TemporaryFile(dir=self._config.folder) as spool:
            yield from spooled(pieces, spool, limits_of(self._config))


class Stored:
    """Keeps the events in the database; a file that was begun by a killed run is continued."""

    def __init__(self, config: Config, context: Context, store: Store, project: Project) -> None:
        self._config = config
        self._context = context
        self._store = store
        self._project = project
        self._keys: set[str] = set()
        self._key: str | None = None  # of the file that is read now
        self._run = self._run_of(None, None)

    def begin(self, path: str) -> Tally:
        self._key = self._key_of(path)
        known = self._store.progress_of(self._project.id, self._key) if self._key else None
        self._run = self._run_of(None if path == "-" else os.path.basename(path), known.number if known else None)
        return _tally_of(known) if known else Tally()

    def put(self, waiting: Waiting, before: Tally) -> Added:
        again = self._context.source == drengr.SOURCE
        account = Account("importer", waiting.rows, waiting.dropped, waiting.changed, again)
        added = self._store.add_history(
            self._project.id,
            waiting.events,
            self._key,
            lambda added: _progress_of(before.after(waiting, added)),
            account,
            self._run,
        )
        problems = waiting.problems + waiting.refused_problems(added)
        if problems:
            self._store.note({}, self._problems(problems))
        return added

    def _run_of(self, file: str | None, number: int | None) -> ImportRun:
        context = self._context
        name = None if file is None else clean_text(file)
        return ImportRun(context.source, context.app_package, name, context.now_ms, number)

    def _problems(self, problems: Counter[tuple[str, str]]) -> list[Problem]:
        now = now_ms()
        return [
            Problem(self._project.id, "importer", reason, event_name, "", "", "", rows, now, now)
            for (reason, event_name), rows in problems.items()
        ]

    def rows_at_once(self) -> int:
        return self._store.history_rows()

    def finish(self) -> None:
        self._store.forget_progress(self._project.id, self._keys)

    def _key_of(self, path: str) -> str | None:
        """What tells this file, read this way, from any other; None for what cannot be read twice.

        A file changed since the killed run has another time: it is read from row one, and what is stored are repeats.
        """
        if not os.path.isfile(path):
            return None
        found = os.stat(path)
        with open(path, "rb") as file:
            ends = sha256(file.read(_ENDS_BYTES))
            file.seek(max(0, found.st_size - _ENDS_BYTES))
            ends.update(file.read())
        context = self._context
        way = [context.source, context.app_package, context.mapping, str(context.time_zone), rules_of(self._config)]
        key = sha256(orjson.dumps([found.st_size, found.st_mtime_ns, ends.hexdigest(), way])).hexdigest()
        if key in self._keys:
            return None  # a second copy in the same run: its rows are repeats, and are counted as such
        self._keys.add(key)
        return key


class Counted:
    """Keeps nothing: a dry run, which counts the events by name."""

    def __init__(self) -> None:
        self.names: Counter[tuple[str, str]] = Counter()  # (as it would be stored, as it came)

    def begin(self, path: str) -> Tally:
        return Tally()

    def put(self, waiting: Waiting, before: Tally) -> Added:
        for event in waiting.events:
            count_name(self.names, event)
        return Added(len(waiting.events), 0)

    def rows_at_once(self) -> int:
        return _COUNTED_ROWS

    def finish(self) -> None:
        """Nothing was noted."""


def open_file(path: str) -> BinaryIO:
    """The file, or standard input. Raises OSError."""
    if path != "-":
        return open(path, "rb")
    if sys.stdin is None:
        raise OSError("standard input is closed")
    return sys.stdin.buffer


def _pieces(file: BinaryIO) -> Iterator[bytes]:
    while piece := file.read(PIECE_BYTES):
        yield piece


def _where(path: str, reader: FileReader, place: int) -> str:
    name = "standard input" if path == "-" else path
    member = f" {reader.member}" if reader.member else ""
    return f"{name}{member} {'element' if reader.in_array else 'line'} {place}"


def _tally_of(progress: Progress) -> Tally:
    told = orjson.loads(progress.reasons)
    if isinstance(told, list):  # as version 0.1 wrote it
        told = {"reasons": told}
    keys = Counter({(key, word): count for key, word, count in told.get("dropped_keys", [])})
    return Tally(*progress[:4], told["reasons"], Counter(told.get("notes", {})), keys, told.get("refused", 0))


def _progress_of(tally: Tally) -> Progress:
    told = {
        "reasons": [reason.encode("utf-8", "backslashreplace").decode() for reason in tally.reasons],
        "notes": tally.notes,
        "dropped_keys": [(key, word, count) for (key, word), count in tally.dropped_keys.items()],
        "refused": tally.refused,
    }
    return Progress(tally.rows, tally.imported, tally.skipped, tally.duplicates, orjson.dumps(told).decode())
