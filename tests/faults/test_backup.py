"""Backups beside a service under full load; backup and restore killed at any moment (contract 9)."""

import random
import sqlite3
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from drengr.store import back_up, restore
from drengr.store.sqlite import SqliteStore
from tests.admin import event
from tests.faults.clients import Crowd, differing_totals
from tests.faults.dying import COMMAND, deaths, spread, steps_of
from tests.service import Service, command_environment

BACKUPS = 10
TURNS = 10  # with --soak, each beside a new service
KILLS = 10
EVENTS = 10_000


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """With --soak 100 backups, as the contract has it."""
    if "turn" in metafunc.fixturenames:
        metafunc.parametrize("turn", range(TURNS if metafunc.config.getoption("--soak") else 1))


@pytest.fixture
def service(tmp_path) -> Iterator[Service]:
    (tmp_path / "data").mkdir()
    with Service(tmp_path / "data" / "events.db", DRENGR_METRICS_TOKEN="token") as running:
        yield running


@pytest.fixture
def key(service) -> str:
    return service.project("shop")["publishable_key"]


def ids_in(path: Path) -> set[str]:
    with closing(sqlite3.connect(f"file:{path}?immutable=1", uri=True)) as connection:
        return {row[0] for row in connection.execute("SELECT event_id FROM events")}


def command(path: Path, *words: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "drengr", *words],
        env=command_environment(path), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


def verified(path: Path) -> bool:
    """`drengr verify` finds nothing, and neither does a recount of every total."""
    said, _ = command(path, "verify").communicate(timeout=60)
    with closing(sqlite3.connect(path)) as connection:
        return said == "The file: all right.\nTotals: all right.\n" and differing_totals(connection) == []


def test_backups_at_random_moments_under_load_are_whole_moments(service, key, tmp_path, turn):
    """Each holds all that was acknowledged before it began, and nothing that was not sent before it ended."""
    made = []
    with Crowd(service, key, 4, most_events=5) as crowd:
        for number in range(BACKUPS):
            time.sleep(random.random() / 4)
            name = f"copy{number}.db{'.gz' if number % 5 == 4 else ''}"
            before = set(crowd.acknowledged)
            made.append((back_up(str(service.database), str(tmp_path / name)), before, set(crowd.sent)))
    assert set(crowd.statuses) == {200} and len(crowd.acknowledged) > 100
    for number, (backup, before, after) in enumerate(made):
        place = tmp_path / f"restored{number}.db"
        restore(str(place), backup.path, lambda _text: None)
        with closing(SqliteStore(str(place), access="inspect")) as store:
            assert store.faults() == [] and store.wrong_totals() == []
        there = ids_in(place)
        assert before <= there <= after and len(there) == backup.events and backup.not_noted is None
    assert verified(place) and verified(service.database)
    request = urllib.request.Request(f"{service.url}/metrics", headers={"Authorization": "Bearer token"})
    with urllib.request.urlopen(request, timeout=60) as answer:
        lines = answer.read().decode().splitlines()
    (told,) = [line for line in lines if line.startswith("drengr_backup_last_success_timestamp_seconds ")]
    assert time.time() - 600 < float(told.split()[1]) < time.time()


def test_the_wal_comes_back_after_something_has_read_for_long(tmp_path):
    """As a backup of a large file does. Between two checkpoints it has 64 MB; here 1,000 pages do."""
    with closing(SqliteStore(str(tmp_path / "events.db"))) as store:
        wal = tmp_path / "events.db-wal"
        writer = store.database.writing_connection()
        limit = writer.execute("PRAGMA journal_size_limit").fetchone()[0]
        assert limit == 64 << 20
        writer.execute("PRAGMA wal_autocheckpoint = 1000")
        writer.execute(f"PRAGMA journal_size_limit = {4 << 20}")
        filler = "INSERT OR REPLACE INTO heartbeat VALUES (1, 1, randomblob(1000000))"
        with closing(sqlite3.connect(store.database.path, isolation_level=None)) as reader:
            reader.execute("BEGIN")
            reader.execute("SELECT count(*) FROM projects").fetchone()
            for _ in range(20):
                store.commits.run(lambda connection: connection.execute(filler))
            assert wal.stat().st_size > 16 << 20
            reader.execute("COMMIT")
        for _ in range(5):
            store.commits.run(lambda connection: connection.execute(filler))
        assert wal.stat().st_size <= 6 << 20


