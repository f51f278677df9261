"""Files on this machine into the database on this machine, or only looked at."""

import os
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from hashlib import sha256
from os.path import dirname
from tempfile import TemporaryFile
from typing import BinaryIO

import orjson

from drengr.config import Config
from drengr.events.event import Context, Event
from drengr.files.reader import PIECE_BYTES, FileReader, spooled
from drengr.importing import Import, Tally, limits_of
from drengr.sources import SOURCES
from drengr.store import Added, Progress, Project, Store

_ENDS_BYTES = 64 * 1024  # at both ends of a file, that tell it from another of the same size and time


class FileImport:
    """What the command does with one file after the other; `tally` and `files` are those of the last one."""

    verb = "imported"

    def __init__(self) -> None:
        self.tally = Tally()
        self.files = 0
        self.resumed_at = 0  # rows that an earlier run had stored
        self.dropped_keys: Counter[tuple[str, str]] = Counter()  # of all files, when the context wants them

    def run(self, path: str) -> Iterator[int]:
        """Import the file; yields its bytes done so far."""
        raise NotImplementedError

    def finish(self) -> None:
        """Every file is done."""

    def report(self) -> str:
        """What else there is to say, lines ended."""
        return ""


class LocalImport(FileImport):
    """Stores in the database; a file that was begun by a killed run is continued."""

    def __init__(self, config: Config, context: Context, store: Store, project: Project) -> None:
        super().__init__()
        self._config = config
        self._context = context
        self._store = store
        self._project = project
        self._keys: set[str] = set()

    def run(self, path: str) -> Iterator[int]:
        key = self._key(path)
        known = self._store.progress_of(self._project.id, key) if key else None
        tally = _tally_of(known) if known else Tally()
        self.resumed_at = tally.rows
        yield from self._read(path, tally, lambda events, ahead: self._put(key, events, ahead))

    def finish(self) -> None:
        self._store.forget_progress(self._project.id, self._keys)

    def _read(self, path: str, tally: Tally, put: Callable[[list[Event], Tally], Added]) -> Iterator[int]:
        kind = SOURCES[self._context.source].column_kind
        reader = FileReader(
            limits_of(self._config), lambda header: kind(header, self._context.mapping), skip=tally.rows
        )
        running = Import(self._context, put, lambda _, place: _where(path, reader, place), tally)
        self.tally, self.files = tally, 0
        running.dropped_keys = self.dropped_keys
        file = sys.stdin.buffer if path == "-" else open(path, "rb")  # noqa: SIM115 - stdin stays open
        with file:
            try:
                for position in self._positions(running, reader, file, path):
                    self.tally, self.files = running.tally, reader.files
                    yield position
            finally:
                self.tally, self.files = running.tally, reader.files

    def _positions(self, running: Import, reader: FileReader, file: BinaryIO, path: str) -> Iterator[int]:
        for _ in running.run(reader.batches(_pieces(file), path, lambda pieces: self._seekable(file, pieces))):
            yield file.tell() if file.seekable() else 0

    def _seekable(self, file: BinaryIO, pieces: Iterable[bytes]) -> Iterator[BinaryIO | None]:
        if file.seekable():
            yield file
            return
        with TemporaryFile(dir=dirname(self._config["DRENGR_DATABASE"])) as spool:
            yield from spooled(pieces, spool, limits_of(self._config))

    def _put(self, key: str | None, events: list[Event], ahead: Tally) -> Added:
        def progress(added: Added) -> Progress:
            return _progress_of(ahead.with_added(added))

        return self._store.add_history(self._project.id, events, key, progress)

    def _key(self, path: str) -> str | None:
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
        way = [context.source, context.app_package, context.mapping]
        rules = [self._config["DRENGR_ALLOWED_KEYS"], self._config["DRENGR_SENSITIVE_WORDS"]]
        key = sha256(orjson.dumps([found.st_size, found.st_mtime_ns, ends.hexdigest(), way, rules])).hexdigest()
        if key in self._keys:
            return None  # a second copy in the same run: its rows are repeats, and are counted as such
        self._keys.add(key)
        return key


class DryRun(LocalImport):
    """Reads everything, stores nothing, and tells what the rules of the service would do."""

    verb = "would be imported"

    def __init__(self, config: Config, context: Context) -> None:
        FileImport.__init__(self)
        self._config = config
        self._context = replace(context, names_dropped_keys=True)
        self._names: Counter[tuple[str, str]] = Counter()

    def run(self, path: str) -> Iterator[int]:
        yield from self._read(path, Tally(), self._count)

    def finish(self) -> None:
        """Nothing was noted."""

    def report(self) -> str:
        lines = ["Nothing was stored; which rows repeat others is only known when they are.\n"]
        if self._names:
            lines.append("Event names (original kept in dims._source_event_name where it differs):\n")
            lines += [
                f"  {count:>9,}  {name}" + (f"  from {original!r}" if original != name else "") + "\n"
                for (name, original), count in self._names.most_common(_SHOWN)
            ]
            lines += _more(self._names)
        if self.dropped_keys:
            lines.append("Property keys dropped as sensitive (spare one with DRENGR_ALLOWED_KEYS):\n")
            dropped = self.dropped_keys
            lines += [f"  {count:>9,}  {path}  holds {word!r}\n" for (path, word), count in dropped.most_common(_SHOWN)]
            lines += _more(dropped)
        return "".join(lines)

    def _count(self, events: list[Event], _: Tally) -> Added:
        for event in events:
            changed = '"_source_event_name":' in event.dims
            original = orjson.loads(event.dims)["_source_event_name"] if changed else event.event_name
            if len(self._names) < _REMEMBERED:
                self._names[event.event_name, original] += 1
        return Added(len(events), 0)


_SHOWN = 50
_REMEMBERED = 10_000


def _more(counted: Counter) -> list[str]:
    return [f"  … and {len(counted) - _SHOWN:,} more\n"] if len(counted) > _SHOWN else []


def _pieces(file: BinaryIO) -> Iterator[bytes]:
    while piece := file.read(PIECE_BYTES):
        yield piece


def _where(path: str, reader: FileReader, place: int) -> str:
    name = "standard input" if path == "-" else path
    member = f" {reader.member}" if reader.member else ""
    return f"{name}{member} {'element' if reader.in_array else 'line'} {place}"


def _tally_of(progress: Progress) -> Tally:
    return Tally(*progress[:4], reasons=orjson.loads(progress.reasons))


def _progress_of(tally: Tally) -> Progress:
    reasons = orjson.dumps(tally.reasons).decode()
    return Progress(tally.rows, tally.imported, tally.skipped, tally.duplicates, reasons)
