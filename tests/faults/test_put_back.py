"""A backup put back into the live file: no event lies under another name or project (contract 9, Restore)."""

import json
import shutil
import sqlite3
import subprocess
import threading
import time
from contextlib import closing
from pathlib import Path

import pytest

from drengr.store import DatabaseError, StoreError
from drengr.store.sqlite import SqliteStore, history
from tests.admin import event
from tests.faults.clients import post
from tests.service import Service

SHELL = shutil.which("sqlite3")


@pytest.fixture
def store(tmp_path):
    opened = SqliteStore(str(tmp_path / "events.db"))
    opened.make_project("shop")
    yield opened
    opened.close()


def back_up(database: str | Path, copy: Path) -> Path:
    with closing(sqlite3.connect(database)) as source, closing(sqlite3.connect(copy)) as target:
        source.backup(target)
    return copy


def restore(database: str | Path, copy: Path) -> None:
    """What `sqlite3 FILE ".restore COPY"` does."""
    if SHELL:
        subprocess.run([SHELL, str(database), ".timeout 20000", f".restore {copy}"], check=True, capture_output=True)
        return
    with closing(sqlite3.connect(copy)) as source, closing(sqlite3.connect(database, timeout=20)) as target:
        source.backup(target)


def named(store: SqliteStore) -> dict[str, str]:
    """Event name by event id, as the view shows it."""
    return dict(store.database.read("SELECT event_id, event_name FROM events"))


def send(store: SqliteStore, name: str, project_id: int = 1) -> None:
    """An event whose id says its name."""
    store.add(project_id, [event(event_id=f"{name} {time.time_ns()}", event_name=name)])


def none_lies_under_another_name(store: SqliteStore) -> bool:
    return all(event_id.rpartition(" ")[0] == name for event_id, name in named(store).items())


def test_names_made_in_another_history_are_looked_up_again(store, tmp_path):
    copy = back_up(store.database.path, tmp_path / "copy.db")
    send(store, "order_completed")
    restore(store.database.path, copy)
    with closing(SqliteStore(store.database.path)) as beside:
        send(beside, "signup_started")
    send(store, "order_completed")
    send(store, "signup_started")
    assert sorted(named(store).values()) == ["order_completed", "signup_started", "signup_started"]
    assert none_lies_under_another_name(store)


def test_rows_that_were_packed_before_the_backup_was_put_back_are_packed_again(store, tmp_path):
    copy = back_up(store.database.path, tmp_path / "copy.db")
    send(store, "order_completed")
    numbers = json.dumps(list(store.events.codes.values()))
    with closing(sqlite3.connect(copy)) as other, other:  # where the same numbers mean other words
        other.execute("INSERT INTO event_names (id, project_id, name) SELECT value, 1, 'n' || value FROM json_each(?)",
                      (numbers,))  # fmt: skip
    with closing(sqlite3.connect(store.database.path, isolation_level=None, timeout=20)) as shell:
        shell.execute("BEGIN IMMEDIATE")
        waiting = threading.Thread(target=send, args=(store, "order_completed"))
        waiting.start()
        time.sleep(0.2)  # packed, and waiting for the lock
        shell.execute("ROLLBACK")
        with closing(sqlite3.connect(copy)) as source:
            source.backup(shell)
    waiting.join()
    send(store, "order_completed")
    assert none_lies_under_another_name(store)


def test_a_project_of_another_history_is_never_written_to(store, tmp_path):
    copy = back_up(store.database.path, tmp_path / "copy.db")
    store.make_project("first")
    first = store.find_project("first")
    send(store, "order_completed", first.id)
    restore(store.database.path, copy)
    uuid = "00000000-0000-4000-8000-000000000001"
    with closing(sqlite3.connect(store.database.path)) as shell, shell:  # the same number for another project
        shell.execute("INSERT INTO projects (id, uuid, name, created_at) VALUES (?, ?, 'second', 0)", (first.id, uuid))
    for _ in range(2):
        with pytest.raises(DatabaseError, match="put back to another state while in use; restart the service"):
            send(store, "order_completed", first.id)
        with pytest.raises(DatabaseError, match="put back"):
            store.prove_writable()
    assert named(store) == {}


