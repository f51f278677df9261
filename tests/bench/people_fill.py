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
from collections.abc import Iterator
from itertools import accumulate

from drengr.events.times import DAY_MS
from drengr.store.sqlite.packing import packed_id
from tests.bench import fill as plain
from tests.bench.fill import DAYS

EVENTS_A_VISIT = 5, 20
# One name with a quarter of the events, ten with a hundredth each, and what is common and rare beside.
WEIGHTS = {
    "page_viewed": 25.0,
    **{f"step_{number}": 1.0 for number in range(10)},
    **{f"common_{number}": weight for number, weight in enumerate((12.0, 9.0, 7.0, 6.0, 5.0, 4.0, 4.0, 3.0, 3.0))},
    **{f"rare_{number}": 12 / 80 for number in range(80)},
}
_BAGS = 1600  # different property bags


def fill(path: str, rows: int, *, seed: int = 1) -> None:
    """Make the file and put about so many events in."""
    plain.fill(path, rows, seed=seed, events=_events)


def _visits(connection: sqlite3.Connection, project_id: int, rows: int, chance: random.Random, now: int) -> list:
    """(begin in epoch ms, identity) of every visit, in order of time; the identities are made."""
    visits: list[tuple[int, int]] = []
    number = 0
    connection.execute("BEGIN")
    while len(visits) * sum(EVENTS_A_VISIT) / 2 < rows:
        number, begin = number + 1, now - int(chance.random() * DAYS * DAY_MS)
        user, device = packed_id(f"user_{number}"), chance.randbytes(16)
        kind = chance.random()
        anonymous = plain.identity(connection, project_id, device, None) if kind < 0.6 else None
        known = [] if kind < 0.2 else [plain.identity(connection, project_id, device, user)]
        if kind > 0.9:
            known.append(plain.identity(connection, project_id, chance.randbytes(16), user))
        visits.append((begin, anonymous or known[0]))
        while (begin := begin + int(chance.expovariate(1 / (6 * DAY_MS)))) < now and chance.random() < 0.72:
            visits.append((begin, chance.choice(known) if known else anonymous))
    connection.execute("COMMIT")
    return sorted(visits)


def _events(connection: sqlite3.Connection, project_id: int, rows: int, chance: random.Random) -> Iterator[tuple]:
    """Rows of semantic_events, nearly in the order of time."""
    name_ids = [plain._word(connection, "event_names", project_id=project_id, name=name) for name in WEIGHTS]
    origin_id = plain._word(connection, "origins", source="amplitude_http", app_package=None)
    weights = list(accumulate(WEIGHTS.values()))
    bags = [plain._bag(chance) for _ in range(_BAGS)]
    for begin, identity in _visits(connection, project_id, rows, chance, time.time_ns() // 1_000_000):
        at = begin
        for name_id in chance.choices(name_ids, cum_weights=weights, k=chance.randint(*EVENTS_A_VISIT)):
            at += int(chance.expovariate(1 / 40_000))
            dims, measures = bags[int(chance.random() * _BAGS)]
            yield (
                project_id, chance.randbytes(16), name_id, origin_id, begin, at, at + 2000, dims, measures,
                None, identity,
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
