"""Writes that wait share a transaction, and each gets its own outcome; processes take turns (contract 4)."""

import fcntl
import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from contextlib import closing
from uuid import uuid4

import pytest

from drengr.store import Busy, StoreError
from drengr.store.sqlite import SqliteStore, group_commit
from tests.faults.writer import event

PATIENCE_S = 20


@pytest.fixture
def store(tmp_path):
    opened = SqliteStore(str(tmp_path / "events.db"))
    opened.make_project("shop")
    yield opened
    opened.close()


@pytest.fixture
def statements(store) -> list[str]:
    """Every statement that the writing connection runs from now on."""
    seen: list[str] = []
    store.database.writing_connection().set_trace_callback(seen.append)
    return seen


@pytest.fixture
def held(store):
    """A write that a leader has begun and that ends when `held.release()` is called: the flush of a slow disk."""
    return HeldWrite(store)


class HeldWrite:
    def __init__(self, store: SqliteStore) -> None:
        self._begun, self._may_end = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=store.commits.run, args=[self._work])

    def __enter__(self):
        self._thread.start()
        assert self._begun.wait(PATIENCE_S)
        return self

    def __exit__(self, *_) -> None:
        self.release()
        self._thread.join(PATIENCE_S)

    def _work(self, _connection) -> None:
        self._begun.set()
        assert self._may_end.wait(PATIENCE_S)

    def release(self) -> None:
        self._may_end.set()


class Calls:
    """Calls made at the same moment in threads of their own; `outcomes` in order: what each returned or raised."""

    def __init__(self, *calls) -> None:
        self.outcomes: list = [None] * len(calls)
        self._threads = [threading.Thread(target=self._run, args=pair) for pair in enumerate(calls)]
        for thread in self._threads:
            thread.start()

    def _run(self, position: int, call) -> None:
        try:
            self.outcomes[position] = call()
        except Exception as error:
            self.outcomes[position] = error

    def join(self) -> list:
        for thread in self._threads:
            thread.join(PATIENCE_S)
            assert not thread.is_alive(), "a write was never answered"
        return self.outcomes


def wait_until_waiting(store: SqliteStore, count: int) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while len(store.commits._waiting) < count:
        assert time.monotonic() < deadline
        time.sleep(0.005)


def stored_ids(store: SqliteStore) -> list[str]:
    return sorted(row[0] for row in store.database.read("SELECT event_id FROM semantic_events"))


def adding(store: SqliteStore, *ids: str):
    return lambda: store.add(1, [event(event_id) for event_id in ids])[:2]


def test_writes_that_come_during_a_flush_share_the_next_transaction(store, statements, held):
    with held:
        calls = Calls(*(adding(store, f"id {number}") for number in range(20)))
        wait_until_waiting(store, 20)
    assert calls.join() == [(1, 0)] * 20
    assert statements.count("COMMIT") == 2


def test_each_write_of_a_group_gets_its_own_counts(store, held):
    store.add(1, [event("known")])
    with held:
        calls = Calls(
            adding(store, "a", "b", "c"), adding(store, "known"), adding(store, "d", "d", "known"), lambda: "another"
        )
        wait_until_waiting(store, 3)
    assert calls.join() == [(3, 0), (0, 1), (1, 2), "another"]


def test_the_same_event_twice_in_a_group_is_counted_once(store, held):
    with held:
        calls = Calls(*[adding(store, "same")] * 5)
        wait_until_waiting(store, 5)
    assert sorted(calls.join()) == [(0, 1)] * 4 + [(1, 0)]
    assert stored_ids(store) == ["same"]


def test_a_failing_write_harms_no_neighbour(store, held):
    def fails_after_writing(connection):
        connection.execute("INSERT INTO projects (uuid, name, created_at) VALUES (?, 'ghost', 0)", ("x" * 36,))
        raise ValueError("no")

    with held:
        calls = Calls(
            adding(store, "before"),
            lambda: store.commits.run(fails_after_writing),
            lambda: store.commits.run(lambda connection: connection.execute("INSERT INTO projects DEFAULT VALUES")),
            adding(store, "after"),
        )
        wait_until_waiting(store, 4)
    good, bad, refused, other = calls.join()
    assert (good, other) == ((1, 0), (1, 0))
    assert isinstance(bad, ValueError)
    assert isinstance(refused, sqlite3.IntegrityError)
    assert stored_ids(store) == ["after", "before"]
    assert store.database.read("SELECT name FROM projects") == [("shop",)]


def test_the_lead_is_handed_on_until_all_are_served(store, monkeypatch):
    monkeypatch.setattr(group_commit, "MOST_ROWS", 3)  # so that no leader can take all
    calls = Calls(*(adding(store, f"id {number}") for number in range(60)))
    assert calls.join() == [(1, 0)] * 60
    assert len(stored_ids(store)) == 60
    assert not store.commits._led


