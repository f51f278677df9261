"""History's speed against the floor: batches over HTTP, a whole file over HTTP, the command; and what live events feel.

The floor reads, parses and maps the same rows and puts them into the same schema by one `executemany`, in one thread.
"""

import argparse
import gc
import http.client
import json
import os
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import zipfile
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path

import orjson

from drengr.events.event import Context
from drengr.events.properties import SensitiveKeys
from drengr.sources import read_batch
from drengr.store.sqlite import SqliteStore
from drengr.store.sqlite.people.identities import Identities
from drengr.store.sqlite.words import TransactionCodes
from drengr.store.sqlite.write import _INSERT, rows_of
from tests.bench.client import uuid_text
from tests.bench.measure import Report, alternating, ratio, spread
from tests.bench.served import ROOT, Served

_ROW = (
    '{"$insert_id":"%s","event_type":"%s","event_time":"%s.123000","device_id":"%s","user_id":'
    '"user_%d","session_id":1780315200000,"os_name":"ios","os_version":"17.4","device_type":"Apple iPhone",'
    '"version_name":"4.12.0","platform":"iOS","language":"English","country":"Norway","amplitude_id":123456789,'
    '"event_properties":{"screen":"checkout","plan":"pro","currency":"EUR","revenue":42.5,"items":3},'
    '"user_properties":{"plan":"pro"}}\n'
)
_NAMES = ("Order Completed", "Page Viewed", "session_start", "Item Added", "Search", "Sign Up")
_DEVICES = [uuid_text().decode() for _ in range(5000)]
_TARGETS = {"command": 0.9, "whole file over HTTP": 0.85, "batches of 1,000": 0.75}


def main(report: Report | None = None, argv: list[str] | None = None) -> int:
    """Run all of it and print."""
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--quick", action="store_true", help="fewer rows and rounds")
    quick = options.parse_args(argv).quick
    report = report or Report()
    with tempfile.TemporaryDirectory(prefix="drengr-bench-") as folder:
        against_floor(report, folder, rows=30_000 if quick else 100_000, rounds=3 if quick else 5)
        peak_memory(report, folder, rows=200_000 if quick else 2_000_000)
        live_beside_import(report, folder, rows=60_000 if quick else 200_000, rounds=3 if quick else 5)
    return report.close()


def write_rows(path: str, count: int) -> None:
    """NDJSON of Amplitude's export shape, about 560 bytes a row: hour after hour of 30 days, every id random."""
    begun, step = datetime(2026, 6, 1), timedelta(days=30) / count
    with open(path, "w") as file:
        for number in range(count):
            user = (number * 2654435761) % 5000
            at = (begun + number * step).isoformat(" ", "seconds")
            file.write(_ROW % (uuid_text().decode(), _NAMES[number % 6], at, _DEVICES[user], user))


def against_floor(report: Report, folder: str, rows: int, rounds: int) -> None:
    """Rows a second of each way, and their ratios to the floor."""
    path = os.path.join(folder, "rows.ndjson")
    write_rows(path, rows)
    variants = {
        "floor": lambda: floor(folder, path, rows),
        "command": lambda: command(folder, path, rows),
        "whole file over HTTP": lambda: whole_file(folder, path, rows),
        "batches of 1,000": lambda: batches(folder, path, rows),
    }
    figures = alternating(variants, rounds)
    for name, each in figures.items():
        report.say(f"{name:30} rows/s {spread(each)}")
    for name, target in _TARGETS.items():
        report.figure(f"{name}: rows/s against the floor", ratio(figures[name], figures["floor"]), at_least=target)


def fresh_store(folder: str) -> SqliteStore:
    """A database of its own with one project."""
    store = SqliteStore(os.path.join(folder, f"bench-{time.time_ns()}.db"))
    store.make_project("bench")
    return store


def drop(store: SqliteStore) -> None:
    """Close and delete it."""
    store.close()
    for path in Path(store.database.path).parent.glob(Path(store.database.path).name + "*"):
        path.unlink()


