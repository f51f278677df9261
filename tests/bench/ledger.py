"""What the ledger costs live requests: the service beside itself without it, in turns.

    python -m tests.bench.ledger [--quick]
"""

import argparse
import tempfile

from tests.bench.measure import Report, alternating, ratio, spread
from tests.bench.served import Served

CLIENTS = 8
SIZES = (1, 30)  # events a request


def main(report: Report | None = None, argv: list[str] | None = None) -> int:
    """Run both and print."""
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--quick", action="store_true", help="fewer rounds")
    rounds = 5 if options.parse_args(argv).quick else 15
    report = report or Report()
    with tempfile.TemporaryDirectory(prefix="drengr-bench-") as folder:
        for size in SIZES:
            one_size(report, folder, size, rounds)
    return report.close()


def one_size(report: Report, folder: str, size: int, rounds: int) -> None:
    """Requests of so many events."""
    with Served(folder) as service, Served(folder, "tests.bench.bench_apps:without_ledger()") as without:
        figures = alternating(
            {
                "without": lambda: without.load(CLIENTS, size)["requests_per_s"],
                "with": lambda: service.load(CLIENTS, size)["requests_per_s"],
            },
            rounds,
        )
    said = f"without the ledger {spread(figures['without'])}, with it {spread(figures['with'])}"
    report.say(f"{size} events a request, {CLIENTS} clients, req/s: {said}")
    report.figure(f"{size} events a request: with / without", ratio(figures["with"], figures["without"]), at_least=0.97)


if __name__ == "__main__":
    raise SystemExit(main())
