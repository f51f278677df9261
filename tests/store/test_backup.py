"""`drengr backup`: one moment, proved, and never over anything else: contract 9."""

import gzip
import os
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing

import pytest

from drengr.store import DatabaseError, StoreError, back_up
from drengr.store.clock import now_ms
from drengr.store.sqlite import SqliteStore, checked, place
from tests.admin import event
from tests.conftest import shared_data


@pytest.fixture
def make_database(tmp_path):
    """make_database("a.db", events) → its path; closed again."""

    def make(name: str = "events.db", events: int = 10) -> str:
        path = str(tmp_path / name)
        with closing(SqliteStore(path)) as store:
            store.make_project("shop")
            store.add(1, [event(event_id=f"id {number}", event_name=f"e{number % 3}") for number in range(events)])
        return path

    return make


@pytest.fixture
def database(make_database) -> str:
    return make_database()


def ask(path, sql: str) -> list[tuple]:
    """Of a file that nobody writes."""
    with closing(sqlite3.connect(f"file:{path}?immutable=1", uri=True)) as connection:
        return connection.execute(sql).fetchall()


def last_backup_at(path: str) -> int:
    with closing(SqliteStore(path, access="inspect")) as store:
        return store.condition().last_backup_at


def test_a_backup_is_one_private_sound_file_without_a_wal(database, tmp_path):
    made = back_up(database, str(tmp_path / "copy.db"))
    copy = tmp_path / "copy.db"
    assert (made.path, made.events, made.bytes) == (str(copy), 10, copy.stat().st_size)
    assert copy.stat().st_mode & 0o777 == 0o600 and made.seconds > 0 and made.not_noted is None
    assert ask(copy, "PRAGMA integrity_check") == [("ok",)]
    assert ask(copy, "SELECT count(*) FROM events") == [(10,)]
    assert copy.read_bytes()[18:20] == b"\1\1"  # a rollback journal, no -wal
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith("copy")] == ["copy.db"]


def test_a_backup_can_be_read_on_a_read_only_mount(database, tmp_path):
    copy = tmp_path / "copy.db"
    back_up(database, str(copy))
    copy.chmod(0o400)
    with closing(sqlite3.connect(f"file:{copy}?mode=ro", uri=True)) as connection:
        assert connection.execute("SELECT count(*) FROM events").fetchone() == (10,)
    assert not list(tmp_path.glob("copy.db-*"))


def test_a_backup_holds_no_byte_of_what_was_deleted(database, tmp_path):
    with closing(sqlite3.connect(database)) as connection:
        connection.execute("PRAGMA secure_delete = 0")
        connection.execute("INSERT INTO rules VALUES ('x', 'Rumpelstiltskin')")
        connection.commit()
        connection.execute("DELETE FROM rules")
        connection.commit()
    back_up(database, str(tmp_path / "copy.db"))
    assert b"Rumpelstiltskin" not in (tmp_path / "copy.db").read_bytes()


def test_the_database_knows_when_the_last_good_backup_was_made(database, tmp_path):
    assert last_backup_at(database) == 0
    before = now_ms()
    back_up(database, str(tmp_path / "copy.db"))
    first = last_backup_at(database)
    assert before <= first <= now_ms()
    back_up(database, str(tmp_path / "other.db"))
    assert last_backup_at(database) >= first
    assert ask(database, "SELECT path FROM backups") == [(str(tmp_path / "other.db"),)]


def test_a_packed_backup_is_the_proved_file(database, tmp_path):
    made = back_up(database, str(tmp_path / "copy.db.gz"))
    (tmp_path / "unpacked.db").write_bytes(gzip.decompress((tmp_path / "copy.db.gz").read_bytes()))
    assert made.events == 10 and ask(tmp_path / "unpacked.db", "SELECT count(*) FROM events") == [(10,)]
    assert (tmp_path / "copy.db.gz").stat().st_mode & 0o777 == 0o600
    assert not list(tmp_path.glob("*.part"))


# --- what it replaces, and what it never touches ----------------------------------------------------------------------


@pytest.mark.parametrize("name", ["copy.db", "copy.db.gz"])
def test_an_earlier_backup_of_the_same_database_is_replaced(database, tmp_path, name):
    back_up(database, str(tmp_path / name))
    with closing(SqliteStore(database)) as store:
        store.add(1, [event()])
    assert back_up(database, str(tmp_path / name)).events == 11


def test_a_backup_of_the_first_version_is_never_replaced(first_version, tmp_path):
    made = back_up(first_version, str(tmp_path / "copy.db"))
    assert made.events == 2 and "older version" in made.not_noted
    with pytest.raises(DatabaseError, match="no backup of this database"):
        back_up(first_version, str(tmp_path / "copy.db"))
    assert ask(first_version, "SELECT count(*) FROM schema_migration") == [(1,)]


def other_backup(path, make_database):
    back_up(make_database("other.db"), str(path))


def served(path, make_database):
    back_up(make_database("served.db"), str(path))
    with closing(SqliteStore(str(path))) as store:
        store.add(1, [event()])


