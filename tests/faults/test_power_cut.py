"""A power cut, as far as it can be simulated: files that hold only what was flushed, at many moments (contract 4).

A small preloaded library writes down every change that the service makes to the database file and its -wal, and every
flush that the kernel reported as done. From that record the test makes the files as a power cut at some moment may
leave them: all that was flushed, and of the rest nothing, or a random choice of writes, some of them torn at a sector
of 512 bytes. SQLite recovers them, and every event that a client had been told about before that moment must be there.

It shows that the service answers after the flush and not before, and that what it flushes is enough to recover from.
It cannot show that the disk keeps what it reports as flushed (cheap ones lie), nor that the folder's own entries
survive (a new file counts as there from its first byte), nor damage by the file system itself. With NORMAL the same
check must find lost events, or it would find nothing with FULL either.
"""

import json
import os
import random
import shutil
import sqlite3
import struct
import subprocess
import sys
import threading
import time
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.faults.clients import batch, differing_totals, post
from tests.service import Service

# Many tests look at one long run: one worker of xdist makes it.
pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("power_cut")]

_ENTRY = struct.Struct("=cc6xQQ")
CUTS = 30
CLIENTS = 4
SECONDS = 2.5


class Entry(NamedTuple):
    """One operation: `end` is its place in the record, to compare with a client's."""

    end: int
    operation: str
    file: int
    offset: int
    data: bytes


class Disk:
    """The two files: what is surely on the disk, and what was written since."""

    def __init__(self) -> None:
        self.flushed: list[bytearray | None] = [None, None]
        self.since: list[list[Entry]] = [[], []]

    def see(self, entry: Entry) -> None:
        self.since[entry.file].append(entry)
        if entry.operation == "s":
            self.flushed[entry.file] = _changed(self.flushed[entry.file], self.since[entry.file])
            self.since[entry.file] = []

    def after_cut(self, luck: float) -> list[bytearray | None]:
        """Both files; each unflushed operation took place with this probability, whole or in part."""
        survivors = [[_torn(entry) for entry in entries if random.random() < luck] for entries in self.since]
        copies = [None if content is None else bytearray(content) for content in self.flushed]
        return [_changed(content, entries) for content, entries in zip(copies, survivors, strict=True)]


def _changed(content: bytearray | None, entries: list[Entry]) -> bytearray | None:
    for entry in entries:
        if entry.operation == "u":
            content = None
        elif entry.operation in "wt":
            content = bytearray() if content is None else content
            content.extend(bytes(max(0, entry.offset - len(content))))
            if entry.operation == "t":
                del content[entry.offset :]
            content[entry.offset : entry.offset + len(entry.data)] = entry.data
    return content


