"""`drengr db compact`: the file made anew, with nothing in it of what was deleted (contract 9, Erase)."""

import os
import shutil
import signal
import sqlite3
import stat
import subprocess
import sys
from contextlib import closing
from hashlib import sha256
from pathlib import Path

import pytest
from click.testing import CliRunner

from drengr.cli import main
from drengr.people.questions import Who
from drengr.store import DatabaseError, compact, open_store
from tests.admin import event

pytestmark = pytest.mark.xdist_group("compacting")

ERASED, KEPT = 1000, 1000
DYING = """
import os, signal, sys
from drengr.store import compact
from drengr.store.sqlite import rewriting
rewriting.replace = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
compact(sys.argv[1], print)
"""


def id_of(number: int) -> str:
    """Without an order, as SDKs make them: pages of the index are divided and united everywhere."""
    return sha256(str(number).encode()).hexdigest()


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Path:
    """A file for which an erasure is done, but which was too large to be made anew by it."""
    path = tmp_path_factory.mktemp("made") / "events.db"
    with pytest.MonkeyPatch.context() as patch, closing(open_store(str(path))) as store:
        patch.setattr("drengr.store.sqlite.erasing._SOON_MADE_ANEW_BYTES", 0)
        store.make_project("shop")
        for start in range(0, ERASED + KEPT, 500):
            store.add(1, [one(n) for n in range(start, start + 500)])
        store.erase(1, Who("user", "alice"), "command", patience_s=60)
        assert store.leaves_traces() and store.under_way() == []
    return path


def one(number: int):
    who = "alice" if number % 2 else f"user {number % 50}"
    return event(event_id=id_of(number), external_id=who, install_id=f"phone {number % 50}")


@pytest.fixture
def path(made, tmp_path) -> Path:
    """A copy of it."""
    return Path(shutil.copy(made, tmp_path))


def traces(path: Path) -> int:
    """How many ids of erased events are found in the files."""
    found = b"".join(each.read_bytes() for each in path.parent.iterdir())
    return sum(bytes.fromhex(id_of(n)) in found for n in range(1, ERASED + KEPT, 2))


def events_of(path: Path) -> list[tuple]:
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute("SELECT * FROM events ORDER BY id").fetchall()


def test_nothing_is_left_of_what_was_erased_and_nothing_else_is_gone(path):
    before = events_of(path)
    os.chmod(path, 0o640)
    assert len(before) == KEPT
    made = compact(str(path), print)
    assert made.bytes == path.stat().st_size <= made.bytes_before
    assert traces(path) == 0 and events_of(path) == before
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    with closing(open_store(str(path))) as store:
        assert store.faults() == [] and store.wrong_totals() == []
        assert store.add(1, [event(event_id="new"), event(event_id=id_of(0))]).inserted == 1
        assert store.database.read("PRAGMA journal_mode") == [("wal",)]
        assert store.database.read("PRAGMA auto_vacuum") == [(2,)]  # goes on giving room back


def test_whoever_uses_the_file_is_not_disturbed(path, monkeypatch):
    monkeypatch.setattr("drengr.store.sqlite.compacting._PATIENCE_S", 0.1)
    with closing(open_store(str(path))), pytest.raises(DatabaseError, match="is in use"):
        compact(str(path), print)
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN")
        other.execute("SELECT count(*) FROM events").fetchone()
        with pytest.raises(DatabaseError, match="open in another program"):
            compact(str(path), print)
    assert len(events_of(path)) == KEPT


def test_killed_before_the_new_file_takes_the_name_it_can_be_done_again(path):
    killed = subprocess.run([sys.executable, "-c", DYING, str(path)], stdout=subprocess.DEVNULL)
    assert killed.returncode == -signal.SIGKILL and len(events_of(path)) == KEPT
    assert Path(f"{path}.part").exists()
    compact(str(path), print)
    assert not Path(f"{path}.part").exists() and traces(path) == 0 and len(events_of(path)) == KEPT


def test_a_damaged_file_and_a_lack_of_room_leave_it_as_it_is(path, monkeypatch):
    monkeypatch.setattr("drengr.store.sqlite.compacting._LEAST_ROOM_BYTES", 2**62)
    with pytest.raises(DatabaseError, match="room in its folder"):
        compact(str(path), print)
    monkeypatch.undo()
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("DELETE FROM hour_totals")
        connection.execute("UPDATE semantic_events SET name_id = 999999")
    before = path.read_bytes()
    with pytest.raises(DatabaseError, match="drengr verify"):
        compact(str(path), print)
    assert path.read_bytes() == before and not Path(f"{path}.part").exists()


def test_the_command_says_what_it_did(path, monkeypatch):
    monkeypatch.setattr("drengr.store.sqlite.erasing._SOON_MADE_ANEW_BYTES", 0)
    runner = CliRunner(env={"DRENGR_DATABASE": str(path)})
    assert "bytes before" in runner.invoke(main, ("db", "compact")).stdout
    told = runner.invoke(main, ("person", "erase", "user 0", "--yes"))
    assert told.exit_code == 0 and "drengr db compact" in told.stderr


def test_in_postgresql_another_tool_does_it():
    with pytest.raises(DatabaseError, match="VACUUM FULL"):
        compact("postgresql://nowhere/x", print)
