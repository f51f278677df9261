"""What it costs live requests that events go: beside an erasure, with many tombstones, and over a year of retention.

    python -m tests.bench.erase [--events 1000000] [--part erasure|tombstones|year] [--quick]

The erasure takes one person's events out of a file with twice as many; p99 of live requests alone (before and after)
and beside it. The pace of the door with 100,000 tombstones and with none, in turns. A year of days that come and go,
while 30 are kept, by a clock of its own: rows a second and the file's size, month by month.
"""

import argparse
import os
import random
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing

from drengr.events.event import Event
from drengr.events.times import DAY_MS
from drengr.people.questions import Who
from drengr.people.tombstones import Tombstone
from drengr.store import Store, additions, open_store, removing
from tests.bench import fill
from tests.bench.measure import Report, alternating, ratio, spread
from tests.bench.served import Served

PERSON = "alice"
CLIENTS = 8
SECONDS = 4.0
TOMBSTONES = 100_000
KEPT_DAYS, YEAR_DAYS, MONTH_DAYS = 30, 365, 30
_BATCH = 500


def main(report: Report | None = None, argv: list[str] | None = None) -> int:
    """Run and print."""
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--events", type=int, default=1_000_000, help="of the person who is erased")
    options.add_argument("--a-day", type=int, default=4_000, help="events of a day of the year")
    options.add_argument("--part", choices=("erasure", "tombstones", "year"), help="only this")
    options.add_argument("--quick", action="store_true", help="50,000 events, 400 a day, fewer rounds")
    given = options.parse_args(argv)
    events, a_day, rounds = (50_000, 400, 5) if given.quick else (given.events, given.a_day, 15)
    report = report or Report()
    with tempfile.TemporaryDirectory(prefix="drengr-bench-") as folder:
        if given.part in (None, "erasure"):
            beside_an_erasure(report, folder, events)
        if given.part in (None, "tombstones"):
            with_tombstones(report, folder, rounds)
        if given.part in (None, "year"):
            a_year(report, folder, a_day)
    return report.close()


def beside_an_erasure(report: Report, folder: str, events: int) -> None:
    """The p99 of live requests before, while and after one person's events go."""

    def filled(path: str) -> None:
        fill.fill(path, 2 * events, events=_half_of_one_person)

    with Served(folder, fill=filled) as service, closing(open_store(service.path)) as store:
        project_id = store.find_project(fill.PROJECT).id
        _p99(service)  # warm-up
        alone = [_p99(service) for _ in range(3)]
        begun = time.monotonic()
        store.erase(project_id, Who("user", PERSON), "command", patience_s=0)
        while not any(removal.events for removal in store.under_way()):
            time.sleep(0.1)
        beside = []
        while store.under_way():
            beside.append(_p99(service))
        took = time.monotonic() - begun
        alone += [_p99(service) for _ in range(3)]
    report.say(f"{events:,} events of one person went in {took:.0f} s, beside {CLIENTS} clients")
    report.say(f"p99 of a live request, ms: alone {spread(alone, 1)}, beside the erasure {spread(beside, 1)}")
    figure = statistics.median(beside) / statistics.median(alone)
    report.figure("p99 beside an erasure / alone", figure, at_most=2)


def _half_of_one_person(
    connection: sqlite3.Connection, project_id: int, rows: int, chance: random.Random
) -> Iterator[tuple]:
    hers = [fill.identity(connection, project_id, chance.randbytes(16), PERSON) for _ in range(3)]
    for number, row in enumerate(fill.events_of(connection, project_id, rows, chance)):
        yield (*row[:-1], hers[number % 3]) if number % 2 else row


def _p99(service: Served) -> float:
    return float(service.load(CLIENTS, 1, SECONDS)["p99_ms"])