OCCUPIED = {
    "somebody's text": lambda path, _: path.write_text("my only notes"),
    "an empty file": lambda path, _: path.touch(),
    "a packed text": lambda path, _: path.write_bytes(gzip.compress(b"my only notes" * 20)),
    "a broken gzip": lambda path, _: path.write_bytes(gzip.compress(os.urandom(500))[:50]),
    "a backup of another database": other_backup,
    "a pipe": lambda path, _: os.mkfifo(path),
    "a link to nowhere": lambda path, _: path.symlink_to("nowhere"),
}


@pytest.mark.parametrize("make", OCCUPIED.values(), ids=OCCUPIED)
@pytest.mark.parametrize("name", ["taken.db", "taken.gz"])
def test_anything_else_that_has_the_name_is_left_as_it_is(database, make_database, tmp_path, make, name):
    path = tmp_path / name
    make(path, make_database)
    before = path.lstat().st_ino, path.read_bytes() if path.is_file() else None
    with pytest.raises(DatabaseError, match=r"^[^\n]+ name another file\.$"):
        back_up(database, str(path))
    assert (path.lstat().st_ino, path.read_bytes() if path.is_file() else None) == before
    assert not list(tmp_path.glob("*.part")) and last_backup_at(database) == 0


def test_a_backup_that_was_served_from_is_a_backup_no_more(database, tmp_path):
    copy = tmp_path / "copy.db"
    back_up(database, str(copy))
    with closing(SqliteStore(str(copy), access="read")) as store:  # a look at it changes nothing
        assert store.database.read("SELECT count(*) FROM events") == [(10,)]
    assert back_up(database, str(copy)).events == 10
    with closing(SqliteStore(str(copy))) as store:
        store.add(1, [event()])
        with pytest.raises(DatabaseError, match="no backup of this database"):
            back_up(database, str(copy))
        assert store.database.read("PRAGMA journal_mode") == [("wal",)]
    with pytest.raises(DatabaseError, match="no backup of this database"):
        back_up(database, str(copy))


@pytest.mark.parametrize("ending", ["", "-wal", "-shm", "-lock", "-queue"])
@pytest.mark.parametrize("way", ["itself", "link", "hard link"])
def test_the_database_in_use_is_refused_by_every_name(database, tmp_path, ending, way):
    with closing(SqliteStore(database)) as store:
        store.prove_writable()
        target = tmp_path / "events.db"
        if way == "link":
            target = tmp_path / "link.db"
            target.symlink_to(database + ending)
        elif way == "hard link":
            target = tmp_path / "hard.db"
            os.link(database + ending, target)
        else:
            target = tmp_path / f"events.db{ending}"
        with pytest.raises(DatabaseError, match="belongs to the database"):
            back_up(database, str(target))
        store.prove_writable()


def test_of_a_folder_so_many_are_kept_and_nothing_else_is_removed(database, make_database, tmp_path, monkeypatch):
    folder = tmp_path / "backups"
    monkeypatch.setattr("drengr.store.sqlite.backup.now_ms", lambda: next(times))
    times = iter(range(1_795_190_400_000, 1_795_190_500_000, 1000))
    other = back_up(make_database("other.db"), f"{folder}/").path
    strangers = [folder / "drengr-20200101T000000Z.db", folder / "drengr-20200101T000001Z.db.gz", folder / "notes.db"]
    for stranger in strangers:
        stranger.write_text("not to be removed")
    served_one = back_up(database, str(folder)).path
    SqliteStore(served_one).close()
    made = [back_up(database, str(folder), 2) for _ in range(4)]
    assert folder.stat().st_mode & 0o777 == 0o700
    assert os.path.basename(made[0].path) == "drengr-20261120T160002Z.db"
    assert [each.removed for each in made] == [[], [], [made[0].path], [made[1].path]]
    assert all(stranger.read_text() == "not to be removed" for stranger in strangers)
    kept = {other, served_one, made[2].path, made[3].path, *map(str, strangers)}
    assert kept <= {str(path) for path in folder.iterdir()}
    assert not {made[0].path, made[1].path} & {str(path) for path in folder.iterdir()}


def test_the_newest_is_kept_when_the_clock_was_set_back(database, tmp_path, monkeypatch):
    times = iter([1_795_190_400_000, 1_795_190_300_000])
    monkeypatch.setattr("drengr.store.sqlite.backup.now_ms", lambda: next(times))
    first = back_up(database, f"{tmp_path}/b/", 1)
    second = back_up(database, f"{tmp_path}/b/", 1)
    assert second.removed == [first.path] and os.listdir(tmp_path / "b") == [os.path.basename(second.path)]


# --- faults -----------------------------------------------------------------------------------------------------------


def nothing_was_made(tmp_path, database) -> bool:
    left = {path.name for path in tmp_path.rglob("*") if not path.is_dir()}
    return {name for name in left if not name.startswith("events.db")} == set() and last_backup_at(database) == 0


