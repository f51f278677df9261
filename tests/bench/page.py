"""How fast each room of the page is and how much it weighs; what five open Live pages cost the events that come in.

    python -m tests.bench.page [--quick]     fills files of 1 and 10 million events, measures, removes them
    python -m tests.bench.page 10m.db        measures files that are there

p50 and p99 in ms of the whole request through Flask without a socket, and its CPU time, which a busy machine leaves
nearly as it is; bytes as sent, with style sheet and script.
"""

import argparse
import statistics
import tempfile
import threading
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path

from drengr import create_app
from drengr.api.service import EXTENSION
from drengr.events.times import DAY_MS
from drengr.people.questions import NamesQuery, PeopleQuery
from drengr.store import Project, Store
from drengr.store.clock import now_ms
from tests.bench.fill import PROJECT, fill
from tests.bench.measure import Report, alternating, ratio, spread
from tests.bench.reads import measured
from tests.bench.served import Served

_MOST_MS = 200
_MOST_BYTES = 100_000
_LIVE_PAGES = 5
_PACKED = {"Accept-Encoding": "gzip"}


class Pages:
    """The page on one file, signed in."""

    def __init__(self, path: str) -> None:
        app = create_app({"DRENGR_DATABASE": path})
        self.store: Store = app.extensions[EXTENSION].store
        self.project: Project = self.store.find_project(PROJECT)
        self._client = app.test_client()
        key = self.store.make_key(self.project, "secret")
        assert self._client.post("/ui/sign-in", data={"key": key}).status_code == 303
        page = self._client.get("/ui/sign-in").text.split('"')
        self.static_bytes = sum(len(self._get(each)) for each in page if each.startswith("/ui/static/"))

    def room(self, path: str) -> int:
        """Make the room; bytes as sent."""
        return len(self._get(f"/ui/{self.project.uuid}/{path}"))

    def _get(self, address: str) -> bytes:
        answer = self._client.get(address, headers=_PACKED)
        assert answer.status_code == 200, (address, answer.status)
        return answer.data


def rooms(pages: Pages) -> dict[str, str]:
    """What is measured: the rooms, by their address; of names the most frequent, and one of the middle."""
    newest = pages.store.last_id()
    names = pages.store.names(pages.project.id, NamesQuery(100, now_ms() // DAY_MS, counts_people=False))
    often, seldom = names[0].event_name, names[len(names) // 2].event_name
    person = pages.store.people(pages.project.id, PeopleQuery(1))[0]
    who = "external_id" if person.kind == "user" else "install_id"
    return {
        "overview, 24 hours": "?range=24h", "overview, 7 days": "", "overview, 30 days": "?range=30d",
        "overview, 90 days": "?range=90d", "live": "live", "live, one name": f"live?event_name={often}",
        "live, new rows": f"live/rows?after={newest - 50}", "event": f"events/{newest}", "names": "names",
        "the most frequent name, 24 hours": f"names/one?event_name={often}&range=24h",
        "the most frequent name, 30 days": f"names/one?event_name={often}",
        "another name, 30 days": f"names/one?event_name={seldom}", "people": "people",
        "people, beginning of an id": f"people?query={person.id[:4]}", "one person": f"people/one?{who}={person.id}",
        "problems": "problems", "settings": "settings", "import": "import",
    }  # fmt: skip


def measure(report: Report, path: str) -> None:
    """Every room on this file, once the sets of past days are made, as the service makes them."""
    pages = Pages(path)
    while pages.store.gather_people(now_ms() // DAY_MS, 60.0):
        pass
    report.say(f"static files {pages.static_bytes:,} bytes")
    for name, address in rooms(pages).items():
        p50, p99 = measured(lambda address=address: pages.room(address))  # type: ignore[misc]
        report.figure(f"{name}: p50", p50, "ms", at_most=_MOST_MS)
        report.figure(f"{name}: p99", p99, "ms")
        report.figure(f"{name}: CPU", _cpu_ms(lambda address=address: pages.room(address)), "ms")  # type: ignore[misc]
        report.figure(f"{name}: weight", pages.room(address) + pages.static_bytes, "bytes", at_most=_MOST_BYTES)
    pages.store.close()


def _cpu_ms(ask: Callable[[], object]) -> float:
    """The CPU time of one run, the median of five."""
    took = []
    for _ in range(5):
        begun = time.process_time()
        ask()
        took.append((time.process_time() - begun) * 1000)
    return statistics.median(took)


def beside_live_pages(report: Report, seconds: float, rounds: int) -> None:
    """The p99 of live requests alone, and while five windows look on."""
    with tempfile.TemporaryDirectory() as folder, Served(folder) as served:
        opener = _signed_in(served)
        stop = threading.Event()
        figures = alternating(
            {
                "alone": lambda: served.load(8, 10, seconds)["p99_ms"],
                "beside five": lambda: _watched(served, opener, stop, seconds),
            },
            rounds,
        )
    for name, values in figures.items():
        report.say(f"ingest p99, {name}: {spread(values, 1)} ms")
    report.figure("ingest p99 beside five live pages / alone", ratio(*reversed(figures.values())), at_most=1.2)


def _signed_in(served: Served) -> urllib.request.OpenerDirector:
    opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor())
    with opener.open(f"http://127.0.0.1:{served.port}/ui/sign-in", f"key={served.secret_key}".encode()) as answer:
        served.room = answer.url  # type: ignore[attr-defined]
    return opener


def _watched(
    served: Served, opener: urllib.request.OpenerDirector, stop: threading.Event, seconds: float
) -> float:
    stop.clear()

    def look_on() -> None:
        after = "0"
        while not stop.wait(2):
            with opener.open(f"{served.room}live/rows?after={after}") as answer:  # type: ignore[attr-defined]
                answer.read()
                after = answer.headers["X-After"]

    windows = [threading.Thread(target=look_on) for _ in range(_LIVE_PAGES)]
    for window in windows:
        window.start()
    try:
        return served.load(8, 10, seconds)["p99_ms"]
    finally:
        stop.set()
        for window in windows:
            window.join()


def main(report: Report, arguments: list[str]) -> None:
    """Measure the files named, or files made for it."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.page")
    parser.add_argument("files", nargs="*")
    parser.add_argument("--quick", action="store_true", help="100,000 events, and shorter runs")
    chosen = parser.parse_args(arguments)
    for path in chosen.files:
        report.say(f"\n{path}")
        measure(report, path)
    if chosen.files:
        return
    for rows in (100_000,) if chosen.quick else (1_000_000, 10_000_000):
        with tempfile.TemporaryDirectory() as folder:
            path = str(Path(folder) / "page.db")
            fill(path, rows)
            report.say(f"\n{rows:,} events")
            measure(report, path)
    beside_live_pages(report, 6.0 if chosen.quick else 12.0, 2 if chosen.quick else 5)


if __name__ == "__main__":
    import sys

    report = Report()
    main(report, sys.argv[1:])
    raise SystemExit(report.close())