def test_a_restore_is_refused_while_the_service_runs(service, key, tmp_path):
    with Crowd(service, key, 2) as crowd:
        time.sleep(0.5)
        copy = str(tmp_path / "copy.db")
        back_up(str(service.database), copy)
        _, errors = command(service.database, "restore", copy).communicate(timeout=60)
        assert "is in use by another process; stop the service" in errors
    assert set(crowd.statuses) == {200} and crowd.acknowledged <= ids_in_live(service)
    assert service.is_healthy() and not list(service.database.parent.glob("*.before-*"))


def ids_in_live(service: Service) -> set[str]:
    return {event["event_id"] for event in service.events()}


@pytest.fixture
def large(tmp_path) -> Path:
    """A database with 10,000 events."""
    path = tmp_path / "large" / "events.db"
    path.parent.mkdir()
    with closing(SqliteStore(str(path))) as store:
        store.make_project("shop")
        store.add(1, [event(event_id=f"id {n}", event_name=f"e{n % 50}") for n in range(EVENTS)])
    return path


def test_a_killed_backup_leaves_the_one_before_or_the_new_one(large, tmp_path):
    copy = tmp_path / "copies" / "copy.db"
    copy.parent.mkdir()
    words = ("backup", str(copy))
    for _ in deaths(large, COMMAND, *words, at=spread(steps_of(large, COMMAND, *words), KILLS)):
        with closing(sqlite3.connect(f"file:{copy}?mode=ro", uri=True)) as connection:
            assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
            assert connection.execute("SELECT count(*) FROM events").fetchone() == (EVENTS,)
    assert back_up(str(large), str(copy)).events == EVENTS
    assert [path.name for path in copy.parent.iterdir()] == ["copy.db"] and verified(large)


def test_a_killed_restore_leaves_the_database_or_the_backup(large, tmp_path):
    copy = tmp_path / "copy.db"
    back_up(str(large), str(copy))
    with closing(SqliteStore(str(large))) as store:
        store.add(1, [event(event_id="later")])
    words = ("restore", str(copy))
    steps = steps_of(large, COMMAND, *words)
    with closing(SqliteStore(str(large))) as store:
        store.add(1, [event(event_id="later")])
    for _ in deaths(large, COMMAND, *words, at=spread(steps, KILLS)):
        with closing(SqliteStore(str(large), access="write")) as store:  # as a service would find it
            events = store.database.read("SELECT count(*) FROM events")[0][0]
            assert events in (EVENTS, EVENTS + 1)
            assert store.faults() == [] and store.find_project("shop").id == 1
            assert store.database.read("PRAGMA journal_mode") == [("wal",)]
            store.add(1, [event(event_id="later")])
    restore(str(large), str(copy), lambda _text: None)
    assert verified(large) and not list(large.parent.glob("*.part*"))
    for aside in large.parent.glob("*.before-*"):
        if not aside.name.endswith("-lock"):
            with closing(sqlite3.connect(aside)) as connection:
                assert connection.execute("SELECT count(*) FROM events").fetchone()[0] == EVENTS + 1


def start_beside_others(service: Service) -> None:
    """A start waits two seconds for a command that has the file; where that takes longer, a supervisor tries again."""
    for _ in range(20):
        try:
            service.start()
            return
        except RuntimeError as error:
            if "in use by another process" not in str(error):
                raise
    raise AssertionError(service.log_text())


def test_a_service_that_is_started_again_and_again_finds_one_whole_database(service, key, tmp_path):
    with Crowd(service, key, 2):
        time.sleep(0.5)
    copy = str(tmp_path / "copy.db")
    made = back_up(str(service.database), copy)
    with Crowd(service, key, 2) as crowd:
        time.sleep(0.5)
    service.stop()
    stop, refused = threading.Event(), []

    def restore_often() -> None:
        while not stop.is_set():
            process = command(service.database, "restore", copy)
            _, errors = process.communicate(timeout=60)
            refused.append("is in use" in errors)

    thread = threading.Thread(target=restore_often)
    thread.start()
    counts = []
    try:
        for _ in range(3):
            start_beside_others(service)
            counts.append(len(service.events()))
            assert service.integrity() == "ok"
            service.stop()
            known = len(refused)
            while False not in refused[known:]:  # one that nobody is in the way of
                assert thread.is_alive()
                time.sleep(0.02)
    finally:
        stop.set()
        thread.join(120)
    assert set(counts) <= {made.events, made.events + len(crowd.acknowledged)}
    assert verified(service.database)
