"""Where the file lies: links, kinds of files, modes, owners, folders that cannot be written (contract 7, 9 Files)."""

import json
import os
import sqlite3
import stat
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
import warnings
from contextlib import closing
from pathlib import Path

import pytest

from drengr.store import DatabaseError, NoRoom, StoreError, open_store
from drengr.store.sqlite import SqliteStore, place
from tests.admin import event
from tests.faults.test_files import send, small_file_system
from tests.service import Service, command_environment

NOBODY = 65534
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")


@pytest.fixture
def linked(tmp_path) -> Path:
    """A link to a database in another folder."""
    (tmp_path / "real").mkdir()
    SqliteStore(str(tmp_path / "real/events.db")).close()
    link = tmp_path / "events.db"
    link.symlink_to(tmp_path / "real/events.db")
    return link


def test_through_a_link_the_files_lie_beside_the_real_one(linked):
    with closing(SqliteStore(str(linked))) as store:
        store.prove_writable()
        assert not list(linked.parent.glob("events.db-*"))


def delete(link: Path) -> None:
    link.resolve().unlink()


def point_elsewhere(link: Path) -> None:
    other = link.parent / "other.db"
    SqliteStore(str(other)).close()
    link.unlink()
    link.symlink_to(other)


@pytest.mark.parametrize("harm", [delete, point_elsewhere])
def test_a_link_whose_file_is_gone_loses_no_acknowledged_event(linked, harm):
    with Service(linked) as service:
        key = service.project("shop")["publishable_key"]
        assert send(service, key)[0].status == 200
        real = linked.resolve()
        harm(linked)
        for _ in range(10):
            assert send(service, key)[0].status == 503
        assert not service.is_healthy()
        assert harm is point_elsewhere or not real.exists()
        for path, body in (("/healthz", None), ("/batch", b'{"api_key":"x","events":[]}')):
            with pytest.raises(urllib.error.HTTPError) as refused:
                urllib.request.urlopen(service.url + path, body)
            with refused.value as answer:
                assert "events.db" not in answer.read().decode() and "/" not in answer.reason


def test_a_new_reader_never_makes_a_file(linked):
    with closing(SqliteStore(str(linked))) as store:
        real = linked.resolve()
        real.unlink()
        raised = []

        def look() -> None:
            try:
                store.projects()
            except StoreError as fault:
                raised.append(str(fault))

        thread = threading.Thread(target=look)
        thread.start()
        thread.join()
        assert len(raised) == 1 and not real.exists()


def fifo(path: Path) -> str:
    os.mkfifo(path)
    return str(path)


def dangling(path: Path) -> str:
    path.symlink_to(path.with_name("nothing.db"))
    return str(path)


NO_FILE = {
    "a device": (lambda _path: "/dev/null", "/dev/null is a device; set DRENGR_DATABASE to the path of a file"),
    "a pipe": (fifo, "is a pipe; set DRENGR_DATABASE to the path of a file"),
    "a dangling link": (dangling, "nothing.db, which does not exist"),
    "a URL": (lambda _path: "mysql://drengr:hunter2@db.example.com/events", "is a mysql:// address"),
}


@pytest.mark.parametrize(("make", "words"), NO_FILE.values(), ids=NO_FILE)
def test_what_is_no_file_is_told_in_one_sentence_that_holds_no_password(tmp_path, make, words):
    path = make(tmp_path / "events.db")
    ended = subprocess.run(
        [sys.executable, "-m", "drengr", "serve"], env=command_environment(path, PORT="0"),
        capture_output=True, text=True, timeout=60, cwd=tmp_path,
    )  # fmt: skip
    if "PORT=" in ended.stderr:  # that setting is looked at first
        with pytest.raises(DatabaseError, match=words.split(";")[0]):
            open_store(path)
    else:
        assert words in ended.stderr
    assert "hunter2" not in ended.stdout + ended.stderr and "Traceback" not in ended.stderr
    assert not [name for name in os.listdir("/dev") if name.startswith("null-")]


def diary(path: Path) -> str:
    path.write_text("This is a diary, not a database.\n" * 9)
    return str(path)


