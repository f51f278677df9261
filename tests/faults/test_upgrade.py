"""Files of older and newer versions: who upgrades one, who refuses, what is left when killed (contract 7, 8)."""

import json
import os
import random
import shutil
import sqlite3
import subprocess
import sys
import time
from contextlib import closing, suppress
from pathlib import Path

import pytest
from click.testing import CliRunner

from drengr.cli import main
from drengr.store import DatabaseError, StoreError, planned_upgrade, upgrade
from drengr.store.sqlite import SqliteStore, migrate, place
from drengr.store.sqlite.removal import remove
from tests.admin import DAY_MS, event
from tests.conftest import NOW_MS, shared_data
from tests.faults.clients import batch, post
from tests.faults.dying import COMMAND, deaths, steps_of
from tests.older import make_older
from tests.service import Service

PROJECT = "INSERT INTO projects VALUES (1, '00000000-0000-4000-8000-000000000001', 'shop', 1)"


@pytest.fixture
def old_file(tmp_path) -> Path:
    """A file as the first version made it, with 20,000 events."""
    path = tmp_path / "events.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript("PRAGMA journal_mode = wal;" + shared_data("schemas", "0001.sql").read_text())
        connection.execute("CREATE TABLE schema_migration (id INTEGER PRIMARY KEY, name TEXT UNIQUE, applied TEXT)")
        connection.execute("INSERT INTO schema_migration VALUES (1, '0001_initial', '2026-11-01 00:00:00')")
        for statement in (
            PROJECT,
            "INSERT INTO event_names VALUES (7, 1, 'e')",
            "INSERT INTO origins VALUES (3, 'ga4', NULL)",
            "WITH RECURSIVE n (i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n WHERE i < 20000)"
            " INSERT INTO semantic_events SELECT i, 1, 'id ' || i, 7, 3, 'd', 'u', 5, 1, 2, '{}', '{}', NULL FROM n",
            "INSERT INTO hour_totals VALUES (1, 0, 7, 20000)",
            "INSERT INTO day_totals VALUES (1, 0, 7, 20000)",
        ):
            connection.execute(statement)
        connection.commit()
    return path


def drengr(path: Path, *words: str) -> tuple[int, str]:
    found = CliRunner().invoke(main, words, env={"DRENGR_DATABASE": str(path)})
    return found.exit_code, found.output


def copies(path: Path) -> list[Path]:
    return sorted(path.parent.glob(path.name + ".before-*"))


@pytest.mark.parametrize("words", [("project", "list"), ("key", "list"), ("tail",), ("count", "--since", "7d"),
                                   ("project", "create", "x")], ids=" ".join)  # fmt: skip
def test_a_command_does_not_upgrade_the_file(old_file, words):
    code, said = drengr(old_file, *words)
    assert code == 1 and "older version of Drengr; start the service or run `drengr db migrate`" in said
    assert copies(old_file) == []
    with closing(sqlite3.connect(old_file)) as connection:
        assert connection.execute("SELECT count(*) FROM schema_migration").fetchone() == (1,)


def test_verify_looks_at_an_older_file_as_it_is(old_file):
    assert drengr(old_file, "verify") == (0, "The file: all right.\nTotals: all right.\n")
    with closing(sqlite3.connect(old_file)) as connection, connection:
        connection.execute("DELETE FROM hour_totals")
    assert drengr(old_file, "verify")[0] == 1
    code, said = drengr(old_file, "verify", "--repair")
    assert code == 1 and "older version" in said


def test_a_dry_run_says_what_it_takes_and_does_nothing(old_file):
    code, said = drengr(old_file, "db", "migrate", "--dry-run")
    assert code == 0 and "MB of room" in said and "about 1 min" in said and "0002_identity" in said
    assert copies(old_file) == [] and planned_upgrade(str(old_file)) is not None