def test_a_large_write_does_not_share_with_so_many(store, statements, held, monkeypatch):
    monkeypatch.setattr(group_commit, "MOST_ROWS", 10)
    with held:
        calls = Calls(*(adding(store, *(f"{letter}{number}" for number in range(8))) for letter in "abc"))
        wait_until_waiting(store, 3)
    assert calls.join() == [(8, 0)] * 3
    assert statements.count("COMMIT") == 1 + 3


def test_a_write_whose_turn_does_not_come_is_withdrawn(store, held, monkeypatch):
    monkeypatch.setattr(group_commit, "LONGEST_WAIT_S", 0.1)
    with held:
        outcomes = Calls(*(adding(store, f"id {number}") for number in range(5))).join()
        assert all(isinstance(outcome, Busy) for outcome in outcomes)
    assert stored_ids(store) == []
    assert store.add(1, [event("later")])[:2] == (1, 0)


def test_a_group_that_the_disk_has_no_room_for_tells_every_member(store, held):
    connection = store.database.writing_connection()
    pages = connection.execute("PRAGMA page_count").fetchone()[0]

    def too_much(connection):
        connection.execute("CREATE TABLE filler AS SELECT randomblob(10000000) AS blob")

    with held:
        calls = Calls(adding(store, "a"), lambda: store.commits.run(too_much), adding(store, "b"))
        wait_until_waiting(store, 3)
        connection.execute(f"PRAGMA max_page_count = {pages + 2}")
    outcomes = calls.join()
    stored = stored_ids(store)
    assert isinstance(outcomes[1], sqlite3.Error | StoreError)
    for event_id, outcome in (("a", outcomes[0]), ("b", outcomes[2])):
        assert (outcome == (1, 0)) == (event_id in stored)
    connection.execute("PRAGMA max_page_count = 1000000")
    assert store.add(1, [event("c")])[:2] == (1, 0)


def test_a_transaction_that_sqlite_itself_gives_up_fails_for_all_its_members(store, held):
    """As SQLite may do when the disk is full or broken: the neighbours' rows are gone with it."""

    def given_up(connection):
        connection.execute("ROLLBACK")
        raise sqlite3.OperationalError("disk I/O error")

    with held:
        calls = Calls(adding(store, "a"), lambda: store.commits.run(given_up), adding(store, "b"))
        wait_until_waiting(store, 3)
    outcomes = calls.join()
    assert all(isinstance(outcome, sqlite3.Error | StoreError) for outcome in outcomes)
    assert stored_ids(store) == []
    assert store.add(1, [event("a")])[:2] == (1, 0)


def test_when_even_the_rollback_fails_every_member_learns_that_nothing_is_stored(store, held, monkeypatch):
    class Broken:
        def __init__(self, connection: sqlite3.Connection) -> None:
            self._connection = connection

        def __getattr__(self, name: str):
            return getattr(self._connection, name)

        def execute(self, sql: str, *parameters):
            if sql in ("COMMIT", "ROLLBACK"):
                raise sqlite3.OperationalError("disk I/O error")
            return self._connection.execute(sql, *parameters)

    with held:
        calls = Calls(*(adding(store, letter) for letter in "abc"))
        wait_until_waiting(store, 3)
        broken = Broken(store.database.writing_connection())
        monkeypatch.setattr(store.database, "writing_connection", lambda: broken)
    assert all(isinstance(outcome, StoreError) for outcome in calls.join())
    assert stored_ids(store) == []
    monkeypatch.undo()
    with pytest.raises(StoreError):  # this one finds the transaction still open, and ends it
        store.add(1, [event("d")])
    assert store.add(1, [event("d")])[:2] == (1, 0)


def test_a_name_learned_in_a_transaction_that_failed_is_not_remembered(store):
    def fails(_connection, _added, _ids):
        raise ValueError

    with pytest.raises(ValueError):
        store.events.add(1, [event("a", "new_name")], alongside=fails)
    store.add(1, [event("b", "new_name")])
    assert store.database.read("SELECT event_name FROM events") == [("new_name",)]


def start_writers(path: str, count: int, seconds: float) -> list[subprocess.Popen]:
    command = [sys.executable, "-m", "tests.faults.writer", path, str(seconds)]
    writers = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for _ in range(count)
    ]
    for writer in writers:
        assert writer.stdout.readline() == "ready\n"
    return writers


def commits_of(writers: list[subprocess.Popen]) -> list[int]:
    """How often each committed; fails with its words when one of them ended with an error."""
    counts = []
    for writer in writers:
        out, err = writer.communicate("", timeout=60)
        assert writer.returncode == 0, err
        counts.append(int(out))
    return counts


def go(writers: list[subprocess.Popen]) -> None:
    for writer in writers:
        writer.stdin.write("go\n")
        writer.stdin.flush()