def test_wrong_totals_are_no_good_backup(database, tmp_path):
    with closing(sqlite3.connect(database)) as connection, connection:
        connection.execute("UPDATE hour_totals SET events = events + 1")
    with pytest.raises(DatabaseError, match=r"totals are wrong.*run `drengr verify --repair` first\.$"):
        back_up(database, str(tmp_path / "copy.db"))
    assert nothing_was_made(tmp_path, database)


def test_a_damaged_database_makes_no_backup(make_database, tmp_path):
    database = make_database(events=5000)
    with open(database, "r+b") as file:
        file.seek(os.path.getsize(database) // 2)
        file.write(os.urandom(200_000))
    with pytest.raises(StoreError, match="not backed up, it is damaged"):
        back_up(database, str(tmp_path / "copy.db"))
    assert not list(tmp_path.glob("copy*"))


RUN = """
import resource, sys
from drengr.store import StoreError, back_up
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
try:
    back_up(sys.argv[1], sys.argv[2])
except StoreError as error:
    print(error)
"""


@pytest.mark.parametrize("name", ["copy.db", "copy.gz"])
def test_without_room_there_is_a_sentence_and_no_file(make_database, tmp_path, name):
    database = make_database(events=5000)
    before = last_backup_at(database)
    said = subprocess.run(
        [sys.executable, "-c", RUN, database, str(tmp_path / name)], capture_output=True, text=True, timeout=60
    )
    assert said.stderr == "" and len(said.stdout.splitlines()) == 1 and str(tmp_path / name) in said.stdout
    assert not list(tmp_path.glob("copy*")) and last_backup_at(database) == before


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may mount a file system")
@pytest.mark.parametrize(("options", "sentence"), [("size=200k", "full|room"), ("ro", "mounted read-only")])
def test_a_full_or_read_only_disk_is_a_sentence(make_database, tmp_path, options, sentence):
    database = make_database(events=5000)
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(disk)], capture_output=True)
    if mounted.returncode:
        pytest.skip("mount is not allowed here")
    try:
        with pytest.raises(StoreError, match=sentence):
            back_up(database, str(disk / "copy.db"))
        assert list(disk.iterdir()) == []
    finally:
        subprocess.run(["umount", str(disk)], check=True)
    assert back_up(database, str(disk / "copy.db")).events == 5000


@pytest.mark.parametrize("target", ["nowhere/copy.db", "nowhere/folder/"])
def test_a_folder_that_is_not_there_is_a_sentence(database, tmp_path, target):
    with pytest.raises(DatabaseError, match=str(tmp_path / "nowhere")):
        back_up(database, str(tmp_path / target))


def test_what_a_killed_backup_left_is_removed_by_the_next(database, tmp_path):
    for name in ("copy.db.part", "copy.db.part-journal", "b/drengr-20260101T000000Z.db.part"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("half")
    back_up(database, str(tmp_path / "copy.db"))
    back_up(database, str(tmp_path / "b"))
    assert not [path for path in tmp_path.rglob("*") if ".part" in path.name]


def test_two_backups_to_one_file_do_not_mix(database, tmp_path):
    copy = str(tmp_path / "copy.db")
    with place.scratch(copy) as part, pytest.raises(DatabaseError, match="is being made by another process"):
        shutil.copy(database, part)
        back_up(database, copy)
    assert back_up(database, copy).events == 10


def test_a_database_that_may_only_be_read_is_backed_up_and_the_time_is_not_noted(database, tmp_path, monkeypatch):
    real = place.is_writable
    monkeypatch.setattr(place, "is_writable", lambda path: real(path) and path != database)
    made = back_up(database, str(tmp_path / "copy.db"))
    assert made.events == 10 and "cannot be" in made.not_noted


def test_the_mark_tells_databases_apart():
    marks = {checked.mark(f"{number:032x}") for number in range(1000)} | {checked.mark(None)}
    assert len(marks) == 1001 and all(0 < mark < 2**31 for mark in marks)


@pytest.fixture
def first_version(tmp_path) -> str:
    """A file as the first version made it, with two events."""
    path = tmp_path / "first.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript("PRAGMA journal_mode = wal;" + shared_data("schemas", "0001.sql").read_text())
        connection.execute("CREATE TABLE schema_migration (id INTEGER PRIMARY KEY, name TEXT UNIQUE, applied TEXT)")
        connection.execute("INSERT INTO schema_migration VALUES (1, '0001_initial', '2026-11-01 00:00:00')")
        for statement in (
            "INSERT INTO projects VALUES (1, '00000000-0000-4000-8000-000000000001', 'shop', 1)",
            "INSERT INTO event_names VALUES (7, 1, 'e')",
            "INSERT INTO origins VALUES (3, 'ga4', NULL)",
            "INSERT INTO semantic_events VALUES (1, 1, 'a', 7, 3, 'd', 'u', 5, 1, 2, '{}', '{}', NULL),"
            " (2, 1, 'b', 7, 3, 'd', 'u', 5, 1, 2, '{}', '{}', NULL)",
            "INSERT INTO hour_totals VALUES (1, 0, 7, 2)",
            "INSERT INTO day_totals VALUES (1, 0, 7, 2)",
        ):
            connection.execute(statement)
        connection.commit()
    return str(path)
