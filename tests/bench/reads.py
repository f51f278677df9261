"""How fast the log and the counts answer, inside the service and beside plain SQL.

    python -m tests.bench.reads [--quick]           fills files of 1 and 10 million events, measures, removes them
    python -m tests.bench.reads 1m.db 10m.db        measures files that tests.bench.fill made

p50 and p99 in ms. "store" is the question asked of drengr.store, "service" the whole request through Flask without a
socket, "plain SQL" the same question on the view `events` in the way a person would ask it, on the best index.
"""

import argparse
import random
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from drengr.admin.questions import CountQuery, PageQuery, Position
from drengr.api import build_app
from drengr.api.service import EXTENSION
from drengr.events.times import iso_text
from tests.bench.fill import DAYS, PROJECT, fill
from tests.bench.measure import Report

DAY_MS = 86_400_000
NAME = "viewed_item"
_ENDLESS = 2**62
_FULL_SIZE = 10_000_000


class Bench:
    """One file under measurement."""

    def __init__(self, path: str) -> None:
        app = build_app({"DRENGR_DATABASE": path})
        self.store = app.extensions[EXTENSION].store
        self.project = self.store.find_project(PROJECT)
        key = self.store.make_key(self.project, "secret")
        self._client = app.test_client()
        self._headers = {"Authorization": f"Bearer {key}"}
        self._url = f"/admin/projects/{self.project.uuid}/events"
        self.rows, self.newest = self.read("SELECT count(*), max(occurred_at) FROM semantic_events")[0]
        self.since = self.newest - DAYS * DAY_MS + 12_345  # ragged: within an hour, like any "90 days ago"
        self.user = self.read("SELECT external_id FROM events WHERE id = ?", self.rows // 2)[0][0]
        self.device = self.read("SELECT install_id FROM events WHERE id = ?", self.rows // 2)[0][0]

    def read(self, statement: str, *parameters: object) -> list[tuple]:
        return self.store.database.read(statement, parameters)

    def plain(self, statement: str) -> list[tuple]:
        """What a person's SQL finds: project, window and name are :p, :a, :b, :n."""
        parameters = {"p": self.project.id, "a": self.since, "b": self.newest, "n": NAME}
        return self.store.database.reading_connection().execute(statement, parameters).fetchall()

    def get(self, path: str, **asked: object) -> None:
        answer = self._client.get(self._url + path, query_string=asked, headers=self._headers)
        assert answer.status_code == 200, answer.text

    def page(self, **asked: object) -> list:
        return self.store.page(self.project.id, PageQuery(**asked))

    def count(self, **asked: object):
        return self.store.count(self.project.id, CountQuery(self.since, self.newest, **asked))


def measured(ask: Callable[[], object], *, at_most_s: float = 2.0, times: int = 200) -> tuple[float, float]:
    """(p50, p99) in ms, of as many runs as fit; the first two are not counted."""
    took: list[float] = []
    ends = time.perf_counter() + at_most_s
    while len(took) < times + 2 and (time.perf_counter() < ends or len(took) < 3):
        started = time.perf_counter()
        ask()
        took.append((time.perf_counter() - started) * 1000)
    took = sorted(took[2:] or took)
    return statistics.median(took), took[min(int(len(took) * 0.99), len(took) - 1)]


def lists(bench: Bench) -> dict[str, tuple[Callable, Callable | None]]:
    """What is asked of the list: (in the store, in the service)."""
    middle = bench.read("SELECT occurred_at, id FROM semantic_events WHERE id = ?", bench.rows // 2)[0]
    deep = Position(*middle)
    all_of = {"since": bench.since, "before": Position(_ENDLESS, 0), "limit": 100}
    since = iso_text(bench.since)
    cursor = _cursor(deep)
    asked: dict[str, tuple[Callable, Callable]] = {
        "first page": (lambda: bench.page(**all_of), lambda: bench.get("", since=since)),
        "page at half depth": (
            lambda: bench.page(**all_of | {"before": deep}),
            lambda: bench.get("", since=since, cursor=cursor),
        ),
        "page of 1000": (
            lambda: bench.page(**all_of | {"limit": 1000}),
            lambda: bench.get("", since=since, limit=1000),
        ),
    }
    day = {"since": bench.newest - DAY_MS}
    for name, value in (
        ("event_name", NAME),
        ("source", "amplitude_http"),
        ("external_id", bench.user),
        ("install_id", bench.device),
    ):
        for window, bound in (("90 days", {}), ("24 hours", day)):
            if window == "24 hours" and name in ("event_name", "source"):
                continue
            words = all_of | bound | {name: value}
            at = iso_text(words["since"])
            asked[f"{name}, {window}"] = (
                lambda words=words: bench.page(**words),
                lambda name=name, value=value, at=at: bench.get("", since=at, **{name: value}),
            )
    return asked


COUNTS = {
    "total": ({}, "SELECT count(*) FROM semantic_events WHERE project_id = :p AND occurred_at BETWEEN :a AND :b"),
    "by day": (
        {"group_by": "day"},
        "SELECT date(occurred_at / 1000, 'unixepoch') AS d, count(*) FROM semantic_events"
        " WHERE project_id = :p AND occurred_at BETWEEN :a AND :b GROUP BY d",
    ),
    "by name": (
        {"group_by": "event_name"},
        "SELECT n.name, c.k FROM (SELECT name_id, count(*) AS k FROM semantic_events INDEXED BY events_by_name_and_time"
        " WHERE name_id IN (SELECT id FROM event_names WHERE project_id = :p) AND occurred_at BETWEEN :a AND :b"
        " GROUP BY name_id) AS c JOIN event_names AS n ON n.id = c.name_id",
    ),
    "one name": (
        {"event_name": NAME},
        "SELECT count(*) FROM semantic_events WHERE name_id = (SELECT id FROM event_names WHERE name = :n)"
        " AND occurred_at BETWEEN :a AND :b",
    ),
    "one name by day": (
        {"event_name": NAME, "group_by": "day"},
        "SELECT date(occurred_at / 1000, 'unixepoch') AS d, count(*) FROM semantic_events"
        " WHERE name_id = (SELECT id FROM event_names WHERE name = :n) AND occurred_at BETWEEN :a AND :b GROUP BY d",
    ),
}


def _cursor(position: Position) -> str:
    from drengr.admin.questions import cursor_text

    return cursor_text(*position)


def measure_lists(report: Report, bench: Bench) -> dict[str, float]:
    """{what: p50 in the store}."""
    report.say(f"\nList, {bench.rows:,} events{'':21}store p50   p99    service p50   p99")
    found = {}
    for what, (in_store, in_service) in lists(bench).items():
        store, service = measured(in_store), measured(in_service)
        found[what] = store[0]
        report.say(f"  {what:42}{store[0]:8.2f}{store[1]:8.2f}{service[0]:10.2f}{service[1]:8.2f}")
    return found


def measure_counts(report: Report, bench: Bench) -> dict[str, tuple[float, float]]:
    """{what: (p50 in the service, p50 of plain SQL)}."""
    report.say(
        f"\nCount of 90 days, {bench.rows:,} events{'':9}store p50   p99    service p50   p99   plain SQL p50   times"
    )
    asked = {"since": iso_text(bench.since), "until": iso_text(bench.newest)}
    found = {}
    for what, (grouped, statement) in COUNTS.items():
        _check(bench.count(**grouped), bench.plain(statement))
        store = measured(lambda grouped=grouped: bench.count(**grouped))
        service = measured(lambda grouped=grouped: bench.get("/count", **asked, **grouped))
        plain = measured(lambda statement=statement: bench.plain(statement), at_most_s=6)[0]
        found[what] = service[0], plain
        report.say(
            f"  {what:36}{store[0]:14.2f}{store[1]:8.2f}{service[0]:10.2f}{service[1]:8.2f}{plain:14.1f}"
            f"{plain / service[0]:10.0f}"
        )
    return found


def _check(counted, rows: list[tuple]) -> None:
    """The two ways must agree, or there is nothing to compare."""
    expected = dict(rows) if counted.buckets is not None else rows[0][0]
    assert (dict(counted.buckets) if counted.buckets is not None else counted.total) == expected


def compare(report: Report, files: list[Path]) -> None:
    """Measure every file, print, and hold the largest against its targets."""
    found = {}
    for path in files:
        bench = Bench(str(path))
        found[bench.rows] = measure_lists(report, bench), measure_counts(report, bench)
        bench.store.close()
    small, large = min(found), max(found)
    pages, counts = found[large]
    report.say(f"\nAt {large:,} events")
    report.figure("first page of 100 in the store", pages["first page"], "ms", at_most=1)
    deep = pages["page at half depth"] / pages["first page"]
    report.figure("page at half depth / first page", deep, at_most=1.5)
    for what, (service, plain) in counts.items():
        report.figure(f"count {what}, in the service", service, "ms", at_most=5)
        target = 100 if large >= _FULL_SIZE else None  # plain SQL grows with the file
        report.figure(f"count {what}, plain SQL / service", plain / service, at_least=target)
        if small != large:
            growth = service / found[small][1][what][0]
            report.figure(f"count {what}, at {large:,} / at {small:,}", growth, at_most=2.5)


def main(report: Report | None = None, argv: list[str] | None = None) -> int:
    """Fill files unless some are given, measure, print."""
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("files", nargs="*", type=Path, help="made by tests.bench.fill")
    options.add_argument("--quick", action="store_true", help="files of a tenth of the rows")
    chosen = options.parse_args(argv)
    report = report or Report()
    random.seed(1)
    if chosen.files:
        compare(report, chosen.files)
        return report.close()
    with tempfile.TemporaryDirectory(prefix="drengr-bench-") as folder:
        files = []
        for rows in (100_000, 1_000_000) if chosen.quick else (1_000_000, _FULL_SIZE):
            files.append(Path(folder, f"{rows}.db"))
            report.say(f"filling {rows:,} events …")
            fill(str(files[-1]), rows)
        compare(report, files)
    return report.close()


if __name__ == "__main__":
    raise SystemExit(main())
