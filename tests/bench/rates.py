"""Requests a second: against Flask alone, FULL against NORMAL, group commit against a commit a request, the floor.

    python -m tests.bench.rates [--quick]

Everything in one run, variants in turn. `taskset` and two cores are used when they are there.
"""

import argparse
import os
import statistics
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor

from drengr.events.event import Context
from drengr.events.jsontext import read_json
from drengr.events.properties import SensitiveKeys
from drengr.sources import amplitude_http, read_batch
from drengr.store.sqlite import SqliteStore
from tests.bench.client import event
from tests.bench.measure import Report, alternating, ratio, spread
from tests.bench.served import Served

ROOMY = {"DRENGR_THREADS": "64", "DRENGR_IN_FLIGHT": "64"}  # nobody is turned away while capacity is measured


def single_events(report: Report, folder: str, rounds: int) -> None:
    """1 event a request, 8 clients, against Flask answering a fixed JSON."""
    with (
        Served(folder) as service,
        Served(folder, "tests.bench.bench_apps:fixed()") as flask,
        Served(folder, "tests.bench.bench_apps:without_store()") as forgetful,
    ):
        figures = alternating(
            {
                "flask": lambda: flask.load(8, 1)["requests_per_s"],
                "forgetful": lambda: forgetful.load(8, 1)["requests_per_s"],
                "drengr": lambda: service.load(8, 1)["requests_per_s"],
            },
            rounds,
        )
    report.say(f"1 event, 8 clients, req/s: Flask alone {spread(figures['flask'])}, Drengr {spread(figures['drengr'])}")
    report.say(f"  Drengr that stores nothing: {spread(figures['forgetful'])}")
    report.figure("1 event, 8 clients: req/s / Flask alone", ratio(figures["drengr"], figures["flask"]), at_least=0.75)


def sixty_four_clients(report: Report, folder: str, rounds: int, workers: str) -> None:
    """64 clients: FULL against NORMAL, and the tail against a commit a request."""
    common = {**ROOMY, "WEB_CONCURRENCY": workers}
    with (
        Served(folder, **common) as full,
        Served(folder, DRENGR_SYNCHRONOUS="NORMAL", **common) as normal,
        Served(folder, "tests.bench.bench_apps:commit_per_request()", **common) as single,
    ):
        rates: dict[str, list[float]] = {"full": [], "normal": [], "single": []}
        tails: dict[str, list[float]] = {"full": [], "normal": [], "single": []}
        for _ in range(rounds + 1):
            for name, service in (("full", full), ("normal", normal), ("single", single)):
                result = service.load(64, 1)
                rates[name].append(result["requests_per_s"])
                tails[name].append(result["p99_ms"])
    for kept in (*rates.values(), *tails.values()):
        kept.pop(0)  # warm-up
    where = f"64 clients, {workers} worker{'s' if workers != '1' else ''}"
    for name in rates:
        report.say(f"{where}, {name}: req/s {spread(rates[name])}, p99 ms {spread(tails[name])}")
    report.figure(f"{where}: req/s FULL / NORMAL", ratio(rates["full"], rates["normal"]), at_least=0.9)
    report.figure(f"{where}: p99 / commit a request", ratio(tails["full"], tails["single"]), at_most=0.2)


def against_floor(report: Report, folder: str, rounds: int) -> None:
    """30 events a request, against reading, mapping and inserting them in one thread without HTTP."""
    floor = Floor(folder, "floor.db")
    one_core = "0" if hasattr(os, "sched_setaffinity") else None
    with Served(folder, cores=one_core, WEB_CONCURRENCY="1") as service:
        figures = alternating(
            {
                "floor": lambda: floor.events_per_s(30),
                "small": lambda: floor.events_per_s(30, rows=8 * 30),
                "drengr": lambda: service.load(8, 30)["requests_per_s"] * 30,
            },
            rounds,
        )
    report.say(f"30 events, events/s: floor {spread(figures['floor'])}, Drengr on one core {spread(figures['drengr'])}")
    report.say(f"  floor in transactions of 240 rows, which 8 clients can fill at most: {spread(figures['small'])}")
    report.figure(
        "30 events a request: events/s on one core / floor", ratio(figures["drengr"], figures["floor"]), at_least=0.6
    )


class Floor:
    """read + map + insert, in one thread, same schema."""

    def __init__(self, folder: str, name: str) -> None:
        self.store = SqliteStore(os.path.join(folder, name))
        self.store.make_project("bench")
        self.project_id = self.store.projects()[0].id

    def events_per_s(self, events_per_body: int, seconds: float = 2.0, rows: int = 2000) -> float:
        """Events a second in transactions of that many rows; making them is not counted."""
        bodies = [b'{"events":[' + b",".join(event() for _ in range(events_per_body)) + b"]}" for _ in range(2000)]
        done, spent = 0, 0.0
        while spent < seconds and bodies:
            take = max(1, rows // events_per_body)
            batch, bodies = bodies[:take], bodies[take:]
            begun = time.perf_counter()
            context = Context(amplitude_http.SOURCE, time.time_ns() // 1_000_000, SensitiveKeys(), live=True)
            posted = [row for body in batch for row in read_json(body)["events"]]
            events = read_batch(posted, context).events
            self.store.add(self.project_id, events)
            spent += time.perf_counter() - begun
            done += len(events)
        return done / spent


def memory_and_bytes(report: Report, folder: str) -> None:
    """Memory at rest and under large bodies; bytes on disk for an event."""
    with Served(folder) as service:
        report.figure("memory of the idle service", service.memory_mib(), "MiB", at_most=80)
        with ThreadPoolExecutor(1) as pool:
            loading = pool.submit(service.load, 64, 1_990, seconds=8)
            peak = 0.0
            while not loading.done():
                peak = max(peak, service.memory_mib())
                time.sleep(0.1)
        report.figure("memory at its highest while 64 clients send bodies of 1 MiB for 8 s", peak, "MiB")
        report.figure("memory after that", service.memory_mib(), "MiB")
        report.say(f"  answers: {loading.result()['codes']}")
    floor = Floor(folder, "bytes.db")
    rows = 0
    while rows < 200_000:
        floor.events_per_s(30)
        rows = floor.store.database.read("SELECT count(*) FROM semantic_events")[0][0]
    floor.store.database.writing_connection().execute("PRAGMA wal_checkpoint(TRUNCATE)")
    size = statistics.mean(len(event()) for _ in range(1000))
    report.say(f"JSON of an event: {size:.0f} bytes; rows in the file: {rows}")
    per_row = os.path.getsize(floor.store.database.path) / rows
    report.figure("bytes on disk an event", per_row, "bytes", at_most=470)


def main(report: Report | None = None, argv: list[str] | None = None) -> int:
    """Run all of it and print."""
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--quick", action="store_true", help="two rounds instead of five")
    rounds = 2 if options.parse_args(argv).quick else 5
    report = report or Report()
    with tempfile.TemporaryDirectory(prefix="drengr-bench-") as folder:
        single_events(report, folder, rounds)
        for workers in ("1", "2"):
            sixty_four_clients(report, folder, rounds, workers)
        against_floor(report, folder, rounds)
        memory_and_bytes(report, folder)
    return report.close()


if __name__ == "__main__":
    raise SystemExit(main())