def floor(folder: str, path: str, rows: int) -> float:
    """Rows a second of the least that has to be done."""
    store = fresh_store(folder)
    project = store.find_project(None)
    connection = store.database.writing_connection()
    context = Context("amplitude", time.time_ns() // 1_000_000, SensitiveKeys())
    gc.collect()
    begun = time.perf_counter()
    with open(path, "rb") as file:
        events = read_batch([orjson.loads(line) for line in file], context).events
    connection.execute("BEGIN IMMEDIATE")
    packed = rows_of(project.id, events, TransactionCodes(connection, {}, {}))
    identities = Identities(connection, (pair for pair, _ in packed))
    connection.executemany(_INSERT, [(*row, identities[pair]) for pair, row in packed])
    connection.execute("COMMIT")
    took = time.perf_counter() - begun
    drop(store)
    return rows / took


def command(folder: str, path: str, rows: int) -> float:
    """Rows a second of `drengr import`, less what starting Python and the command takes."""
    store = fresh_store(folder)
    env = {**os.environ, "DRENGR_DATABASE": store.database.path, "PYTHONPATH": str(ROOT)}
    words = [sys.executable, "-m", "drengr", "import", "--source", "amplitude"]

    def seconds(file: str) -> float:
        begun = time.perf_counter()
        subprocess.run([*words, file], env=env, check=True, capture_output=True, start_new_session=True)
        return time.perf_counter() - begun

    one = os.path.join(folder, "one.ndjson")
    write_rows(one, 1)
    start = seconds(one)
    took = seconds(path) - start
    drop(store)
    return rows / took


def whole_file(folder: str, path: str, rows: int) -> float:
    """Rows a second of one upload as curl makes it."""
    with Served(folder) as served:
        begun = time.perf_counter()
        assert upload(served, path)["imported"] == rows
        return rows / (time.perf_counter() - begun)


def batches(folder: str, path: str, rows: int) -> float:
    """Rows a second of one client that sends a thousand rows a request, one request after the other."""
    lines = Path(path).read_bytes().splitlines()
    bodies = [
        b'{"source":"amplitude","events":[%s]}' % b",".join(lines[start : start + 1000])
        for start in range(0, len(lines), 1000)
    ]
    with Served(folder) as served:
        connection = http.client.HTTPConnection("127.0.0.1", served.port)
        headers = {"Authorization": f"Bearer {served.secret_key}"}
        begun = time.perf_counter()
        for body in bodies:
            connection.request("POST", "/import-events", body, headers)
            assert json.loads(connection.getresponse().read())["imported"] <= 1000
        took = time.perf_counter() - begun
        connection.close()
    return rows / took


def upload(served: Served, path: str) -> dict:
    """The answer to `curl -T path`."""
    url = f"http://127.0.0.1:{served.port}/import-events?source=amplitude"
    words = ["curl", "-sS", "-T", path, url, "-H", f"Authorization: Bearer {served.secret_key}"]
    return json.loads(subprocess.run(words, check=True, capture_output=True, start_new_session=True).stdout)


def peak_memory(report: Report, folder: str, rows: int) -> None:
    """How much the service grows while it takes in a large zip."""
    path, archive = os.path.join(folder, "large.ndjson"), os.path.join(folder, "large.zip")
    write_rows(path, rows)
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as packed:
        packed.write(path, "large.json")
    os.unlink(path)
    with Served(folder) as served:
        list(served.load(1, 1, 0.2).items())  # idle, but not untouched
        idle, highest = served.memory_mib(), 0.0
        answers: list[dict] = []
        thread = threading.Thread(target=lambda: answers.append(upload(served, archive)))
        begun = time.perf_counter()
        thread.start()
        while thread.is_alive():
            highest = max(highest, served.memory_mib())
            thread.join(0.2)
        took = time.perf_counter() - begun
    assert answers[0]["imported"] == rows
    report.say(f"a zip of {rows:,} rows, {os.path.getsize(archive) / 1e6:.0f} MB: {rows / took:,.0f} rows/s")
    report.say(f"memory idle {idle:.0f} MiB, at most {highest:.0f} MiB")
    report.figure(f"memory above idle during a zip of {rows:,} rows", highest - idle, "MiB", at_most=40)
    os.unlink(archive)


def live_beside_import(report: Report, folder: str, rows: int, rounds: int) -> None:
    """What 8 clients that send one event a request feel while a file is imported."""
    path = os.path.join(folder, "beside.ndjson")
    write_rows(path, rows)
    alone, beside_upload, beside_command, paces, slow_paces = [], [], [], [], []
    for _ in range(rounds):
        with Served(folder) as served:
            alone.append(served.load(8, 1, 3.0))
            thread = threading.Thread(target=upload, args=(served, path))
            thread.start()
            time.sleep(0.3)
            beside_upload.append(served.load(8, 1, 2.0))
            thread.join()
        with Served(folder) as served:
            env = {**os.environ, "DRENGR_DATABASE": served.path, "PYTHONPATH": str(ROOT)}
            words = [sys.executable, "-m", "drengr", "import", path, "--source", "amplitude"]
            running = subprocess.Popen(words, env=env, stdout=-3, stderr=-3, start_new_session=True)
            time.sleep(0.5)
            before = history_rows_of(served.path)
            begun = time.perf_counter()
            beside_command.append(served.load(8, 1, 2.0))
            slow_paces.append((history_rows_of(served.path) - before) / (time.perf_counter() - begun))
            running.wait()
        paces.append(command(folder, path, rows))
    for name, loads in (("alone", alone), ("an upload", beside_upload), ("the command", beside_command)):
        rate = statistics.median(load["requests_per_s"] for load in loads)
        p50, p99 = (statistics.median(load[key] for load in loads) for key in ("p50_ms", "p99_ms"))
        report.say(f"acceptor beside {name:14} {rate:8.0f} req/s   p50 {p50:6.1f} ms   p99 {p99:6.1f} ms")
        if loads is not alone:
            pace = [load["requests_per_s"] for load in loads], [load["requests_per_s"] for load in alone]
            report.figure(f"acceptor beside {name}: pace against alone", ratio(*pace), at_least=0.6)
            report.figure(f"acceptor beside {name}: p99", p99, "ms", at_most=20)
    report.figure("command beside 8 clients: rows/s against alone", ratio(slow_paces, paces), at_least=0.4)


def history_rows_of(path: str) -> int:
    """Rows of history in the file."""
    with closing(sqlite3.connect(path)) as connection:
        found = connection.execute("SELECT ifnull(sum(stored), 0) FROM ledger WHERE door = 'importer'").fetchone()
    return found[0]


if __name__ == "__main__":
    raise SystemExit(main())
