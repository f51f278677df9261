"""Questions about people, in the service and beside it in plain SQL over the views, and in DuckDB on the same file.

    python -m tests.bench.people [--quick]              fills files of 1 and 10 million events, measures, removes them
    python -m tests.bench.people 1m.db 10m.db           measures files that tests.bench.people_fill made

p50 in ms of the whole request through Flask, without a socket. "without sets" is the same right after an upgrade,
before the service has made its sets of people. Plain SQL is what somebody would type at the file; it is asked once, and
given up after a minute. DuckDB reads the tables through its sqlite extension (pip install duckdb==1.5.5
duckdb-extension-sqlite-scanner==1.5.5).
"""

import argparse
import importlib.util
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from drengr.api import build_app
from drengr.api.service import EXTENSION
from drengr.events.times import DAY_MS, iso_text
from drengr.store import TooLong
from drengr.store.sqlite.deadlines import deadline
from tests.bench.fill import DAYS, PROJECT
from tests.bench.measure import Report
from tests.bench.people_fill import fill

_FULL_SIZE = 10_000_000
_PATIENCE_S = 60.0

# :p the project, :a and :b the window, :m the last 30 days of it, :n a name, :w a person
_PEOPLE = "count(DISTINCT person_kind || person)"
_IN = "FROM events_and_people WHERE project = :p AND occurred_at BETWEEN :a AND :b"
_WEEK = "(occurred_at / 86400000 - 4) / 7"
_STEPS = """
WITH e AS (SELECT person_kind || person AS who, event_name, occurred_at {source}),
one AS (SELECT DISTINCT who, occurred_at AS start FROM e WHERE event_name = '{0}'),
two AS (SELECT one.who, start, min(e.occurred_at) AS at FROM one JOIN e ON e.who = one.who AND e.event_name = '{1}'
        AND e.occurred_at BETWEEN start AND start + 604800000 GROUP BY 1, 2),
three AS (SELECT two.who FROM two JOIN e ON e.who = two.who AND e.event_name = '{2}'
          AND e.occurred_at BETWEEN at AND start + 604800000)
SELECT count(DISTINCT who) FROM one UNION ALL SELECT count(DISTINCT who) FROM two
UNION ALL SELECT count(DISTINCT who) FROM three
"""
_OF_STEPS = _IN + " AND event_name IN ('{0}', '{1}', '{2}')"
_RETENTION = f"""
WITH e AS (SELECT DISTINCT person_kind || person AS who, {_WEEK} AS week {_IN}),
c AS (SELECT who, min(week) AS cohort FROM e GROUP BY who)
SELECT cohort, week, count(*) FROM e JOIN c USING (who) GROUP BY 1, 2
"""
RARE, HEAVY = ("step_0", "step_1", "step_2"), ("page_viewed", "step_1", "step_2")


class Question(NamedTuple):
    """What is asked, and how soon it must be answered."""

    path: str
    asked: dict[str, object]
    at_most_ms: float | None
    sql: str | None = None


