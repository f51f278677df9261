"""All benches, one after the other: the README's figures, and where each falls short of its target.

    python tests/bench/run.py [--quick]

Takes about an hour; --quick takes some ten minutes and says less. Wants a machine that does nothing else. Each bench
can be run alone: `python -m tests.bench.storage --help`.
"""

import importlib
import shutil
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
BENCHES = (
    "rates", "ledger", "backup", "erase", "workers", "storage", "reads", "people", "page", "import", "export",
    "postgresql", "slow_clients", "datasette",
)  # fmt: skip


def main() -> int:
    """Run each bench with the same arguments; a missing development package leaves its bench out, and says so."""
    sys.path.insert(0, str(ROOT))
    from tests.bench.measure import Report
    from tests.cluster import binaries

    quick = [word for word in sys.argv[1:] if word == "--quick"]
    short = []
    for name in BENCHES:
        report = Report()
        report.say(f"\n== {name}")
        if name == "datasette" and not shutil.which("datasette"):
            report.say("left out: no datasette on the PATH; see tests/bench/datasette.py")
            continue
        if name == "postgresql" and not binaries():
            report.say("left out: no PostgreSQL on this machine")
            continue
        importlib.import_module(f"tests.bench.{name}").main(report, quick)
        short += report.short
    Report().say("\n== all")
    return Report(short).close()


if __name__ == "__main__":
    raise SystemExit(main())
