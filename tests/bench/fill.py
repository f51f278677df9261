"""Fill a file with millions of realistic events in minutes.

    python -m tests.bench.fill events.db --rows 10000000

Forty event names, a few of them most of the traffic; 90 days up to now, fuller by day than by night; many users, some
of them busy; events arrive nearly in order of time. Rows have the store's own shape; totals, ledger and people are
right (`drengr verify` says so). But rows are put in without the secondary indexes, which are built at the end: the file
is packed more tightly than one that grew.
"""

import argparse
import os
import random
import sqlite3
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from itertools import accumulate, islice

import orjson

from drengr.events.times import DAY_MS, HOUR_MS
from drengr.store.sqlite import SqliteStore, ledger
from drengr.store.sqlite.packing import packed_id
from drengr.store.sqlite.people import recount
from drengr.store.sqlite.write import _INSERT

PROJECT = "bench"
DAYS = 90
NAMES = [
    f"{verb}_{thing}"
    for verb in ("viewed", "clicked", "opened", "shared", "bought")
    for thing in ("page", "item", "cart", "list", "video", "offer", "profile", "search")
]
ROWS_PER_USER = 50
_PLAIN_INSERT = _INSERT.partition("ON CONFLICT")[0]  # the index that finds repeats is not there yet
_INDEXES = "SELECT name, sql FROM sqlite_schema WHERE tbl_name = 'semantic_events' AND type = 'index' AND sql > ''"
_PUT_IDENTITY = "INSERT INTO identities (project_id, install_id, external_id) VALUES (?, ?, ?)"
_BATCH = 20_000
_SAME_AGAIN = 400  # different property bags per name


Events = Callable[[sqlite3.Connection, int, int, random.Random], Iterator[tuple]]


def fill(path: str, rows: int, *, seed: int = 1, events: Events | None = None) -> None:
    """Make the file and put the events in.

    events  makes rows of semantic_events in the order they arrive: of (connection, project, how many, chance)
    """
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
        hours = _insert(connection, (events or events_of)(connection, project_id, rows, random.Random(seed)))
        for name, sql in indexes:
            started = time.monotonic()
            connection.execute(sql)
            print(f"  {name} built in {time.monotonic() - started:.0f} s", flush=True)
        _put_totals(connection, project_id, hours)
        started = time.monotonic()
        connection.execute("BEGIN")
        recount.fill(connection)
        ledger.repair_accounts(connection)
        connection.execute("COMMIT")
        print(f"  people and ledger counted in {time.monotonic() - started:.0f} s", flush=True)
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def _insert(connection: sqlite3.Connection, events: Iterator[tuple]) -> Counter:
    hours: Counter = Counter()
    while batch := list(islice(events, _BATCH)):
        connection.execute("BEGIN")
        connection.executemany(_PLAIN_INSERT, batch)
        connection.execute("COMMIT")
        hours.update((row[2], row[5] // HOUR_MS) for row in batch)
    return hours


def events_of(connection: sqlite3.Connection, project_id: int, rows: int, chance: random.Random) -> Iterator[tuple]:
    """Rows of semantic_events, in the order they arrive."""
    name_ids = [_word(connection, "event_names", project_id=project_id, name=name) for name in NAMES]
    origin_id = _word(connection, "origins", source="amplitude_http", app_package=None)
    bags = {name_id: [_bag(chance) for _ in range(_SAME_AGAIN)] for name_id in name_ids}
    users = max(rows // ROWS_PER_USER, 10)
    identities = [
        identity(connection, project_id, chance.randbytes(16), packed_id(f"user_{user}")) for user in range(users)
    ]
    weights = list(accumulate(1 / (rank + 1) ** 1.2 for rank in range(len(NAMES))))
    now = time.time_ns() // 1_000_000
    for arrived_at in _arrivals(now, rows, chance):
        name_id = chance.choices(name_ids, cum_weights=weights)[0]
        user = int(users * chance.random() ** 2)  # the first tenth of the users has a third of the events
        dims, measures = bags[name_id][chance.randrange(_SAME_AGAIN)]
        occurred_at = arrived_at - int(chance.expovariate(1 / 4000))
        yield (
            project_id,
            chance.randbytes(16),
            name_id,
            origin_id,
            arrived_at // 1_800_000 * 1_800_000,
            occurred_at,
            arrived_at,
            dims,
            measures,
            None,
            identities[user],
        )


def identity(connection: sqlite3.Connection, project_id: int, install_id: object, external_id: object) -> int:
    """A new pair of packed ids."""
    return connection.execute(_PUT_IDENTITY, (project_id, install_id, external_id)).lastrowid or 0


def _arrivals(now: int, rows: int, chance: random.Random) -> Iterator[int]:
    """Epoch ms, growing; noon has five times the events of midnight."""
    by_hour = [1 + 4 * (1 - abs(hour - 12) / 12) for hour in range(24)]
    spans = [(hour, by_hour[hour % 24]) for hour in range((now - DAYS * DAY_MS) // HOUR_MS, now // HOUR_MS)]
    each = rows / sum(weight for _, weight in spans)
    made, owed = 0, 0.0
    for hour, weight in spans:
        owed += weight * each
        count = rows - made if hour == spans[-1][0] else int(owed) - made
        made += count
        yield from sorted(hour * HOUR_MS + chance.randrange(HOUR_MS) for _ in range(count))


def _bag(chance: random.Random) -> tuple[str, str]:
    dims = {
        "os": chance.choice(["iOS 17.4", "Android 14", "macOS 14.5", "Windows 11"]),
        "device_model": chance.choice(["iPhone15,2", "Pixel 8", "MacBookPro18,3", "SM-S918B"]),
        "app_version": f"4.{chance.randrange(30)}.{chance.randrange(9)}",
        "plan": chance.choice(["free", "pro", "team"]),
        "screen": chance.choice(["home", "search", "checkout", "settings", "item"]),
        "path": f"/shop/category-{chance.randrange(300)}/item-{chance.randrange(10_000)}",
        "referrer": "https://example.com/campaign/" + chance.randbytes(6).hex(),
        "user.country": chance.choice(["DE", "FR", "US", "JP", "BR", "IN"]),
        "user.language": chance.choice(["de", "fr", "en", "ja", "pt"]),
    }
    measures = {"price": round(chance.uniform(1, 200), 2), "quantity": chance.randrange(1, 9)}
    return orjson.dumps(dims).decode(), orjson.dumps(measures).decode()


def _put_totals(connection: sqlite3.Connection, project_id: int, hours: Counter) -> None:
    days: Counter = Counter()
    for (name_id, hour), events in hours.items():
        days[name_id, hour // 24] += events
    connection.execute("BEGIN")
    for table, totals in (("hour_totals", hours), ("day_totals", days)):
        rows = [(project_id, number, name_id, events) for (name_id, number), events in totals.items()]
        connection.executemany(f"INSERT INTO {table} VALUES (?, ?, ?, ?)", sorted(rows))
    connection.execute("COMMIT")


def _word(connection: sqlite3.Connection, table: str, **columns: object) -> int:
    marks = ", ".join("?" * len(columns))
    statement = f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({marks})"
    return connection.execute(statement, tuple(columns.values())).lastrowid


def main() -> None:
    parser = argparse.ArgumentParser(description="Fill a file with millions of realistic events.")
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