def test_numbers_of_projects_are_far_apart(store):
    for name in ("second", "third"):
        store.make_project(name)
    first, second, third = (project.id for project in store.projects())
    assert first == 1 and first < second < third and third > 100


def test_a_number_of_a_deleted_row_is_not_given_out_again(store):
    send(store, "order_completed")
    shell = store.database.writing_connection()
    numbers = []
    for _ in range(2):
        store.make_key(store.find_project(None), "secret")
        numbers.append([shell.execute(f"SELECT max(id) FROM {t}").fetchone()[0] for t in ("api_keys", "event_names")])
        shell.execute("DELETE FROM semantic_events")
        for table in ("hour_totals", "day_totals", "api_keys", "event_names"):
            shell.execute(f"DELETE FROM {table}")
        send(store, "another_name")
    assert numbers[1][0] > numbers[0][0] and numbers[1][1] > numbers[0][1]


def test_a_name_that_another_process_makes_does_not_make_the_known_ones_wrong(store):
    with closing(SqliteStore(store.database.path)) as beside:
        for number in range(5):
            send(store, f"mine_{number}")
            send(beside, f"theirs_{number}")
            send(store, "mine_0")
            send(beside, "mine_0")
    assert none_lies_under_another_name(store)
    assert store.database.read("SELECT count(*) FROM event_names") == [(10,)]


def test_own_new_names_leave_the_known_ones_known(store):
    send(store, "order_completed")
    known = store.events.codes
    send(store, "signup_started")
    send(store, "order_completed")
    assert store.events.codes is known and len(known) == 3  # two names, one origin


def test_a_checkpoint_of_another_program_changes_nothing(store):
    send(store, "order_completed")
    with closing(sqlite3.connect(store.database.path)) as shell:
        shell.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    known = store.events.codes
    send(store, "order_completed")
    assert store.events.codes is known


@pytest.mark.parametrize(
    ("mode", "compared"), [("PASSIVE", 5000), ("TRUNCATE", 5000), (None, 5000), ("PASSIVE", 5), ("TRUNCATE", 5)]
)
def test_after_cp_an_event_lies_under_its_own_name_or_is_refused_for_good(store, tmp_path, monkeypatch, mode, compared):
    monkeypatch.setattr(history, "_MOST_NAMES", compared)
    monkeypatch.setitem(history._WORDS, "event_names", history._WORDS["event_names"].replace("5000", str(compared)))
    send(store, "before")
    copy = back_up(store.database.path, tmp_path / "copy.db")
    for number in range(300):
        send(store, f"name_{number}")
    if mode is not None:
        with closing(sqlite3.connect(store.database.path)) as shell:
            shell.execute(f"PRAGMA wal_checkpoint({mode})")
        send(store, "name_8")
    shutil.copyfile(copy, store.database.path)
    outcomes = set()
    for attempt in (lambda: send(store, "name_7"), lambda: send(store, "before"), store.prove_writable):
        try:
            attempt()
            outcomes.add("done")
        except StoreError:
            outcomes.add("refused")
    assert len(outcomes) == 1
    store.close()
    shutil.copyfile(store.database.path, tmp_path / "found.db")
    with closing(sqlite3.connect(tmp_path / "found.db")) as found:
        rows = found.execute("SELECT event_id, event_name FROM events").fetchall()
    assert rows and all(event_id.rpartition(" ")[0] == name for event_id, name in rows)


def send_of(store: SqliteStore, *devices: str) -> None:
    """Events whose ids say their devices; they all bear one name."""
    store.add(1, [event(event_id=f"{each} {time.time_ns()}", event_name="before", install_id=each) for each in devices])


