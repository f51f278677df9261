"""Fill a file with millions of events of real-shaped people in minutes.

    python -m tests.bench.people_fill people.db --rows 10000000

About 33 events a person: they come in visits of 5 to 20, the first one on any of the 90 days, later ones with about
a week between. Two of five first visits are anonymous and end with a sign-up, one person of five never signs up, one
of ten has a second device. A quarter of the events bears one name, ten names have 1 % each. Rows have the store's own
shape, and what is kept for people is the store's own recount (`drengr verify` says so).
"""

import argparse
import os
import random
import sqlite3
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from itertools import accumulate, islice

from drengr.events.times import DAY_MS, HOUR_MS
from drengr.store.sqlite import SqliteStore
from drengr.store.sqlite.packing import packed_id
from drengr.store.sqlite.people import recount
from tests.bench.fill import _BATCH, _INDEXES, _SAME_AGAIN, DAYS, PROJECT, _bag, _put_totals, _word

EVENTS_A_VISIT = 5, 20
# One name with a quarter of the events, ten with a hundredth each, and what is common and rare beside.
WEIGHTS = {
    "page_viewed": 25.0,
    **{f"step_{number}": 1.0 for number in range(10)},
    **{f"common_{number}": weight for number, weight in enumerate((12.0, 9.0, 7.0, 6.0, 5.0, 4.0, 4.0, 3.0, 3.0))},
    **{f"rare_{number}": 12 / 80 for number in range(80)},
}
_PLAIN_INSERT = """INSERT INTO semantic_events (project_id, event_id, name_id, origin_id, identity_id, session_id,
                             occurred_at, received_at, dims, measures, properties)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"""
_PUT_IDENTITY = "INSERT INTO identities (project_id, install_id, external_id) VALUES (?, ?, ?)"


def fill(path: str, rows: int, *, seed: int = 1) -> None:
    """Make the file and put the events in."""
    store = SqliteStore(path)
    store.make_project(PROJECT)
    project_id = store.find_project(PROJECT).id
    store.close()
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA synchronous = OFF")
        connection.execute("PRAGMA cache_size = -400000")
        indexes = connection.execute(_INDEXES).fetchall()
        for name, _ in indexes:
            connection.execute(f"DROP INDEX {name}")
        hours = _insert(connection, project_id, rows, random.Random(seed))
        for name, sql in indexes:
            started = time.monotonic()
            connection.execute(sql)
            print(f"  {name} built in {time.monotonic() - started:.0f} s", flush=True)
        _put_totals(connection, project_id, hours)
        started = time.monotonic()
        connection.execute("BEGIN")
        recount.fill(connection)
        connection.execute("COMMIT")
        print(f"  people counted in {time.monotonic() - started:.0f} s", flush=True)
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def _insert(connection: sqlite3.Connection, project_id: int, rows: int, chance: random.Random) -> Counter:
    hours: Counter = Counter()
    now = time.time_ns() // 1_000_000
    visits = _visits(connection, project_id, rows, chance, now)
    events = _events(connection, project_id, visits, chance)
    while batch := list(islice(events, _BATCH)):
        connection.execute("BEGIN")
        connection.executemany(_PLAIN_INSERT, batch)
        connection.execute("COMMIT")
        hours.update((row[2], row[6] // HOUR_MS) for row in batch)
    return hours


def _visits(connection: sqlite3.Connection, project_id: int, rows: int, chance: random.Random, now: int) -> list:
    """(begin in epoch ms, identity) of every visit, in order of time; the identities are made."""
    visits: list[tuple[int, int]] = []
    number = 0
    connection.execute("BEGIN")
    while len(visits) * sum(EVENTS_A_VISIT) / 2 < rows:
        number, begin = number + 1, now - int(chance.random() * DAYS * DAY_MS)
        user, device = packed_id(f"user_{number}"), chance.randbytes(16)
        kind = chance.random()
        anonymous = _identity(connection, project_id, device, None) if kind < 0.6 else None
        known = [] if kind < 0.2 else [_identity(connection, project_id, device, user)]
        if kind > 0.9:
            known.append(_identity(connection, project_id, chance.randbytes(16), user))
        visits.append((begin, anonymous or known[0]))
        while (begin := begin + int(chance.expovariate(1 / (6 * DAY_MS)))) < now and chance.random() < 0.72:
            visits.append((begin, chance.choice(known) if known else anonymous))
    connection.execute("COMMIT")
    return sorted(visits)


def _identity(connection: sqlite3.Connection, project_id: int, device: object, user: object) -> int:
    return connection.execute(_PUT_IDENTITY, (project_id, device, user)).lastrowid or 0


def _events(
    connection: sqlite3.Connection, project_id: int, visits: list[tuple[int, int]], chance: random.Random
) -> Iterator[tuple]:
    """Rows of semantic_events, nearly in the order of time."""
    name_ids = [_word(connection, "event_names", project_id=project_id, name=name) for name in WEIGHTS]
    origin_id = _word(connection, "origins", source="amplitude_http", app_package=None)
    weights = list(accumulate(WEIGHTS.values()))
    bags = [_bag(chance) for _ in range(_SAME_AGAIN * 4)]
    for begin, identity in visits:
        at = begin
        for name_id in chance.choices(name_ids, cum_weights=weights, k=chance.randint(*EVENTS_A_VISIT)):
            at += int(chance.expovariate(1 / 40_000))
            dims, measures = bags[int(chance.random() * len(bags))]
            yield (
                project_id, chance.randbytes(16), name_id, origin_id, identity, begin, at, at + 2000, dims, measures,
                None,
            )  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description="Fill a file with millions of events of real-shaped people.")
    parser.add_argument("path", help="a file that does not exist yet")
    parser.add_argument("--rows", type=int, default=10_000_000)
    asked = parser.parse_args()
    if os.path.exists(asked.path):
        parser.error(f"{asked.path} exists already")
    started = time.monotonic()
    fill(os.path.abspath(asked.path), asked.rows)
    seconds, size = time.monotonic() - started, os.path.getsize(asked.path)
    print(f"{asked.rows:,} events in {seconds:.0f} s, {size / asked.rows:.0f} bytes each on disk")


if __name__ == "__main__":
    main()
