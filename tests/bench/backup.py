"""What a backup costs live requests: the same load without one and beside backups made one after another, in turns.

    python -m tests.bench.backup [--quick]
"""

import argparse
import os
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

from tests.bench.measure import Report, alternating, ratio, spread
from tests.bench.served import Served

CLIENTS, EVENTS = 8, 1
SECONDS = 4.0


def main(report: Report | None = None, argv: list[str] | None = None) -> int:
    """Run and print."""
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--quick", action="store_true", help="fewer rounds, fewer events")
    quick = options.parse_args(argv).quick
    report = report or Report()
    with tempfile.TemporaryDirectory(prefix="drengr-bench-") as folder, Served(folder) as service:
        rows = 200_000 if quick else 2_000_000
        _add(service, rows)
        figures = alternating(
            {"alone": lambda: _p99(service), "beside": lambda: _beside_backups(service, folder)}, 3 if quick else 9
        )
    report.say(f"p99 of a live request, ms, {CLIENTS} clients, {rows:,} events and growing:")
    report.say(f"alone {spread(figures['alone'], 1)}, beside backups {spread(figures['beside'], 1)}")
    report.figure("p99 beside backups / alone", ratio(figures["beside"], figures["alone"]), at_most=2)
    return report.close()


def _add(service: Served, rows: int) -> None:
    """So many events, about, before anything is measured."""
    service.load(CLIENTS, 500, seconds=max(2.0, rows / 25_000))


def _p99(service: Served) -> float:
    return float(service.load(CLIENTS, EVENTS, SECONDS)["p99_ms"])


def _beside_backups(service: Served, folder: str) -> float:
    """While they are made one after another, as `drengr backup` in a process of its own."""
    stop = threading.Event()

    def make_all() -> None:
        while not stop.is_set():
            target = Path(folder, "copies") / "copy.db"
            target.parent.mkdir(exist_ok=True)
            subprocess.run(
                [sys.executable, "-m", "drengr", "backup", str(target)],
                env={**os.environ, "DRENGR_DATABASE": service.path}, check=True, stdout=subprocess.DEVNULL,
            )  # fmt: skip

    thread = threading.Thread(target=make_all)
    thread.start()
    try:
        return _p99(service)
    finally:
        stop.set()
        thread.join()


if __name__ == "__main__":
    raise SystemExit(main())
