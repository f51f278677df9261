"""SQLite's temporary files lie in memory: /var/tmp may be full or read-only, and events do not belong there."""

import os
import sqlite3
from contextlib import closing

import pytest

from drengr.store.sqlite import SqliteStore, migrate
from drengr.store.sqlite.connections import connect

linux = pytest.mark.skipif(not os.path.isdir("/proc/self/fd"), reason="open files are listed under /proc on Linux")


def temporary_files() -> list[str]:
    """Those of SQLite that this process has open; they have no name any more."""
    links = (f"/proc/self/fd/{number}" for number in os.listdir("/proc/self/fd"))
    return [os.readlink(link) for link in links if os.path.islink(link) and "etilqs" in os.readlink(link)]


def undo_much(connection: sqlite3.Connection) -> list[str]:
    """The temporary files while a savepoint keeps 2 MB of changed pages, and while 100,000 rows are sorted."""
    connection.execute("BEGIN IMMEDIATE")
    connection.execute("CREATE TABLE IF NOT EXISTS filler (blob)")
    connection.executemany("INSERT INTO filler VALUES (zeroblob(?))", [(3000,)] * 700)
    connection.execute("SAVEPOINT one_write")
    connection.execute("UPDATE filler SET blob = randomblob(3000)")
    found = temporary_files()
    sorted_rows = connection.execute(
        "WITH RECURSIVE n (i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n WHERE i < 100000)"
        " SELECT i, zeroblob(200) FROM n ORDER BY i * 7919 % 100003"
    )
    sorted_rows.fetchone()
    found += temporary_files()
    sorted_rows.close()
    connection.execute("ROLLBACK")
    return found


@linux
def test_no_connection_of_ours_makes_a_temporary_file(tmp_path):
    with closing(SqliteStore(str(tmp_path / "events.db"))) as store:
        assert undo_much(store.database.writing_connection()) == []
        assert store.database.reading_connection().execute("PRAGMA temp_store").fetchone() == (2,)
    database = migrate._peewee(str(tmp_path / "events.db"))
    with database.connection_context():
        assert undo_much(database.connection()) == []
    with closing(connect(str(tmp_path / "events.db"))) as connection:
        assert undo_much(connection) == []


@linux
def test_a_connection_without_the_setting_does(tmp_path):
    with closing(sqlite3.connect(tmp_path / "other.db", isolation_level=None)) as connection:
        connection.execute("PRAGMA cache_size = 10")
        assert undo_much(connection) != []
