"""PostgreSQL's pace beside SQLite's in one run, and the store's own adding against a bare loop in psycopg.

    python -m tests.bench.postgresql [--quick]

The bare loop inserts the same events with ON CONFLICT DO NOTHING, `executemany` in a transaction a batch, with ids made
by the database: no totals, ledger, people or order of ids. The server's files, in the temporary folder, are flushed.
"""

import argparse
import os
import tempfile
import time
from contextlib import closing
from uuid import uuid4

import psycopg

from drengr.events.event import Event
from drengr.store import open_store
from drengr.store.postgresql.packing import dedup_key
from tests.bench.measure import Report, alternating, ratio, spread
from tests.bench.served import Served
from tests.cluster import Cluster

_BARE = """
INSERT INTO semantic_events (id, project_id, dedup_key, name_id, origin_id, identity_id, session_id,
  session_is_integer, occurred_at, received_at, dims, measures, properties)
VALUES (nextval('event_ids'), 1, %s, %s, 1, %s, %s, true, %s, %s, %s, %s, NULL)
ON CONFLICT (project_id, dedup_key) DO NOTHING
"""
_BEGAN_MS = 1_795_190_400_000


def main(report: Report | None = None, argv: list[str] | None = None) -> int:
    """Run all of it and print."""
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--quick", action="store_true", help="fewer rows and rounds")
    quick = options.parse_args(argv).quick
    report = report or Report()
    with Cluster() as cluster, tempfile.TemporaryDirectory(prefix="drengr-bench-") as folder:
        for size, rows in ((1, 1_000), (30, 9_000), (1_000, 40_000), (5_000, 80_000)):
            adding(report, cluster, size, rows // 2 if quick else rows, 3 if quick else 7)
        live(report, cluster, folder, 2.0 if quick else 5.0, 3 if quick else 5)
        history(report, cluster, folder, 20_000 if quick else 100_000, 3 if quick else 5)
    return report.close()


def events(count: int) -> list[Event]:
    """Events as SDKs send them, every id random."""
    return [
        Event(str(uuid4()), f"name_{n % 8}", "amplitude_http", None, f"device_{n % 5000}", f"user_{n % 5000}",
              1795188904355, _BEGAN_MS - n, _BEGAN_MS,
              '{"os":"iOS 17.4","device_model":"iPhone15,2","screen":"checkout","plan":"pro","currency":"EUR"}',
              '{"revenue":42.5,"items":3}')
        for n in range(count)
    ]  # fmt: skip


def adding(report: Report, cluster: Cluster, size: int, rows: int, rounds: int) -> None:
    """Events a second of one thread, a batch after the other."""
    url = cluster.url(cluster.make_database())
    with closing(open_store(url)) as store, psycopg.connect(url, autocommit=True, prepare_threshold=None) as connection:
        store.make_project("bench")
        store.add(1, events(8))

        def ours() -> float:
            batches = _batches(events(rows), size)
            add = store.add if size <= 1000 else store.add_history
            begun = time.perf_counter()
            for batch in batches:
                add(1, batch)
            return rows / (time.perf_counter() - begun)

        def bare() -> float:
            batches = _batches([_row(event) for event in events(rows)], size)
            begun = time.perf_counter()
            for batch in batches:
                with connection.transaction(), connection.cursor() as cursor:
                    cursor.executemany(_BARE, batch)
            return rows / (time.perf_counter() - begun)

        figures = alternating({"store": ours, "bare loop": bare}, rounds)
    for name, found in figures.items():
        report.say(f"batches of {size:5}: {name:10} {spread(found)} events/s")
    report.figure(f"batches of {size}: store / bare loop", ratio(figures["store"], figures["bare loop"]), at_least=0.7)


def _batches(items: list, size: int) -> list[list]:
    return [items[start : start + size] for start in range(0, len(items), size)]


def _row(event: Event) -> tuple:
    return (
        dedup_key(event.event_id), int(event.event_name[5:]) + 1, int(event.install_id[7:]) + 1,
        str(event.session_id), event.occurred_at, event.received_at, event.dims, event.measures,
    )  # fmt: skip


def live(report: Report, cluster: Cluster, folder: str, seconds: float, rounds: int) -> None:
    """Requests a second of a service with two workers."""
    places = {"SQLite": None, "PostgreSQL": cluster.url(cluster.make_database())}
    for clients, count in ((32, 1), (16, 30)):
        measured = {}
        for name, location in places.items():
            if location is not None:
                location = places[name] = cluster.url(cluster.make_database())
            with Served(folder, location=location) as served:
                served.load(clients, count, 1.0)  # warm-up
                measured[name] = [served.load(clients, count, seconds) for _ in range(rounds)]
        for name, found in measured.items():
            pace = spread([each["requests_per_s"] for each in found])
            slowest = spread([each["p99_ms"] for each in found])
            what = f"live, {clients} clients, {count:2} events a request: {name:10}"
            report.say(f"{what} {pace} requests/s, p99 {slowest} ms")


def history(report: Report, cluster: Cluster, folder: str, rows: int, rounds: int) -> None:
    """Rows a second of a whole file over HTTP."""
    import importlib

    imports = importlib.import_module("tests.bench.import")
    path = os.path.join(folder, "export.ndjson")
    imports.write_rows(path, rows)

    def run(location: str | None) -> float:
        with Served(folder, location=location) as served:
            begun = time.perf_counter()
            assert imports.upload(served, path)["imported"] == rows
            return rows / (time.perf_counter() - begun)

    ways = {"SQLite": lambda: run(None), "PostgreSQL": lambda: run(cluster.url(cluster.make_database()))}
    for name, found in alternating(ways, rounds).items():
        report.say(f"whole file over HTTP: {name:10} {spread(found)} rows/s")


if __name__ == "__main__":
    raise SystemExit(main())