class Bench:
    """One file under measurement."""

    def __init__(self, path: str) -> None:
        self.path = path
        app = build_app({"DRENGR_DATABASE": path})
        self.store = app.extensions[EXTENSION].store
        self.project = self.store.find_project(PROJECT)
        key = self.store.make_key(self.project, "secret")
        self._client = app.test_client()
        self._headers = {"Authorization": f"Bearer {key}"}
        self.rows, self.newest = self.store.database.read("SELECT count(*), max(occurred_at) FROM semantic_events")[0]
        self.since = self.newest - DAYS * DAY_MS + 12_345  # within an hour, like any "90 days ago"
        full_page = "SELECT id FROM people WHERE kind = 'user' AND events BETWEEN 100 AND 120 LIMIT 1"
        self.user = self.store.database.read(full_page)[0][0]
        self.values = {
            "p": self.project.uuid, "a": self.since, "b": self.newest, "m": self.newest - 30 * DAY_MS,
            "n": HEAVY[0], "w": self.user,
        }  # fmt: skip

    def get(self, question: Question) -> None:
        url = f"/admin/projects/{self.project.uuid}/{question.path}"
        answer = self._client.get(url, query_string=question.asked, headers=self._headers)
        assert answer.status_code == 200, answer.text

    def plain(self, sql: str) -> float | None:
        """The ms of somebody's SQL; None when it took too long."""
        with self.store.database.snapshot() as connection:
            started = time.perf_counter()
            try:
                with deadline(connection, _PATIENCE_S):
                    connection.execute(sql, self.values).fetchall()
            except TooLong:
                return None
            return (time.perf_counter() - started) * 1000

    def gather(self) -> float:
        """Seconds that making all sets takes."""
        started = time.perf_counter()
        while self.store.gather_people(self.newest // DAY_MS, 60.0):
            pass
        return time.perf_counter() - started


def questions(bench: Bench) -> dict[str, Question]:
    """The rows of the table, by what they say."""
    window: dict[str, object] = {"since": iso_text(bench.since), "until": iso_text(bench.newest)}
    month = window | {"since": iso_text(bench.newest - 30 * DAY_MS)}
    by_day = window | {"group_by": "day"}
    a_day = f"SELECT date(occurred_at / 1000, 'unixepoch'), {_PEOPLE} {_IN} {{}} GROUP BY 1"
    return {
        "one person's newest 100": Question(
            "people/events", {"external_id": bench.user}, 5,
            "SELECT * FROM events WHERE project = :p AND external_id = :w ORDER BY occurred_at DESC LIMIT 100",
        ),
        "one person": Question("people/one", {"external_id": bench.user}, None),
        "people, newest 100": Question("people", {}, None),
        "people whose id begins with user_1": Question("people", {"query": "user_1"}, None),
        "people a day, 90 days": Question("people/count", by_day, 50, a_day.format("")),
        "people of 30 days": Question(
            "people/count", month, 100, f"SELECT {_PEOPLE} {_IN.replace(':a', ':m')}"
        ),
        "people a day of the name that has 25 %": Question(
            "people/count", by_day | {"event_name": HEAVY[0]}, 150, a_day.format("AND event_name = :n")
        ),
        "people a day of a name that has 1 %": Question("people/count", by_day | {"event_name": RARE[0]}, 150),
        "retention by week": Question("people/retention", window | {"period": "week"}, 1000, _RETENTION),
        "funnel of three steps of 1 %": Question(
            "funnel", window | {"step": RARE}, 500, _STEPS.format(*RARE, source=_OF_STEPS.format(*RARE))
        ),
        "funnel of three steps, the first of 25 %": Question(
            "funnel", window | {"step": HEAVY}, 3000, _STEPS.format(*HEAVY, source=_OF_STEPS.format(*HEAVY))
        ),
        "funnel of three steps, the last of 25 %": Question("funnel", window | {"step": HEAVY[::-1]}, 3000),
        "names": Question("names", {}, None),
    }  # fmt: skip


DUCK = {
    "people a day, 90 days": "SELECT occurred_at // 86400000, count(DISTINCT person_id) {} GROUP BY 1",
    "people of 30 days": "SELECT count(DISTINCT person_id) {} AND occurred_at > $b - 2592000000",
    "people a day of the name that has 25 %": "SELECT occurred_at // 86400000, count(DISTINCT person_id) {}"
    " AND name_id = $n GROUP BY 1",
    "retention by week": "WITH e AS (SELECT DISTINCT person_id, (occurred_at // 86400000 - 4) // 7 AS week {}),"
    " c AS (SELECT person_id, min(week) AS cohort FROM e GROUP BY 1)"
    " SELECT cohort, week, count(*) FROM e JOIN c USING (person_id) GROUP BY 1, 2",
}
_DUCK_EVENTS = "FROM f.semantic_events JOIN f.identities AS i ON i.id = identity_id WHERE occurred_at BETWEEN $a AND $b"


def p50(ask: Callable[[], object], at_most_s: float = 6.0, times: int = 100) -> float:
    """In ms, of as many runs as fit; the first is not counted."""
    ask()
    took: list[float] = []
    ends = time.perf_counter() + at_most_s
    while len(took) < times and (time.perf_counter() < ends or len(took) < 3):
        started = time.perf_counter()
        ask()
        took.append((time.perf_counter() - started) * 1000)
    return statistics.median(took)


def measure(report: Report, path: str) -> float:
    """Print one file's figures; the p50 of one person's page."""
    bench = Bench(path)
    report.say(f"\n{bench.rows:,} events, {Path(path).stat().st_size / bench.rows:.0f} bytes each")
    asked = questions(bench)
    is_full = bench.rows >= _FULL_SIZE * 0.99
    bench.store.commits.run(lambda connection: connection.execute("DELETE FROM day_sets"))
    without = {
        what: p50(lambda question=question: bench.get(question), 3.0, 20)
        for what, question in asked.items()
        if "name" in what or "retention" in what
    }
    report.say(f"the sets of the people of past days were made in {bench.gather():.1f} s")
    (size,) = bench.store.database.read("SELECT sum(length(people) + length(newcomers)) FROM day_sets")[0]
    report.figure("their size", size / bench.rows, "B an event")
    figures = {}
    for what, question in asked.items():
        figures[what] = p50(lambda question=question: bench.get(question))
        report.figure(what, figures[what], "ms", at_most=question.at_most_ms if is_full else None)
        if what in without:
            report.figure("    without sets", without[what], "ms")
    report.say("in plain SQL over the views, once:")
    for what, question in asked.items():
        if question.sql:
            took = bench.plain(question.sql)
            report.say(f"    {what:70} {'over a minute' if took is None else f'{took:10.3g} ms'}")
    _in_duckdb(report, bench)
    bench.store.close()
    return figures["one person's newest 100"]


def _in_duckdb(report: Report, bench: Bench) -> None:
    found = importlib.util.find_spec("duckdb_extension_sqlite_scanner")
    if found is None or not found.submodule_search_locations:
        report.say("DuckDB with its sqlite extension is not installed: left out")
        return
    import duckdb

    extension = next(Path(found.submodule_search_locations[0]).rglob("*.duckdb_extension"))
    connection = duckdb.connect(config={"allow_unsigned_extensions": "true"})
    connection.execute(f"LOAD '{extension}'")
    connection.execute(f"ATTACH '{bench.path}' AS f (TYPE sqlite, READ_ONLY)")
    (name_id,) = bench.store.database.read("SELECT id FROM event_names WHERE name = ?", (HEAVY[0],))[0]
    report.say("in DuckDB, on the tables of the file, once:")
    for what, sql in DUCK.items():
        started = time.perf_counter()
        values = {"a": bench.since, "b": bench.newest} | ({"n": name_id} if "$n" in sql else {})
        connection.execute(sql.format(_DUCK_EVENTS), values).fetchall()
        report.say(f"    {what:70} {(time.perf_counter() - started) * 1000:10.3g} ms")


def main(report: Report, arguments: list[str] | None = None) -> None:
    """Fill and measure, or measure the files that are named."""
    parser = argparse.ArgumentParser(description="How fast questions about people are answered.")
    parser.add_argument("files", nargs="*", help="made by tests.bench.people_fill; default: makes and removes its own")
    parser.add_argument("--quick", action="store_true", help="100,000 and 1 million events")
    asked = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(dir=".") as folder:
        files = asked.files or [f"{folder}/small.db", f"{folder}/large.db"]
        if not asked.files:
            for path, rows in zip(files, (100_000, 1_000_000) if asked.quick else (1_000_000, _FULL_SIZE), strict=True):
                fill(path, rows)
        pages = [measure(report, path) for path in files]
    if len(pages) == 2:
        report.figure("one person's newest 100, large / small file", pages[1] / pages[0], "", at_most=1.3)


if __name__ == "__main__":
    final = Report()
    main(final)
    raise SystemExit(final.close())