def with_tombstones(report: Report, folder: str, rounds: int) -> None:
    """The pace of the acceptor, by how many people were erased."""
    for size in (1, 30):
        with Served(folder) as none, Served(folder) as many:
            with closing(open_store(many.path)) as store:
                _entomb(store)
            paces = {"none": lambda size=size: _pace(none, size), "many": lambda size=size: _pace(many, size)}
            figures = alternating(paces, rounds)
        said = f"no tombstone {spread(figures['none'])}, {TOMBSTONES:,} {spread(figures['many'])}"
        report.say(f"{size} events a request, {CLIENTS} clients, requests a second of CPU: {said}")
        compared = ratio(figures["many"], figures["none"])
        report.figure(f"{size} events a request: with {TOMBSTONES:,} tombstones / none", compared, at_least=0.98)


def _pace(service: Served, size: int) -> float:
    """Requests a second that the service has of the processors: what else runs on the machine counts less."""
    before = service.cpu_s()
    requests = service.load(CLIENTS, size)["codes"]["200"]
    return float(requests / (service.cpu_s() - before))


def _entomb(store: Store) -> None:
    """So many people were erased a minute ago."""
    erased_at = time.time_ns() // 1_000_000 - 60_000
    people = [Tombstone("person", os.urandom(16), erased_at) for _ in range(TOMBSTONES)]
    for start in range(0, TOMBSTONES, 10_000):
        store.put_tombstones(store.find_project(None).id, people[start : start + 10_000])


def a_year(report: Report, folder: str, a_day: int) -> None:
    """Days come and go: the pace of inserts and the size of the file in each month."""
    today = time.time_ns() // 1_000_000 // DAY_MS
    now, chance = [today * DAY_MS], random.Random(1)
    removing.now_ms = additions.now_ms = lambda: now[0]  # type: ignore[attr-defined]
    path = os.path.join(folder, "year.db")
    with closing(open_store(path)) as store:
        store.make_project("year")
        project_id = store.find_project(None).id
        store.keep(project_id, KEPT_DAYS)
        paces, sizes = [], []
        for month in range(1, YEAR_DAYS // MONTH_DAYS + 1):
            storing, letting_go = 0.0, 0.0
            for _ in range(MONTH_DAYS):
                now[0] += DAY_MS
                rows = [_event(now[0] - n * (DAY_MS // a_day), chance) for n in range(a_day, 0, -1)]
                begun = time.perf_counter()
                for start in range(0, a_day, _BATCH):
                    store.add(project_id, rows[start : start + _BATCH])
                stored = time.perf_counter()
                while not store.go_on_removing(5):
                    pass
                storing, letting_go = storing + stored - begun, letting_go + time.perf_counter() - stored
            paces.append(MONTH_DAYS * a_day / storing)
            sizes.append(os.path.getsize(path) / 2**20)
            report.say(f"month {month:2}: {paces[-1]:6.0f} rows/s, {sizes[-1]:6.1f} MiB, {letting_go:.1f} s to let go")
        removing.now_ms = additions.now_ms = lambda: time.time_ns() // 1_000_000  # type: ignore[attr-defined]
    report.say(f"{a_day:,} events a day, {KEPT_DAYS} days kept")
    report.figure("rows a second in the last three months / months 2 to 4", _mean(paces[-3:]) / _mean(paces[1:4]),
                  at_least=0.9)  # fmt: skip
    report.figure("file after the last month / after the second", sizes[-1] / sizes[1], at_most=1.1)


def _mean(figures: list[float]) -> float:
    return statistics.fmean(figures)


def _event(occurred_at: int, chance: random.Random) -> Event:
    user = int(5_000 * chance.random() ** 2)
    return Event(
        event_id=chance.randbytes(16).hex(), event_name=chance.choice(fill.NAMES), source="amplitude_http",
        app_package=None, install_id=f"device_{user}", external_id=f"user_{user}", session_id=None,
        occurred_at=occurred_at, received_at=occurred_at + 500,
        dims='{"os":"iOS 17.4","device_model":"iPhone15,2","app_version":"4.12.0","screen":"checkout","plan":"pro"}',
        measures='{"revenue":42.5,"items":3}',
    )  # fmt: skip


if __name__ == "__main__":
    raise SystemExit(main())