def test_migrate_makes_a_private_copy_and_keeps_every_event(old_file):
    code, said = drengr(old_file, "db", "migrate")
    assert code == 0 and said.endswith("Done.\n"), said
    (copy,) = copies(old_file)
    assert copy.stat().st_mode & 0o777 == 0o600 and not copy.with_name(copy.name + "-wal").exists()
    for path in (old_file, copy):
        with closing(sqlite3.connect(path)) as connection:
            assert connection.execute("SELECT count(*), min(event_name) FROM events").fetchone() == (20000, "e")
    assert drengr(old_file, "db", "migrate") == (0, f"{old_file} is up to date.\n")
    assert drengr(old_file, "verify")[0] == 0
    assert len(copies(old_file)) == 1


def test_without_room_it_refuses_and_changes_nothing(old_file, monkeypatch):
    monkeypatch.setattr(migrate, "_LEAST_ROOM_BYTES", 1 << 60)
    before = old_file.read_bytes()
    with pytest.raises(DatabaseError, match=r"cannot be upgraded: that needs .* MB of room"):
        upgrade(str(old_file), lambda _text: None)
    assert old_file.read_bytes() == before and copies(old_file) == []


def test_a_copy_of_an_earlier_upgrade_is_not_overwritten(old_file):
    copy = old_file.with_name(old_file.name + ".before-0002_identity")
    copy.write_text("of an earlier time")
    upgrade(str(old_file), lambda _text: None)
    assert copy.read_text() == "of an earlier time" and len(copies(old_file)) == 2