@pytest.mark.parametrize("mode", ["PASSIVE", "TRUNCATE", None])
@pytest.mark.parametrize("others", [0, 300])
def test_after_cp_of_a_copy_with_other_people_an_event_is_of_its_own_device_or_is_refused_for_good(
    store, tmp_path, mode, others
):
    send_of(store, "before")
    copy = back_up(store.database.path, tmp_path / "copy.db")
    with closing(SqliteStore(str(copy))) as elsewhere:  # the same names, and the same numbers for other people
        send_of(elsewhere, *(f"them_{number:03}" for number in range(others)))
    send_of(store, *(f"ours_{number:03}" for number in range(300)))
    if mode is not None:
        with closing(sqlite3.connect(store.database.path)) as shell:
            shell.execute(f"PRAGMA wal_checkpoint({mode})")
        send_of(store, "ours_008")
    shutil.copyfile(copy, store.database.path)
    outcomes = set()
    for device in ("ours_007", "before", "new_one", "them_007"):
        try:
            send_of(store, device)
            outcomes.add("done")
        except StoreError:
            outcomes.add("refused")
    assert len(outcomes) == 1
    store.close()
    if outcomes == {"done"}:
        with closing(sqlite3.connect(store.database.path)) as found:
            rows = found.execute("SELECT event_id, install_id FROM events").fetchall()
        assert rows and all(event_id.rpartition(" ")[0] == install_id for event_id, install_id in rows)


# --- a real service of two workers ------------------------------------------------------------------------------------


class Sender(threading.Thread):
    """Sends events whose ids name their project and event, until told to stop; counts the answers."""

    def __init__(self, service: Service, keys: dict[str, str], names: list[str]) -> None:
        super().__init__()
        self.service, self.keys, self.names = service, keys, names
        self.stopped = threading.Event()
        self.statuses: list[int] = []

    def run(self) -> None:
        number = 0
        while not self.stopped.is_set():
            for project, key in self.keys.items():
                for name in self.names:
                    number += 1
                    sent = {"event_type": name, "user_id": "u", "insert_id": f"{project}|{name}|{id(self)} {number}"}
                    body = json.dumps({"api_key": key, "events": [sent]}).encode()
                    self.statuses.append(post(self.service, body).status)

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stopped.set()
        self.join()


def mislabelled(database: Path) -> list[tuple]:
    with closing(sqlite3.connect(database, timeout=30)) as connection:
        return connection.execute(
            "SELECT p.name, e.event_name, e.event_id FROM events AS e JOIN projects AS p ON p.uuid = e.project"
            " WHERE e.event_id NOT LIKE p.name || '|' || e.event_name || '|%'"
        ).fetchall()


@pytest.mark.parametrize("put_back", [restore, lambda database, copy: shutil.copyfile(copy, database)],
                         ids=["sqlite3 .restore", "cp"])  # fmt: skip
def test_a_live_service_puts_no_event_under_another_name_or_project(tmp_path, put_back):
    with Service(tmp_path / "events.db", WEB_CONCURRENCY="2", DRENGR_IN_FLIGHT="64") as service:
        keys = {"a": service.project("a")["publishable_key"]}
        copy = back_up(service.database, tmp_path / "copy.db")
        keys |= {"b": service.project("b")["publishable_key"]}
        with Sender(service, keys, ["order_completed", "page_viewed"]):
            time.sleep(0.5)
        with Sender(service, keys, ["page_viewed", "order_completed"]), Sender(service, keys, ["signup_started"]):
            time.sleep(0.3)
            put_back(service.database, copy)
            time.sleep(0.5)
            if put_back is restore:
                other = service.project("c")["publishable_key"]
                with Sender(service, {"c": other, "a": keys["a"]}, ["signup_started", "refunded"]):
                    time.sleep(0.5)
        if put_back is restore:
            assert mislabelled(service.database) == []
            assert service.is_healthy()
            return
        healthy = service.is_healthy()
        service.kill()
        try:
            assert mislabelled(service.database) == []
        except sqlite3.DatabaseError:  # torn by cp, and no readable event at all
            assert not healthy
