"""Opening the file, connections, and knowing it again: contract 2, 7."""

import os
import sqlite3
import threading
from contextlib import closing

import pytest
from playhouse.migrations import Runner

from drengr.store import DatabaseError, StoreError
from drengr.store.sqlite import SqliteStore
from drengr.store.sqlite.migrate import MIGRATIONS


def test_a_missing_file_is_made_with_its_tables(tmp_path):
    store = SqliteStore(str(tmp_path / "new.db"))
    assert store.database.read("SELECT count(*) FROM events") == [(0,)]
    store.close()


def test_an_empty_file_is_taken_as_new(tmp_path):
    (tmp_path / "empty.db").touch()
    store = SqliteStore(str(tmp_path / "empty.db"))
    assert store.database.read("SELECT count(*) FROM events") == [(0,)]
    store.close()


def test_a_file_whose_making_was_cut_short_is_made_by_the_next(tmp_path, monkeypatch):
    noted = []

    def note_two(runner, name, *_rest, **_named):
        if len(noted) == 2:
            raise KeyboardInterrupt
        noted.append(runner.History.create(name=name))

    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(Runner, "_run", note_two)
        SqliteStore(str(tmp_path / "new.db"))
    store = SqliteStore(str(tmp_path / "new.db"))
    assert store.database.read("SELECT count(*) FROM schema_migration") == [(len(list(MIGRATIONS.glob("0*.py"))),)]
    assert not list(tmp_path.glob("*.before-*"))  # nothing had to be upgraded
    store.close()


def test_a_relative_path_is_the_same_file_after_a_change_of_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    store = SqliteStore("events.db")
    monkeypatch.chdir("/")
    store.prove_writable()
    assert store.database.path == str(tmp_path / "events.db")
    store.close()


def test_opening_again_changes_nothing(store, tenant, database_path):
    again = SqliteStore(str(database_path))
    assert again.database.read("SELECT name FROM projects") == [("shop",)]
    again.close()


@pytest.mark.parametrize(
    "name", ["spaced name.db", "quo'te.db", "percent%20.db", "frage?mode=ro.db", "#hash.db", "é.db"]
)
def test_a_path_of_any_characters_is_that_file(tmp_path, name):
    store = SqliteStore(str(tmp_path / name))
    store.prove_writable()
    store.close()
    assert name in os.listdir(tmp_path)


def foreign(path):
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE songs (title)")


def text(path):
    path.write_text("not a database at all, only words\n" * 50)


@pytest.mark.parametrize(
    ("make", "sentence"),
    [(foreign, "is a SQLite file of another program"), (text, "is no SQLite database"), (os.mkdir, "is a folder")],
    ids=["another program's", "no database", "a folder"],
)
def test_what_is_not_ours_is_refused_and_left_as_it_was(tmp_path, make, sentence):
    path = tmp_path / "file.db"
    make(path)
    before = path.read_bytes() if path.is_file() else None
    with pytest.raises(DatabaseError, match=sentence) as caught:
        SqliteStore(str(path))
    assert str(path) in str(caught.value) and str(caught.value).endswith(".")
    assert (path.read_bytes() if path.is_file() else None) == before


@pytest.mark.parametrize(
    ("path", "sentence"),
    [
        ("/nowhere/events.db", "/nowhere does not exist"),
        ("/proc/events.db", "cannot be used"),
        ("/proc/1/x/e.db", "does not"),
    ],
)
def test_a_place_where_no_file_can_be_is_a_sentence(path, sentence):
    with pytest.raises(DatabaseError, match=sentence):
        SqliteStore(path)


def test_each_thread_reads_on_a_connection_of_its_own(store):
    connections = [store.database.reading_connection()]

    def look():
        connections.append(store.database.reading_connection())
        store.database.readers.close()

    thread = threading.Thread(target=look)
    thread.start()
    thread.join()
    assert connections[0] is store.database.reading_connection() and connections[0] is not connections[1]


def test_a_new_thread_does_not_read_a_file_that_took_the_place(store, database_path):
    SqliteStore(str(database_path.with_name("new.db"))).close()
    database_path.with_name("new.db").rename(database_path)
    raised = []

    def look():
        try:
            store.database.read("SELECT 1")
        except StoreError as fault:
            raised.append(fault)

    thread = threading.Thread(target=look)
    thread.start()
    thread.join()
    assert len(raised) == 1 and "deleted or replaced" in str(raised[0])


def test_a_checkpoint_and_a_vacuum_do_not_make_it_another_file(store, database_path):
    with closing(sqlite3.connect(database_path)) as other:
        other.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        other.execute("VACUUM")
    store.prove_writable()
    store.database.check_still_there()


def test_another_programs_reader_does_not_hold_up_writes(store, tenant, database_path):
    with closing(sqlite3.connect(database_path, isolation_level=None)) as other:
        other.execute("BEGIN")
        other.execute("SELECT * FROM projects").fetchall()
        store.prove_writable()
        other.execute("COMMIT")


def test_a_closed_store_leaves_no_file_open(tmp_path):
    def open_files() -> list[str]:
        links = (f"/proc/self/fd/{number}" for number in os.listdir("/proc/self/fd"))
        return [os.readlink(link) for link in links if os.path.exists(link) and str(tmp_path) in os.readlink(link)]

    store = SqliteStore(str(tmp_path / "events.db"))
    store.prove_writable()
    store.database.read("SELECT 1")
    assert len(open_files()) >= 3
    store.close()
    assert open_files() == []