def test_killed_at_many_moments_it_ends_with_every_event(old_file, tmp_path):
    words = ("db", "migrate")
    shutil.copy(old_file, tmp_path / "counted.db")
    steps = steps_of(tmp_path / "counted.db", COMMAND, *words)
    for _ in deaths(old_file, COMMAND, *words, at=[1 + steps * number // 20 for number in range(6)]):
        assert len(shown(old_file)) == 20000
    assert drengr(old_file, "db", "migrate")[0] == 0
    assert not list(old_file.parent.glob("*.part"))
    assert drengr(old_file, "verify")[0] == 0
    with closing(sqlite3.connect(old_file)) as connection:
        assert connection.execute("SELECT count(*) FROM events").fetchone() == (20000,)


# --- people: the file is made anew ------------------------------------------------------------------------------------

SLICE = "_EVENTS_IN_A_SLICE = 50_000"
IN_SMALL_SLICES = """
import sys
from pathlib import Path
from drengr.store import upgrade
from drengr.store.sqlite import migrate
migrate.MIGRATIONS = Path(sys.argv[2])
upgrade(sys.argv[1], lambda text: (print(text, flush=True), sys.stdin.readline()))  # a line back lets it go on
"""


@pytest.fixture
def before_people(tmp_path) -> Path:
    """A file of the version before people, with users, devices that they share, and repeats."""
    path = tmp_path / "events.db"
    with closing(SqliteStore(str(path))) as store:
        store.make_project("shop")
        store.make_project("other")
        numbers = [project.id for project in store.projects()]
        for number in range(60):
            ids = [(f"d{number % 9}", None), (f"d{number % 9}", f"u{number % 5}"), (f"u{number % 7}", None)]
            events = [event(install_id=device, external_id=user, occurred_at=NOW_MS - number * DAY_MS // 4 - n,
                            event_id=f"e{(number + n) % 170}") for n, (device, user) in enumerate(ids)]  # fmt: skip
            store.add(numbers[number % 2], events)
    make_older(str(path))
    return path


def shown(path: Path, view: str = "events") -> list[tuple]:
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute(f"SELECT * FROM {view} ORDER BY id").fetchall()


@pytest.fixture
def small_slices(tmp_path) -> Path:
    """The migrations, with the one to people in steps of twenty events."""
    folder = tmp_path / "small"
    shutil.copytree(migrate.MIGRATIONS, folder)
    script = folder / "0013_people.py"
    assert SLICE in script.read_text()
    script.write_text(script.read_text().replace(SLICE, "_EVENTS_IN_A_SLICE = 20"))
    return folder


def test_the_upgrade_to_people_goes_on_where_it_was_killed(before_people, small_slices):
    events = shown(before_people)
    command = [sys.executable, "-c", IN_SMALL_SLICES, str(before_people), str(small_slices)]
    heard: list[str] = []
    for lines in range(4, 24, 3):  # each run is killed some lines later than the one before
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
            for _ in range(lines):
                heard.append(process.stdout.readline())
                with suppress(BrokenPipeError):
                    os.write(process.stdin.fileno(), b"\n")
            time.sleep(random.random() / 500)
            process.kill()
    upgrade(str(before_people), heard.append)
    assert shown(before_people) == events
    assert len(copies(before_people)) <= 2  # a second one when it was killed just when the first was whole
    shares = [int(line.split()[1]) for line in heard if line.startswith("Events: ")]
    assert shares == sorted(shares) and len(set(shares)) > 3  # no later run began anew
    assert not before_people.with_name(before_people.name + ".upgrade").exists()
    assert drengr(before_people, "verify")[0] == 0
    with closing(SqliteStore(str(before_people))) as store:
        store.add(1, [event(event_id="e1"), event()])  # a repeat, and a new one
        assert store.wrong_totals() == [] and store.faults() == []


def test_a_file_that_was_written_to_after_a_killed_upgrade_is_begun_anew(before_people, small_slices):
    command = [sys.executable, "-c", IN_SMALL_SLICES, str(before_people), str(small_slices)]
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True) as process:
        assert any(line.startswith("Events: ") and "Events: 0" not in line for line in process.stdout)
        process.kill()
    with closing(sqlite3.connect(before_people)) as older, older:  # the older version was started once more
        older.execute("UPDATE semantic_events SET dims = '{\"late\":\"yes\"}' WHERE id = 1")
    upgrade(str(before_people), lambda _text: None)
    assert shown(before_people)[0][11] == '{"late":"yes"}'


def test_what_was_deleted_before_is_in_no_page_afterwards_and_no_number_comes_again(before_people):
    with closing(sqlite3.connect(before_people)) as older, older:
        older.execute("PRAGMA secure_delete = 0")
        older.executescript("CREATE TABLE gone (x TEXT); INSERT INTO gone VALUES ('marked'); DROP TABLE gone;")
    assert b"marked" in before_people.read_bytes()
    mode = before_people.stat().st_mode
    upgrade(str(before_people), lambda _text: None)
    assert b"marked" not in before_people.read_bytes() and before_people.stat().st_mode == mode
    with closing(SqliteStore(str(before_people))) as store:
        assert store.database.read("PRAGMA auto_vacuum") == [(2,)]  # incremental
        newest = store.last_id()
        store.commits.run(lambda connection: remove(connection, [newest], "deleted"))
        store.add(1, [event()])
        assert store.last_id() > newest
        assert store.database.writing_connection().execute("PRAGMA secure_delete").fetchone() == (1,)


def test_what_an_operator_made_in_the_file_is_kept_as_far_as_it_fits(before_people):
    with closing(sqlite3.connect(before_people)) as older, older:
        older.executescript(
            "CREATE TABLE mine (x TEXT); INSERT INTO mine VALUES ('kept'); CREATE INDEX mine_by_x ON mine (x);"
            "CREATE INDEX events_by_user ON semantic_events (external_id); CREATE VIEW orders AS SELECT id FROM events;"
        )
    heard: list[str] = []
    upgrade(str(before_people), heard.append)
    assert any("The index events_by_user is not there any more" in line for line in heard)
    with closing(sqlite3.connect(before_people)) as connection:
        assert connection.execute("SELECT * FROM mine").fetchall() == [("kept",)]
        assert connection.execute("SELECT count(*) FROM orders").fetchone()[0] == len(shown(before_people))


def test_a_file_that_another_program_has_open_is_not_touched(tmp_path):
    """Such as a service of a version that does not look whether its file was upgraded under it."""
    path = tmp_path / "events.db"
    with closing(SqliteStore(str(path))) as store:
        store.make_project("shop")
    make_older(str(path), "0010_ledger")  # the next steps are no rewriting, the last ones are
    with closing(sqlite3.connect(path)) as shell:
        shell.execute("PRAGMA journal_mode = wal")
        shell.execute("BEGIN")
        steps = "SELECT name FROM schema_migration ORDER BY name"
        before = shell.execute(steps).fetchall()
        with pytest.raises(DatabaseError, match="is open in another program; close it first"):
            upgrade(str(path), lambda _text: None)
        shell.execute("COMMIT")
        assert shell.execute(steps).fetchall() == before
    assert not list(tmp_path.glob("*.before-*"))
    upgrade(str(path), lambda _text: None)


# --- beside a running service -----------------------------------------------------------------------------------------

NEXT = 'def up(migrator, db):\n    db.execute_sql("ALTER TABLE projects ADD COLUMN colour TEXT")\n'


@pytest.fixture
def next_version(tmp_path, monkeypatch):
    """This process is of a version that has one more migration."""
    folder = tmp_path / "migrations"
    folder.mkdir()
    for script in migrate.MIGRATIONS.glob("0*.py"):
        (folder / script.name).write_text(script.read_text())
    (folder / "0999_colour.py").write_text(NEXT)
    monkeypatch.setattr(migrate, "MIGRATIONS", folder)
    monkeypatch.setattr(migrate, "_PATIENCE_S", 0.2)


def send(service: Service, key: str) -> int:
    return post(service, json.dumps({"api_key": key, "events": batch(1)}).encode()).status


def test_a_file_that_a_service_holds_is_not_upgraded(tmp_path, next_version):
    with Service(tmp_path / "events.db") as service:
        key = service.project("shop")["publishable_key"]
        with pytest.raises(DatabaseError, match="in use by another process; stop the service"):
            upgrade(str(service.database), print)
        code, said = drengr(service.database, "db", "migrate")
        assert code == 1 and "stop the service" in said
        assert send(service, key) == 200 and copies(service.database) == []
        service.stop()
        upgrade(str(service.database), print)
        assert len(copies(service.database)) == 1


def test_a_service_whose_file_was_upgraded_all_the_same_stores_nothing(tmp_path, next_version, monkeypatch):
    with Service(tmp_path / "events.db") as service:
        key = service.project("shop")["publishable_key"]
        assert send(service, key) == 200
        monkeypatch.setattr(place.UseLock, "take", lambda _self, _patience_s: True)  # a file system without locks
        upgrade(str(service.database), print)
        assert {send(service, key) for _ in range(6)} == {503}
        assert not service.is_healthy()
        assert "was upgraded or put back to another version while in use; restart the service" in service.log_text()
        assert len(service.events()) == 1


def test_a_transaction_that_was_waiting_notices_too(tmp_path, next_version):
    folder = migrate.MIGRATIONS
    migrate.MIGRATIONS = Path(migrate.__file__).with_name("migrations")  # of the older version
    with closing(SqliteStore(str(tmp_path / "events.db"))) as store:
        store.make_project("shop")
        migrate.MIGRATIONS = folder
        with closing(sqlite3.connect(store.database.path)) as newer, newer:
            newer.execute("ALTER TABLE projects ADD COLUMN colour TEXT")
            newer.execute("INSERT INTO schema_migration (name, applied) VALUES ('0999_colour', '2026-11-20 00:00:00')")
        for _ in range(2):
            with pytest.raises(StoreError, match="restart the service"):
                store.add(1, [event()])
        assert store.database.read("SELECT count(*) FROM semantic_events") == [(0,)]
