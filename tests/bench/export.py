"""What an export costs: its pace beside `sqlite3 -json` on the view, and its memory, which must not grow.

    python -m tests.bench.export [--rows 1000000] [--quick]

Fills a file, and one of a tenth of it; each export is a process of its own that writes to /dev/null. Events a second,
median of the rounds; memory is the process's largest resident size.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path
from typing import NamedTuple
from uuid import UUID

from drengr.admin.amplitude_exports import App, amplitude_lines, hour_time
from drengr.exporting import events_of_hour, hours
from drengr.files.zip_stream import Member, zip_pieces
from drengr.store import open_store
from tests.bench.fill import fill
from tests.bench.measure import Report, alternating, ratio, spread

_AS_AMPLITUDE = "import sys; from tests.bench.export import write_zip; write_zip(sys.argv[1], sys.argv[2])"
_ALL_TIMES = range(2 * 10**12)
_TARGET = 0.5  # of the pace of sqlite3 -json
_MORE_MIB = 8  # for ten times the events: Python's own ups and downs


class Ran(NamedTuple):
    """One process that ended."""

    seconds: float
    peak_mib: float


def run(command: list[str], database: Path) -> Ran:
    """The command with its output thrown away."""
    environment = {**os.environ, "DRENGR_DATABASE": str(database)}
    started, peak = time.perf_counter(), 0.0
    with subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        while process.poll() is None:  # the resources of a child that has ended count its parent's memory too
            with suppress(OSError, IndexError):
                status = Path(f"/proc/{process.pid}/status").read_text()
                peak = max(peak, int(status.partition("VmHWM:")[2].split()[0]) / 1024)
            time.sleep(0.01)
    assert process.returncode == 0, command
    return Ran(time.perf_counter() - started, peak)


def write_zip(path: str, target: str) -> None:
    """What GET /api/2/export answers, of all hours."""
    store = open_store(path, access="read")
    project = store.find_project(None)
    app = App(UUID(project.uuid))
    members = (
        Member(
            lambda part, hour=hour: app.member_name(hour.number, part),
            hour_time(hour.number),
            (amplitude_lines(app, events) for events in events_of_hour(store, project.id, hour)),
        )
        for hour in hours(store, project.id, _ALL_TIMES)
    )
    with open(target, "wb") as file:
        file.writelines(zip_pieces(members))
    store.close()


def commands(database: Path) -> dict[str, list[str]]:
    drengr = [sys.executable, "-m", "drengr", "export"]
    return {
        "sqlite3 -json": ["sqlite3", "-readonly", "-json", str(database), "SELECT * FROM events ORDER BY id"],
        "ndjson": drengr,
        "ndjson.gz": [*drengr, "-o", f"{database}.ndjson.gz"],
        "csv": [*drengr, "--format", "csv"],
        "Amplitude's zip": [sys.executable, "-c", _AS_AMPLITUDE, str(database), os.devnull],
    }


def main(report: Report | None = None, argv: list[str] | None = None) -> int:
    """Fill, measure and print."""
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--rows", type=int, default=1_000_000)
    options.add_argument("--quick", action="store_true", help="100,000 events, fewer rounds")
    given = options.parse_args(argv)
    rows, rounds = (100_000, 3) if given.quick else (given.rows, 5)
    report = report or Report()
    with tempfile.TemporaryDirectory(prefix="drengr-bench-") as folder:
        small, large = Path(folder, "small.db"), Path(folder, "large.db")
        for path, size in ((small, rows // 10), (large, rows)):
            fill(str(path), size)
            with closing(open_store(str(path))) as store:
                store.repair(store.wrong_totals())  # the ledger, by which hours are found
        pace(report, large, rows, rounds)
        for name, command in commands(large).items():
            if name != "sqlite3 -json":
                few = run(commands(small)[name], small).peak_mib
                many = run(command, large).peak_mib
                report.say(f"{name}: {few:.0f} MiB at {rows // 10:,} events, {many:.0f} MiB at {rows:,}")
                report.figure(f"{name}: MiB more for ten times the events", many - few, "MiB", at_most=_MORE_MIB)
    return report.close()


def pace(report: Report, database: Path, rows: int, rounds: int) -> None:
    """Events a second of each way out."""

    def per_second(command: list[str]) -> Callable[[], float]:
        return lambda: rows / run(command, database).seconds

    figures = alternating({name: per_second(command) for name, command in commands(database).items()}, rounds)
    for name, found in figures.items():
        report.say(f"{name}, {rows:,} events: {spread(found)} events/s")
    for name in figures.keys() - {"sqlite3 -json"}:
        target = _TARGET if name == "ndjson" else None
        report.figure(f"{name} / sqlite3 -json", ratio(figures[name], figures["sqlite3 -json"]), at_least=target)


if __name__ == "__main__":
    raise SystemExit(main())