def _torn(entry: Entry) -> Entry:
    if random.random() < 0.7:
        return entry
    return entry._replace(data=entry.data[: random.randrange(len(entry.data) // 512 + 1) * 512])


@pytest.fixture(scope="module")
def recorder(tmp_path_factory) -> Path:
    """The preloaded library, compiled."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        message = "there is no C compiler to build the library that records flushes"
        pytest.fail(message) if os.environ.get("CI") else pytest.skip(message)
    library = tmp_path_factory.mktemp("recorder") / "flush_recorder.so"
    source = Path(__file__).with_name("flush_recorder.c")
    subprocess.run(
        [compiler, "-shared", "-fPIC", "-O1", "-Wall", "-o", str(library), str(source), "-ldl"], check=True
    )
    return library


class Run:
    """A service under load for some seconds: the record of its writes, and who was told what, when."""

    def __init__(self, folder: Path, recorder: Path, synchronous: str) -> None:
        self.record = folder / "record"
        self.told: list[tuple[int, set[str]]] = []
        self.service = Service(
            folder / "events.db", LD_PRELOAD=str(recorder), WATCHED_FILE=str(folder / "events.db"),
            FLUSH_RECORD=str(self.record), DRENGR_SYNCHRONOUS=synchronous,
        )
        with self.service:
            self._load(self.service.project("shop")["publishable_key"])
        self.entries = list(self._read_record())

    def _load(self, key: str) -> None:
        self._end = time.monotonic() + SECONDS
        threads = [threading.Thread(target=self._send, args=[key]) for _ in range(CLIENTS)]
        for thread in threads:
            thread.start()
        for _ in range(3):
            time.sleep(SECONDS / 4)
            self._checkpoint()
        for thread in threads:
            thread.join()

    def _send(self, key: str) -> None:
        while time.monotonic() < self._end:
            events = batch(random.randint(1, 20))
            answer = post(self.service, json.dumps({"api_key": key, "events": events}).encode())
            assert answer.status == 200
            self.told.append((self.record.stat().st_size, {event["insert_id"] for event in events}))

    def _checkpoint(self) -> None:
        """As the service does every 64 MB, which nobody wants to wait for here."""
        code = "import sqlite3, sys; sqlite3.connect(sys.argv[1], timeout=10).execute('PRAGMA wal_checkpoint(RESTART)')"
        command = [sys.executable, "-c", code, str(self.service.database)]
        subprocess.run(command, env=self.service.environment(), check=True)

    def _read_record(self):
        record, place = self.record.read_bytes(), 0
        while place < len(record):
            operation, file, offset, length = _ENTRY.unpack_from(record, place)
            place += _ENTRY.size
            data = record[place : place + length]
            place += length
            yield Entry(place, operation.decode(), file[0], offset, data)

    def cuts(self):
        """Yields (ids told before the cut, the disk at that moment) at CUTS random moments, in order."""
        first = self.told[0][0]
        moments = sorted(random.sample([n for n, entry in enumerate(self.entries) if entry.end > first], CUTS))
        disk, seen = Disk(), 0
        for moment in moments:
            for entry in self.entries[seen:moment]:
                disk.see(entry)
            seen = moment
            now = self.entries[moment - 1].end
            told = set().union(*(ids for place, ids in self.told if place <= now))
            yield told, disk


def recovered(folder: Path, files: list[bytearray | None]) -> tuple[str, set[str], list]:
    """(integrity_check, the stored ids, wrong totals) after SQLite's own recovery."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    for name, content in zip(("events.db", "events.db-wal"), files, strict=True):
        if content is not None:
            (folder / name).write_bytes(content)
    with closing(sqlite3.connect(folder / "events.db")) as connection:
        verdict = connection.execute("PRAGMA integrity_check").fetchone()[0]
        stored = {row[0] for row in connection.execute("SELECT event_id FROM events")}
        return verdict, stored, differing_totals(connection)


@pytest.fixture(scope="module")
def full(tmp_path_factory, recorder) -> Run:
    return Run(tmp_path_factory.mktemp("full"), recorder, "FULL")


def test_what_was_acknowledged_survives_a_power_cut(full, tmp_path):
    for told, disk in full.cuts():
        for luck in (0.0, 0.5, 0.95):
            verdict, stored, wrong_totals = recovered(tmp_path / "disk", disk.after_cut(luck))
            assert verdict == "ok"
            assert told <= stored
            assert wrong_totals == []


def test_the_record_holds_what_it_should(full):
    flushes = sum(entry.operation == "s" and entry.file == 1 for entry in full.entries)
    assert flushes > 20
    assert sum(entry.operation == "s" and entry.file == 0 for entry in full.entries) >= 3, "no checkpoint was seen"
    disk = Disk()
    for entry in full.entries:
        disk.see(entry)
    assert disk.after_cut(1.0)[0] is not None
    assert len(set().union(*(ids for _place, ids in full.told))) > 100


def test_with_normal_a_power_cut_loses_the_last_events_but_not_the_file(tmp_path_factory, tmp_path, recorder, capsys):
    run = Run(tmp_path_factory.mktemp("normal"), recorder, "NORMAL")
    lost = []
    for told, disk in run.cuts():
        verdict, stored, wrong_totals = recovered(tmp_path / "disk", disk.after_cut(luck=0.0))
        assert verdict == "ok"
        assert wrong_totals == []
        lost.append(len(told - stored))
    with capsys.disabled():
        print(f"\nNORMAL: {sum(map(bool, lost))} of {CUTS} cuts lost acknowledged events, at most {max(lost)}")
    assert max(lost) > 0