@pytest.mark.parametrize("command", ["project list", "db migrate", "tail", "import --source amplitude -"])
@pytest.mark.parametrize(("make", "words"), [
    (dangling, "nothing.db, which does not exist"), (fifo, "is a pipe"), (diary, "is no SQLite database"),
])  # fmt: skip
def test_commands_say_so_too_and_make_nothing_beside_it(tmp_path, command, make, words):
    path = make(tmp_path / "events.db")
    ended = subprocess.run(
        [sys.executable, "-m", "drengr", *command.split()], env=command_environment(path),
        capture_output=True, text=True, timeout=60, cwd=tmp_path, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    assert ended.returncode == 2 and words in ended.stderr and "project create" not in ended.stderr
    assert os.listdir(tmp_path) == ["events.db"]


@pytest.fixture
def mounted(tmp_path):
    """(a folder on a file system of its own, remount)."""
    folder = tmp_path / "data"
    folder.mkdir()
    with small_file_system(folder, "64m") as remount:
        yield folder, remount


def test_a_read_only_mount_is_told_and_can_be_read(mounted):
    folder, remount = mounted
    with closing(SqliteStore(str(folder / "events.db"))) as store:
        store.make_project("shop")
        store.add(1, [event()])
    remount("ro")
    with pytest.raises(DatabaseError, match="is mounted read-only; mount it writable"):
        open_store(str(folder / "events.db"))
    with closing(open_store(str(folder / "events.db"), access="read")) as reader:
        assert [project.name for project in reader.projects()] == ["shop"]
        assert reader.last_id() == 1 and reader.wrong_totals() == []
        with pytest.raises(StoreError, match="mounted read-only"):
            reader.prove_writable()
    remount("rw")


@pytest.fixture
def open_folder(tmp_path) -> Path:
    """A folder that every user may go into."""
    for folder in (tmp_path, *tmp_path.parents):
        if folder.is_relative_to("/tmp") and folder != Path("/tmp"):
            folder.chmod(folder.stat().st_mode | 0o055)
    return tmp_path


LOOK = f"""
import os, sys
from drengr.store import open_store
import drengr.store.sqlite
os.setgroups([]); os.setgid({NOBODY}); os.setuid({NOBODY})
store = open_store(sys.argv[1], access="read")
print([project.name for project in store.projects()], store.last_id())
"""


def look_as_nobody(path: Path) -> tuple[str, str]:
    """(standard output, standard error) of who may read the file and write nothing."""
    ended = subprocess.run([sys.executable, "-c", LOOK, str(path)], capture_output=True, text=True, timeout=60)
    return ended.stdout, ended.stderr


@needs_root
@pytest.mark.parametrize("is_served", [False, True])
def test_who_may_only_read_can_read(open_folder, is_served):
    path = open_folder / "events.db"
    with closing(SqliteStore(str(path))) as store:
        store.make_project("shop")
        store.add(1, [event()])
        for file in open_folder.glob("events.db*"):
            file.chmod(0o644)
        if is_served:
            assert look_as_nobody(path) == ("['shop'] 1\n", "")
    assert look_as_nobody(path) == ("['shop'] 1\n", "")


@needs_root
def test_what_root_makes_belongs_to_the_folders_owner(tmp_path):
    folder = tmp_path / "data"
    folder.mkdir()
    os.chown(folder, NOBODY, NOBODY)
    with closing(SqliteStore(str(folder / "events.db"))) as store:
        store.make_project("shop")
        store.add(1, [event()])
        found = {path.name: path.stat() for path in folder.iterdir()}
    assert set(found) == {"events.db", "events.db-wal", "events.db-shm", "events.db-lock", "events.db-queue"}
    for name, file in found.items():
        assert (name, file.st_uid, file.st_gid, stat.S_IMODE(file.st_mode)) == (name, NOBODY, NOBODY, 0o600)


def test_a_file_keeps_the_mode_it_has(tmp_path):
    path = tmp_path / "events.db"
    SqliteStore(str(path)).close()
    path.chmod(0o640)
    with closing(SqliteStore(str(path))) as store:
        store.prove_writable()
        assert stat.S_IMODE(path.stat().st_mode) == 0o640


def test_a_file_that_is_mounted_alone_is_warned_of(tmp_path, caplog):
    path = tmp_path / "events.db"
    SqliteStore(str(path)).close()
    target = tmp_path / "data"
    target.mkdir()
    (target / "mounted file.db").touch()
    made = subprocess.run(["mount", "--bind", str(path), str(target / "mounted file.db")], capture_output=True)
    if made.returncode:
        pytest.skip("nothing can be mounted here")
    try:
        SqliteStore(str(target / "mounted file.db"), access="upgrade").close()
    finally:
        subprocess.run(["umount", "-l", str(target / "mounted file.db")], check=True)
    assert "is mounted as a single file" in caplog.text
    assert not place.lies_alone_on_a_mount(str(path))


# --- a full disk ------------------------------------------------------------------------------------------------------


def test_a_full_disk_is_not_healthy(mounted, tmp_path):
    folder, _remount = mounted
    service = Service(folder / "events.db")
    service.log = tmp_path / "service.log"
    with service:
        key = service.project("shop")["publishable_key"]
        for _ in range(3):
            assert send(service, key, 100, 2000)[0].status == 200
        with (folder / "filler").open("wb") as filler:
            try:
                while True:
                    filler.write(bytes(1 << 16))
            except OSError:
                pass
        statuses = []
        while 503 not in statuses and len(statuses) < 50:
            statuses.append(send(service, key, 300, 2000)[0].status)
        assert 503 in statuses
        assert [service.is_healthy() for _ in range(12)] == [False] * 12
        (folder / "filler").unlink()
        deadline = time.monotonic() + 20
        while not service.is_healthy() and time.monotonic() < deadline:
            time.sleep(0.1)
        assert service.is_healthy() and send(service, key, 300, 2000)[0].status == 200


def test_without_room_for_the_shm_file_commands_and_doctor_say_so(mounted):
    folder, remount = mounted
    SqliteStore(str(folder / "events.db")).close()
    remount(f"size={os.path.getsize(folder / 'events.db')}")
    with pytest.raises(NoRoom, match="cannot be used: its disk is full; make room"):
        open_store(str(folder / "events.db"), access="inspect")
    told = subprocess.run(
        [sys.executable, "-m", "drengr", "doctor", "--json"],
        env=command_environment(folder / "events.db"), capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert "disk" in [each["check"] for each in json.loads(told.stdout)["checks"] if each["status"] == "fail"]


# --- readers of other threads -----------------------------------------------------------------------------------------


def test_readers_of_all_threads_are_closed(tmp_path):
    store = SqliteStore(str(tmp_path / "events.db"))
    connections, may_end = [], threading.Event()

    def look() -> None:
        connections.append(store.database.reading_connection())
        may_end.wait(20)

    threads = [threading.Thread(target=look) for _ in range(3)]
    for thread in threads:
        thread.start()
    while len(connections) < 3:
        time.sleep(0.01)
    store.close()
    may_end.set()
    for thread in threads:
        thread.join()
    for connection in connections:
        with pytest.raises(sqlite3.ProgrammingError, match="closed"):
            connection.execute("SELECT 1")


def test_the_reader_of_a_thread_that_ended_is_closed(tmp_path):
    with closing(SqliteStore(str(tmp_path / "events.db"))) as store:
        connections = []
        thread = threading.Thread(target=lambda: connections.append(store.database.reading_connection()))
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            thread.start()
            thread.join()
        with pytest.raises(sqlite3.ProgrammingError, match="closed"):
            connections[0].execute("SELECT 1")


def test_a_second_store_of_one_process_drops_no_lock_of_the_first(store, database_path, tenant):
    """POSIX forgets all of a process's locks on a file when it closes any descriptor of it."""
    connection = store.database.writing_connection()
    connection.execute("BEGIN IMMEDIATE")
    try:
        before = locks_on(database_path)
        open_store(str(database_path), access="read").close()
        assert before and locks_on(database_path) == before
    finally:
        connection.execute("ROLLBACK")


def locks_on(path) -> list[str]:
    """The locks of this process on the files of the database, as the system lists them."""
    inodes = {str(os.stat(f"{path}{ending}").st_ino) for ending in ("", "-wal", "-shm")}
    lines = [line.split() for line in Path("/proc/locks").read_text().splitlines()]
    return sorted(
        " ".join(words[1:4] + words[5:])
        for words in lines
        if words[1] == "POSIX" and words[4] == str(os.getpid()) and words[5].rpartition(":")[2] in inodes
    )
