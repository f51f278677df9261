"""Inserts into a large file: at 10 million rows against 1 million, and against a plain text schema.

    python -m tests.bench.storage [--rows 10000000] [--quick]

Grows three files row by row, so that indexes are as empty as random growth leaves them, without flushes to be quick;
then inserts batches of 2,000 into each in turn, with the product's own settings, checkpoints included: live events,
whose times go on where the file ends, and history, whose times lie anywhere among those that are there.
"""

import argparse
import os
import random
import sqlite3
import tempfile
import time
from collections.abc import Iterator
from itertools import islice

import click

from drengr.events.event import Event
from drengr.store.sqlite import SqliteStore
from tests.bench.client import uuid_text
from tests.bench.measure import Report, alternating, ratio, spread

BATCH = 2000
DAYS = 90
DAY_MS = 86_400_000
_FIRST_MS = 1_787_400_000_000

_TEXT_SCHEMA = """
CREATE TABLE events (id INTEGER PRIMARY KEY, project INTEGER NOT NULL, event_id TEXT, event_name TEXT NOT NULL,
  source TEXT NOT NULL, app_package TEXT, install_id TEXT, external_id TEXT, session_id INTEGER,
  occurred_at INTEGER NOT NULL, received_at INTEGER NOT NULL, dims TEXT NOT NULL, measures TEXT NOT NULL,
  properties TEXT);
CREATE UNIQUE INDEX by_event_id ON events (project, event_id);
CREATE INDEX by_time ON events (project, occurred_at, id);
CREATE INDEX by_name ON events (project, event_name, occurred_at);
"""
_TEXT_INSERT = (
    "INSERT INTO events (project, event_id, event_name, source, app_package, install_id, external_id, session_id,"
    " occurred_at, received_at, dims, measures, properties) VALUES (1, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
    " ON CONFLICT (project, event_id) DO NOTHING"
)


def random_events(rows: int, first_ms: int, step_ms: float) -> Iterator[Event]:
    """Events of 40 skewed names, one user in forty events, ids random, times rising with some disorder."""
    chance = random.Random(first_ms + rows)
    names = [f"event_name_{number}" for number in range(40)]
    weights = [1 / (number + 1) for number in range(40)]
    users = [uuid_text().decode() for _ in range(max(1, rows // 40))]
    for number, name in enumerate(chance.choices(names, weights, k=rows)):
        user = int(len(users) * chance.random() ** 2)
        at = first_ms + int(number * step_ms) + chance.randrange(-600_000, 600_000)
        yield Event(
            uuid_text().decode(),
            name,
            "amplitude_http",
            None,
            users[user],
            f"user_{user}" if user % 5 < 3 else None,
            at - at % 1_800_000,
            at,
            at + 900,
            '{"os":"iOS 17.4","device_model":"iPhone15,2","app_version":"4.12.0","_source_event_name":"Event Name",'
            '"screen":"checkout","plan":"pro","currency":"EUR","user.plan":"pro"}',
            '{"revenue":42.5,"items":3}',
        )


class Ours:
    """The product's own write path and settings."""

    def __init__(self, folder: str, name: str) -> None:
        self.store = SqliteStore(os.path.join(folder, name))
        self.store.make_project("bench")
        self.project_id = self.store.projects()[0].id
        self.connection = self.store.database.writing_connection()

    def insert(self, events: list[Event]) -> None:
        self.store.add(self.project_id, events)


class Text:
    """One table, text ids, three indexes, SQLite's default pragmas (WAL, so that both can be read while written)."""

    def __init__(self, folder: str, name: str) -> None:
        self.connection = sqlite3.connect(os.path.join(folder, name), isolation_level=None)
        self.connection.executescript("PRAGMA journal_mode = wal;" + _TEXT_SCHEMA)

    def insert(self, events: list[Event]) -> None:
        self.connection.execute("BEGIN IMMEDIATE")
        self.connection.executemany(_TEXT_INSERT, events)
        self.connection.execute("COMMIT")


class Grown:
    """A file with that many rows, spread evenly over 90 days."""

    def __init__(self, file: Ours | Text, rows: int, label: str) -> None:
        self.file = file
        self.step_ms = DAYS * DAY_MS / rows
        self.end_ms = _FIRST_MS + DAYS * DAY_MS
        connection = file.connection
        settings = {name: connection.execute(f"PRAGMA {name}").fetchone()[0] for name in ("synchronous", "cache_size")}
        connection.executescript("PRAGMA synchronous = OFF; PRAGMA cache_size = -1000000;")
        events = random_events(rows, _FIRST_MS, self.step_ms)
        with click.progressbar(length=rows, label=label) as bar:
            while batch := list(islice(events, 20_000)):
                file.insert(batch)
                bar.update(len(batch))
        for name, value in settings.items():
            connection.execute(f"PRAGMA {name} = {value}")
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def live(self, batches: int = 40) -> float:
        """Rows a second of batches of 2,000 whose times go on."""
        rows, first_ms = BATCH * batches, self.end_ms
        self.end_ms += int(rows * self.step_ms)
        return self._rate(random_events(rows, first_ms, self.step_ms))

    def history(self, batches: int = 40) -> float:
        """The same for rows in order of time, but among the 90 days that are there."""
        rows = BATCH * batches
        return self._rate(random_events(rows, _FIRST_MS, DAYS * DAY_MS / rows))

    def _rate(self, events: Iterator[Event]) -> float:
        """Making the rows is not counted."""
        spent, rows = 0.0, 0
        while batch := list(islice(events, BATCH)):
            begun = time.perf_counter()
            self.file.insert(batch)
            spent += time.perf_counter() - begun
            rows += len(batch)
        return rows / spent


def main(report: Report | None = None, argv: list[str] | None = None) -> int:
    """Grow, measure, print."""
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--rows", type=int, default=10_000_000)
    options.add_argument("--quick", action="store_true", help="a tenth of the rows")
    chosen = options.parse_args(argv)
    rows = chosen.rows // 10 if chosen.quick else chosen.rows
    report = report or Report()
    with tempfile.TemporaryDirectory(prefix="drengr-bench-") as folder:
        small = Grown(Ours(folder, "small.db"), rows // 10, "small")
        large = Grown(Ours(folder, "large.db"), rows, "large")
        text = Grown(Text(folder, "text.db"), rows, "text")
        per_row = os.path.getsize(os.path.join(folder, "large.db")) / rows
        live = alternating({"small": small.live, "large": large.live, "text": text.live})
        history = alternating({"small": small.history, "large": large.history, "text": text.history})
    for kind, figures in (("live", live), ("history", history)):
        for name, label in (
            ("small", f"{rows // 10:,} rows"),
            ("large", f"{rows:,} rows"),
            ("text", f"{rows:,} rows, text schema"),
        ):
            report.say(f"{kind} into {label}: rows/s {spread(figures[name])}")
        large_to_small, large_to_text = (ratio(figures["large"], figures[name]) for name in ("small", "text"))
        report.figure(f"{kind}: rows/s at {rows:,} rows / at {rows // 10:,}", large_to_small, at_least=0.75)
        report.figure(f"{kind}: rows/s at {rows:,} rows / plain text schema", large_to_text, at_least=1.3)
    report.figure(f"bytes on disk a row at {rows:,} rows", per_row, "bytes", at_most=470)
    return report.close()


if __name__ == "__main__":
    raise SystemExit(main())