def test_several_processes_take_turns(store, capsys):
    writers = start_writers(store.database.path, 3, 2.0)
    go(writers)
    counts = commits_of(writers)
    with capsys.disabled():
        print(f"\ncommits of three processes in 2 s: {counts}")
    assert 0 < max(counts) <= 10 * min(counts)  # without turns, one may have hundreds before another has its first
    assert store.database.read("SELECT count(*) FROM semantic_events") == [(sum(counts),)]


def test_nobody_sees_database_is_locked_while_a_shell_holds_the_file(store):
    writers = start_writers(store.database.path, 2, 2.0)
    with closing(sqlite3.connect(store.database.path, isolation_level=None)) as shell:
        go(writers)
        for _ in range(3):
            shell.execute("BEGIN IMMEDIATE")
            time.sleep(0.3)
            shell.execute("COMMIT")
            time.sleep(0.1)
    assert min(commits_of(writers)) > 0


def test_a_shell_that_keeps_the_file_locked_is_reported_in_time(store, monkeypatch):
    monkeypatch.setattr(group_commit, "LONGEST_WAIT_S", 0.3)
    with closing(sqlite3.connect(store.database.path, isolation_level=None)) as shell:
        shell.execute("BEGIN IMMEDIATE")
        with pytest.raises(Busy, match="another program"):
            store.add(1, [event("a")])
        shell.execute("COMMIT")
    assert store.add(1, [event("a")])[:2] == (1, 0)


def test_a_process_that_hangs_in_its_turn_is_reported_in_time(store, monkeypatch):
    monkeypatch.setattr(group_commit, "LONGEST_WAIT_S", 0.3)
    locked = os.open(store.database.path + "-queue", os.O_RDWR | os.O_CREAT)
    try:
        fcntl.flock(locked, fcntl.LOCK_EX)
        with pytest.raises(Busy, match="another program"):
            store.add(1, [event("a")])
    finally:
        os.close(locked)
    assert store.add(1, [event("a")])[:2] == (1, 0)


def test_who_recovers_the_log_of_a_dead_process_is_waited_for(store):
    class Recovered:
        tries = 0

        def execute(self, _sql: str) -> None:
            self.tries += 1
            if self.tries == 1:
                error = sqlite3.OperationalError("database is locked")
                error.sqlite_errorcode = sqlite3.SQLITE_BUSY_RECOVERY
                raise error

    connection = Recovered()
    store.commits._turn.begin(connection, time.monotonic() + PATIENCE_S)
    assert connection.tries == 2


def test_the_turn_of_a_killed_process_is_free_at_once(store):
    [writer] = start_writers(store.database.path, 1, 60)
    go([writer])
    time.sleep(0.3)
    writer.send_signal(signal.SIGKILL)
    writer.communicate()
    assert store.add(1, [event(str(uuid4()))])[:2] == (1, 0)


def test_what_readers_see_is_always_whole_transactions(store):
    """A group may hold many requests; a reader sees all events of one request or none of them."""
    stop = threading.Event()
    torn = []

    def read() -> None:
        while not stop.is_set():
            torn.extend(
                row for row in store.database.read("SELECT max(id), count(*) % 10 FROM semantic_events") if row[1]
            )

    reader = threading.Thread(target=read)
    reader.start()
    calls = Calls(*(adding(store, *(f"{batch} {number}" for number in range(10))) for batch in range(30)))
    assert calls.join() == [(10, 0)] * 30
    stop.set()
    reader.join()
    assert torn == []


def test_history_goes_in_small_steps_while_others_wait_and_in_large_ones_when_nobody_does(store, monkeypatch):
    assert store.history_rows() < group_commit.HISTORY_ROWS  # nobody knows yet whether somebody waits
    monkeypatch.setattr(group_commit, "_ALONE_S", 0.0)
    assert store.history_rows() == group_commit.HISTORY_ROWS
    monkeypatch.setattr(group_commit, "_ALONE_S", 3600.0)
    store.add(1, [event(f"id {number}") for number in range(1000)])
    pace = store.commits.pace
    assert abs(store.history_rows() - group_commit._SHORT_S / pace._row_s) <= 50
    pace.took(10.0, 1000)
    assert store.history_rows() == 50


def test_a_process_that_waits_is_noticed_by_the_one_it_waits_for(store):
    store.add(1, [event("first")])
    [writer] = start_writers(store.database.path, 1, 2.0)
    noticed = []

    def slow(connection: sqlite3.Connection) -> None:
        connection.execute("SELECT 1")
        noticed.append(store.commits._turn.is_wanted())
        go([writer])
        deadline = time.monotonic() + 5  # the writer gives up after 8 s
        while not store.commits._turn.is_wanted() and time.monotonic() < deadline:
            time.sleep(0.01)
        noticed.append(store.commits._turn.is_wanted())

    store.commits.run(slow, 1000)
    assert noticed == [False, True]
    commits_of([writer])
