"""What the operator or the disk may do to the files under a running service (contract 4, 7)."""

import json
import os
import resource
import shutil
import sqlite3
import subprocess
import sys
import urllib.error
import urllib.request
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from tests.faults.clients import Answer, Crowd, batch, differing_totals, post
from tests.faults.test_kill import workers_of
from tests.service import Service


@pytest.fixture
def service(tmp_path):
    with Service(tmp_path / "data" / "events.db") as running:
        yield running


@pytest.fixture(autouse=True)
def folder(tmp_path) -> Path:
    path = tmp_path / "data"
    path.mkdir()
    return path


@pytest.fixture
def key(service) -> str:
    return service.project("shop")["publishable_key"]


def send(service: Service, key: str, count: int = 1, size: int = 0) -> tuple[Answer, set[str]]:
    """(the answer to a batch, the ids in it)."""
    events = batch(count, size=size)
    answer = post(service, json.dumps({"api_key": key, "events": events}).encode())
    assert answer.body["code"] == answer.status
    return answer, {event["insert_id"] for event in events}


def beside(service: Service, ending: str) -> Path:
    return service.database.with_name(service.database.name + ending)


def delete_database(service: Service) -> None:
    service.database.unlink()


def replace_database(service: Service) -> None:
    copy = beside(service, ".copy")
    shutil.copy(service.database, copy)
    copy.replace(service.database)


def delete_log(service: Service) -> None:
    beside(service, "-wal").unlink()


def delete_index_of_log(service: Service) -> None:
    """Another program would make a new one, and neither would see what the other does."""
    beside(service, "-shm").unlink()


def move_folder(service: Service) -> None:
    service.database.parent.rename(service.database.parent.with_name("elsewhere"))
    service.database.parent.mkdir()


@pytest.mark.parametrize("vanish", [delete_database, replace_database, delete_log, delete_index_of_log, move_folder])
def test_no_event_is_acknowledged_once_its_file_is_gone(service, key, vanish):
    assert send(service, key)[0].status == 200
    assert service.is_healthy()
    vanish(service)
    assert not service.is_healthy()
    for _ in range(5):
        assert send(service, key)[0].status == 503
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(service.url + "/healthz")
    assert "deleted or replaced" in json.load(refused.value)["error"]


def test_a_service_whose_file_was_deleted_works_again_after_a_restart(service, key):
    delete_database(service)
    assert not service.is_healthy()
    service.restart()
    fresh = service.project("again")["publishable_key"]
    assert send(service, fresh)[0].status == 200
    assert service.integrity() == "ok"


@contextmanager
def small_file_system(folder: Path, size: str):
    """The folder on a file system of its own; yields a function that changes its size."""
    made = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)], capture_output=True)
    if made.returncode:
        pytest.skip("a file system of its own cannot be mounted here")
    try:
        yield lambda options: subprocess.run(["mount", "-o", f"remount,{options}", str(folder)], check=True)
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


@contextmanager
def full_file_system(folder: Path):
    with small_file_system(folder, "12m") as remount:
        yield lambda _service: None, lambda _service: remount("size=200m")


@contextmanager
def limited_files(_folder: Path):
    def limit(service: Service, size: int) -> None:
        for pid in workers_of(service):
            resource.prlimit(pid, resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))

    yield lambda service: limit(service, 6 << 20), lambda service: limit(service, resource.RLIM_INFINITY)


@pytest.mark.parametrize("disk", [full_file_system, limited_files])
def test_a_full_disk_is_answered_503_until_there_is_room(folder, tmp_path, disk):
    with disk(folder) as (fill, make_room):
        service = Service(folder / "events.db")
        service.log = tmp_path / "service.log"
        with service:
            key = service.project("shop")["publishable_key"]
            fill(service)
            acknowledged, statuses = set(), []
            while statuses.count(503) < 10 and len(statuses) < 200:
                answer, ids = send(service, key, 100, 2000)
                statuses.append(answer.status)
                acknowledged |= ids if answer.status == 200 else set()
            assert set(statuses) == {200, 503}
            make_room(service)
            answer, ids = send(service, key, 100, 2000)
            assert answer.status == 200
            assert service.is_healthy()
            stored = {row["event_id"] for row in service.events()}
            assert acknowledged | ids == stored
            assert service.integrity() == "ok"
            with closing(sqlite3.connect(service.database)) as connection:
                assert differing_totals(connection) == []


def overwrite(path: Path, start: int, count: int) -> None:
    with path.open("r+b") as file:
        file.seek(start)
        file.write(os.urandom(count))


def test_a_damaged_index_is_answered_503(service, key):
    send(service, key, 200, 500)
    service.stop()
    with closing(sqlite3.connect(service.database)) as connection:
        [root] = connection.execute("SELECT rootpage FROM sqlite_schema WHERE name = 'event_by_dedup_id'").fetchone()
        [page_size] = connection.execute("PRAGMA page_size").fetchone()
    overwrite(service.database, (root - 1) * page_size, page_size)
    service.start()
    before = service.log_text()
    assert {send(service, key, 50)[0].status for _ in range(5)} == {503}
    said = service.log_text().removeprefix(before)
    assert "malformed" in said
    assert "Traceback" not in said


def test_a_file_damaged_all_over_is_one_sentence_at_the_start(service):
    service.stop()
    overwrite(service.database, 100, service.database.stat().st_size - 100)
    ended = start_and_end(service)
    assert ended.returncode == 3
    assert f"\ndrengr: {service.database} cannot be used: " in ended.stderr
    assert "Traceback" not in ended.stderr


def start_and_end(service: Service) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "drengr", "serve"]
    return subprocess.run(command, env=service.environment(), capture_output=True, text=True, timeout=60)


def test_a_file_damaged_while_in_use_never_gives_a_500(service, key):
    with Crowd(service, key, 3) as crowd:
        for _ in range(5):
            send(service, key, 100, 1000)
        with closing(sqlite3.connect(service.database)) as connection:
            connection.execute("PRAGMA wal_checkpoint")
        size = service.database.stat().st_size
        overwrite(service.database, size // 3, size // 3)
        statuses = {send(service, key, 100, 1000)[0].status for _ in range(10)}
    assert statuses | set(crowd.statuses) <= {200, 503}


@pytest.mark.parametrize("table", ["live_usage", "heartbeat"])
def test_a_lost_side_table_lets_events_in(service, key, table):
    with closing(sqlite3.connect(service.database)) as connection:
        connection.execute(f"DROP TABLE {table}")
    for _ in range(3):
        answer, ids = send(service, key, 3)
        assert (answer.status, answer.body["events_ingested"]) == (200, 3)
        assert ids <= {row["event_id"] for row in service.events()}
    assert service.is_healthy() == (table != "heartbeat")


@contextmanager
def read_only(folder: Path):
    """Nothing in the folder can be written: root needs a file system for that, others only the right to write."""
    if os.geteuid():
        folder.chmod(0o500)
        yield
        folder.chmod(0o700)
        return
    with small_file_system(folder, "20m") as remount:
        with Service(folder / "events.db") as service:
            service.log = folder.parent / "service.log"
            service.stop()
        remount("ro")
        yield


def test_a_read_only_folder_is_one_sentence_and_exit_code_3(folder):
    service = Service(folder / "events.db")
    with read_only(folder):
        ended = start_and_end(service)
    assert ended.returncode == 3
    assert "Traceback" not in ended.stderr
    assert f"{service.database} can" in ended.stderr
