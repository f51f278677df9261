"""`drengr restore`: events go back, the rest stays, and the name always leads to a whole database: contract 9."""

import gzip
import os
import re
import shutil
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import pytest

from drengr.people.questions import Who
from drengr.store import DatabaseError, ImportRun, StoreError, UnknownProject, back_up, restore
from drengr.store.results import Progress, Restored
from drengr.store.sqlite import SqliteStore, kept, migrate, restoring
from tests.admin import event
from tests.older import make_older
from tests.store.test_backup import RUN, first_version

__all__ = ["first_version"]


@pytest.fixture
def database(tmp_path) -> str:
    """With one project, `shop`, and ten events."""
    path = str(tmp_path / "events.db")
    with closing(SqliteStore(path)) as store:
        store.make_project("shop")
        add(store, 10)
    return path


@pytest.fixture
def backup(database, tmp_path) -> str:
    path = str(tmp_path / "copy.db")
    back_up(database, path)
    return path


def add(store: SqliteStore, events: int, project: str = "shop", name: str = "e") -> None:
    first = store.last_id()
    store.add(
        store.find_project(project).id,
        [event(event_id=f"id {first + n}", event_name=f"{name}{n % 3}") for n in range(events)],
    )


def put_back(path: str, source: str, **how) -> Restored:
    return restore(path, source, lambda _text: None, **how)


def is_sound(path: str) -> bool:
    with closing(SqliteStore(path, access="inspect")) as store:
        return store.faults() == [] and store.wrong_totals() == []


def events(path: str) -> int:
    with closing(SqliteStore(path, access="inspect")) as store:
        return store.database.read("SELECT count(*) FROM events")[0][0]


def asides(path: str) -> list[str]:
    return sorted(str(each) for each in Path(path).parent.glob(Path(path).name + ".before-*"))


def state(path: str) -> tuple:
    """What a refusal must leave as it was."""
    return os.stat(path).st_ino, events(path), asides(path), sorted(
        each.name for each in Path(path).parent.iterdir() if not each.name.endswith(("-wal", "-shm", "-lock", "-queue"))
    )


def test_events_and_what_counts_them_go_back(database, backup):
    with closing(SqliteStore(database)) as store:
        add(store, 5, name="later")
    made = put_back(database, backup)
    assert made.events == events(database) == 10 and made.kept and is_sound(database)
    with closing(SqliteStore(database)) as store:
        add(store, 3, name="later")
        assert len(store.database.read("SELECT * FROM event_names")) == 6
        assert store.database.read("PRAGMA journal_mode") == [("wal",)]
        assert store.database.read("PRAGMA user_version") == [(0,)]
    assert events(database) == 13 and is_sound(database)


def test_the_database_as_it_was_is_whole_beside_it(database, backup):
    with closing(SqliteStore(database)) as store:
        add(store, 5)
    shutil.copy(database, database + ".kept")
    made = put_back(database, backup)
    assert asides(database) == [made.set_aside] and re.search(r"\.before-\d{8}T\d{6}Z$", made.set_aside)
    assert events(made.set_aside) == 15 and is_sound(made.set_aside)
    assert os.stat(made.set_aside).st_mode & 0o777 == os.stat(database).st_mode & 0o777 == 0o600


def test_its_wal_is_folded_in_when_nobody_could_do_that(database, backup, tmp_path):
    """As after kill -9: the newest events are in the -wal."""
    with closing(SqliteStore(database)) as store:
        add(store, 5)
        for ending in ("", "-wal"):
            shutil.copy(database + ending, f"{tmp_path}/killed.db{ending}")
    killed = str(tmp_path / "killed.db")
    made = put_back(killed, backup)
    assert events(made.set_aside) == 15 and events(killed) == 10
    assert not os.path.exists(made.set_aside + "-wal")


def test_projects_keys_and_rules_stay_as_the_database_has_them(database, backup):
    with closing(SqliteStore(database)) as store:
        before = store.make_key(store.find_project("shop"), "secret")
        later = store.make_project("later")
        add(store, 4, "later")
        store.commits.run(lambda connection: connection.execute("UPDATE projects SET name = 'new shop' WHERE id = 1"))
        (revoked,) = store.database.read("SELECT id FROM api_keys WHERE kind = 'publishable' AND project_id = 1")[0]
        store.revoke_key(str(revoked))
        store.save_rules({"DRENGR_KEEP_FIELDS": "price"})
        kept = {
            table: store.database.read(f"SELECT * FROM {table} ORDER BY 1")
            for table in ("projects", "api_keys", "rules", "backups")
        }
        known = store.database_id()
    put_back(database, backup)
    with closing(SqliteStore(database)) as store:
        for table, rows in kept.items():
            assert store.database.read(f"SELECT * FROM {table} ORDER BY 1") == rows
        assert store.database_id() == known
        assert store.project_of_key(before, "secret").name == "new shop"
        assert store.project_of_key(later.secret_key, "secret").name == "later"
        assert store.ledger(store.find_project("later").id, 0, 2**31) == []
        add(store, 2, "later")
    assert is_sound(database) and events(database) == 12


def test_numbers_that_were_given_out_are_not_given_out_again(database, backup):
    with closing(SqliteStore(database)) as store:
        add(store, 3, name="gone")
        store.make_project("later")
        numbers = dict(store.database.read("SELECT name, seq FROM sqlite_sequence"))
    put_back(database, backup)
    with closing(SqliteStore(database)) as store:
        assert dict(store.database.read("SELECT name, seq FROM sqlite_sequence")) == numbers
        add(store, 1, name="new")
        assert store.database.read("SELECT max(id) FROM event_names")[0][0] > numbers["event_names"]


def test_a_project_that_is_no_more_stays_away_with_its_events(database, tmp_path):
    with closing(SqliteStore(database)) as store:
        store.make_project("gone")
        add(store, 7, "gone")
    copy = str(tmp_path / "copy.db")
    back_up(database, copy)
    with closing(SqliteStore(database)) as store:
        store.delete_project(store.find_project("gone"))
        work_off(store)
    assert put_back(database, copy).events == 10 and is_sound(database)
    with closing(SqliteStore(database)) as store, pytest.raises(UnknownProject):
        store.find_project("gone")


def test_an_import_that_was_under_way_begins_where_the_events_end(database, tmp_path):
    with closing(SqliteStore(database)) as store:
        store.add_history(1, [event(event_id="a")], "file", lambda _added: Progress(1, 1, 0, 0, "[]"))
    copy = str(tmp_path / "copy.db")
    back_up(database, copy)
    with closing(SqliteStore(database)) as store:
        store.add_history(1, [event(event_id="b")], "file", lambda _added: Progress(2, 2, 0, 0, "[]"))
    put_back(database, copy)
    with closing(SqliteStore(database)) as store:
        assert store.progress_of(1, "file").rows == 1


def imported(store: SqliteStore, *ids: str) -> int:
    run = ImportRun("ga4", None, None, 1)
    store.add_history(1, [event(event_id=each, source="ga4") for each in ids], run=run)
    assert run.number is not None
    return run.number


def work_off(store: SqliteStore) -> None:
    while store.under_way():
        store.go_on_removing(5)


def test_an_undo_that_was_under_way_is_that_of_the_file(database, tmp_path):
    copies = [str(tmp_path / name) for name in ("before.db", "during.db")]
    with closing(SqliteStore(database)) as store:
        imported(store, "a", "b")
        back_up(database, copies[0])
        second = imported(store, "c")
        store.undo_import(1, 1)
        back_up(database, copies[1])
        work_off(store)
        store.undo_import(1, second)  # which the backups know nothing of
    put_back(database, copies[0])
    with closing(SqliteStore(database)) as store:
        assert store.under_way() == [] and store.imports(1, 5)[0].undone_at is None
        assert imported(store, "d") == 2 and store.would_undo(1, 1) == 2
    put_back(database, copies[1])
    with closing(SqliteStore(database)) as store:
        work_off(store)
        assert store.would_undo(1, 1) == 0 and store.would_undo(1, second) == 1
        assert store.wrong_totals() == []


def test_every_table_goes_back_or_stays(database):
    """A new table stays as the database has it, unless it is named among those that go back."""
    with closing(SqliteStore(database)) as store:
        tables = {row[0] for row in store.database.read("SELECT name FROM sqlite_schema WHERE type = 'table'")}
        with_events = {
            table for table in tables if store.database.read(f"SELECT 1 FROM pragma_table_info('{table}')"
                                                             " WHERE name IN ('name_id', 'day', 'rows')")
        }  # fmt: skip
    assert tables >= kept.GO_BACK >= with_events


@pytest.mark.parametrize("way", ["packed", "a plain copy", "older"])
def test_any_whole_copy_of_the_database_can_be_restored(database, backup, tmp_path, way):
    source = tmp_path / "source"
    if way == "packed":
        source.write_bytes(gzip.compress(Path(backup).read_bytes()))
    elif way == "a plain copy":
        shutil.copy(database, source)
    else:
        shutil.copy(backup, source)
        make_older(str(source), "0010_ledger")
    with closing(SqliteStore(database)) as store:
        add(store, 5)
    assert put_back(database, str(source)).events == 10 and is_sound(database)


def test_the_copy_that_an_upgrade_made_is_the_way_back_for_its_events(first_version, tmp_path):
    SqliteStore(first_version, access="upgrade").close()
    with closing(SqliteStore(first_version)) as store:
        add(store, 5)
        known = store.database_id()
    (copy,) = [each for each in asides(first_version) if not each.endswith("-lock")]
    made = put_back(first_version, copy)
    assert made.events == 2 and made.kept and is_sound(first_version)
    with closing(SqliteStore(first_version)) as store:
        assert store.database_id() == known


def test_a_device_that_had_two_users_since_the_backup_stays_its_own(tmp_path):
    path, copy = str(tmp_path / "events.db"), str(tmp_path / "copy.db")
    with closing(SqliteStore(path)) as store:
        store.make_project("shop")
        project_id = store.find_project("shop").id
        store.add(project_id, [event(external_id=None, install_id="d"), event(external_id="u1", install_id="d")])
        assert store.person(project_id, Who("device", "d")).id == "u1"
        back_up(path, copy)
        store.add(project_id, [event(external_id="u2", install_id="d")])
    put_back(path, copy)
    with closing(SqliteStore(path)) as store:
        found = store.person(project_id, Who("device", "d"))
        assert (found.kind, found.id, found.events) == ("device", "d", 1)
        assert store.wrong_totals() == [] and store.person(project_id, Who("user", "u2")) is None


def test_into_a_place_where_there_is_none_it_is_the_backup(backup, tmp_path):
    path = str(tmp_path / "new.db")
    made = put_back(path, backup)
    assert (made.events, made.set_aside, made.kept) == (10, None, False) and asides(path) == []
    assert is_sound(path) and os.stat(path).st_mode & 0o777 == 0o600


def test_a_wal_that_was_left_behind_is_not_taken_for_the_new_one_s(database, backup, tmp_path):
    with closing(SqliteStore(database)) as store:
        add(store, 500)
        shutil.copy(database + "-wal", tmp_path / "new.db-wal")
    path = str(tmp_path / "new.db")
    assert put_back(path, backup).events == 10 and is_sound(path)


# --- refusals: one sentence, nothing harmed ---------------------------------------------------------------------------


def damage(path: str) -> None:
    with open(path, "r+b") as file:
        file.seek(os.path.getsize(path) * 2 // 3)
        file.write(os.urandom(20_000))


def newer(path: str) -> None:
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("INSERT INTO schema_migration (name, applied) VALUES ('9999_x', '2026-11-20 00:00:00')")


def wrong_totals(path: str) -> None:
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("UPDATE day_totals SET events = events + 1")


def wrong_ledger(path: str) -> None:
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("UPDATE ledger_days SET stored = stored + 1, received = received + 1")


def lost_events(path: str) -> None:
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("DELETE FROM semantic_events WHERE id > 5")


def foreign(path: str) -> None:
    os.unlink(path)
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE songs (title)")


def another_database(path: str) -> None:
    os.unlink(path)
    with closing(SqliteStore(path)) as store:
        store.make_project("shop")


def cut(path: str) -> None:
    os.truncate(path, os.path.getsize(path) // 2)


def half_packed(path: str) -> None:
    Path(path).write_bytes(gzip.compress(Path(path).read_bytes())[:-200])


REFUSED = {
    "damaged": (damage, "is damaged"),
    "cut off": (cut, "is damaged"),
    "cut off, packed": (half_packed, "is damaged"),
    "newer": (newer, "written by a newer version"),
    "wrong totals": (wrong_totals, "totals are not those of its events.* `drengr verify --repair`"),
    "wrong ledger": (wrong_ledger, "totals are not those of its events.* `drengr verify --repair`"),
    "lost events": (lost_events, "totals are not those of its events.* `drengr verify --repair`"),
    "foreign": (foreign, "no database of Drengr"),
    "no database": (lambda path: Path(path).write_text("words\n" * 500), "is no backup of Drengr"),
    "empty": (lambda path: os.truncate(path, 0), "no database of Drengr"),
    "of another database": (another_database, "backup of another database; restore it to a place where there is none"),
    "not there": (os.unlink, "There is no file"),
}


@pytest.mark.parametrize(("make", "sentence"), REFUSED.values(), ids=REFUSED)
def test_a_file_that_is_no_good_backup_is_refused(database, backup, make, sentence):
    with closing(SqliteStore(database)) as store:
        add(store, 3)
    make(backup)
    before = state(database)
    with pytest.raises(DatabaseError, match=sentence) as raised:
        put_back(database, backup)
    assert backup in str(raised.value) and "\n" not in str(raised.value)
    assert state(database) == before and is_sound(database)


@pytest.mark.parametrize("way", ["itself", "link"])
def test_the_database_is_no_backup_of_itself(database, tmp_path, way):
    source = database
    if way == "link":
        source = str(tmp_path / "link.db")
        os.symlink(database, source)
    before = state(database)
    with pytest.raises(DatabaseError, match="is the database itself"):
        put_back(database, source)
    assert state(database) == before


def test_the_database_that_another_program_has_open_is_left_alone(database, backup):
    before = state(database)
    with closing(sqlite3.connect(database)) as shell:
        shell.execute("SELECT * FROM projects").fetchall()
        with pytest.raises(DatabaseError, match="is open in another program; close it first"):
            put_back(database, backup)
    assert state(database) == before


def test_a_command_that_holds_the_database_is_not_disturbed(database, backup, monkeypatch):
    monkeypatch.setattr(restoring, "_PATIENCE_S", 0.1)
    before = state(database)
    with closing(SqliteStore(database, access="read")), pytest.raises(DatabaseError, match="in use by another process"):
        put_back(database, backup)
    assert state(database) == before


def test_in_the_place_of_another_program_s_file_nothing_is_put(backup, tmp_path):
    path = str(tmp_path / "songs.db")
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE songs (title)")
    before = Path(path).read_bytes()
    for how in ({}, {"without_old": True}):
        with pytest.raises(DatabaseError, match=r"songs\.db is no database of Drengr"):
            put_back(path, backup, **how)
    assert Path(path).read_bytes() == before and asides(path) == []


@pytest.mark.parametrize("make", [cut, lambda path: Path(path).write_text("words\n" * 500)], ids=["cut", "words"])
def test_a_database_that_cannot_be_read_is_replaced_only_when_that_is_said(database, backup, make):
    make(database)
    before = Path(database).read_bytes()
    with pytest.raises(DatabaseError, match=r"cannot be read \(.*--without-erasures"):
        put_back(database, backup)
    assert Path(database).read_bytes() == before and asides(database) == []
    made = put_back(database, backup, without_old=True)
    assert made.events == 10 and not made.kept and is_sound(database)
    assert Path(made.set_aside).read_bytes() == before


def test_a_damaged_database_is_set_aside_with_its_wal(database, backup, tmp_path):
    with closing(SqliteStore(database)) as store:
        add(store, 500)
        for ending in ("", "-wal"):
            shutil.copy(database + ending, f"{tmp_path}/damaged.db{ending}")
    path = str(tmp_path / "damaged.db")
    Path(path).write_bytes(b"no database" * 1000)
    made = put_back(path, backup, without_old=True)
    assert is_sound(path) and events(path) == 10
    assert os.path.getsize(made.set_aside + "-wal") > 0


def test_without_room_the_database_stays(database, backup, tmp_path):
    with closing(SqliteStore(database)) as store:
        add(store, 3000)
    back_up(database, backup)
    before = state(database)
    script = RUN.replace("back_up(sys.argv[1], sys.argv[2])", "restore(sys.argv[1], sys.argv[2], lambda _: None)")
    script = script.replace("import StoreError, back_up", "import StoreError, restore")
    for source in (backup, backup + ".gz"):
        if source.endswith(".gz"):
            Path(source).write_bytes(gzip.compress(Path(backup).read_bytes()))
            before = state(database)
        said = subprocess.run(
            [sys.executable, "-c", script, database, source], capture_output=True, text=True, timeout=60
        )
        assert said.stderr == "" and len(said.stdout.splitlines()) == 1, said
        assert state(database) == before and is_sound(database)


def test_a_migration_that_fails_leaves_the_database(database, backup, tmp_path, monkeypatch):
    folder = tmp_path / "migrations"
    shutil.copytree(migrate.MIGRATIONS, folder)
    make_older(backup, "0010_ledger")
    (folder / "0011_backups.py").write_text("def up(migrator, db):\n    db.execute_sql('no SQL')\n")
    monkeypatch.setattr(migrate, "MIGRATIONS", folder)
    before = state(database)
    with pytest.raises(StoreError):
        put_back(database, backup)
    assert state(database) == before


def test_a_backup_does_not_bring_back_who_was_erased_since(database, tmp_path):
    with closing(SqliteStore(database)) as store:
        project = store.find_project("shop").id
        ahead = time.time_ns() // 1_000_000 + 86_400_000
        store.add(project, [event(event_id="named"), event(event_id="anonymous", external_id=None)])
        store.add(project, [event(event_id="ahead", occurred_at=ahead)])
        store.add(project, [event(event_id="other", external_id="user_2", install_id="device_2")])
        source = str(tmp_path / "before.db")
        back_up(database, source)
        store.erase(project, Who("user", "user_1"), "command", patience_s=30)
        store.add(project, [event(event_id="later")])
    said = []
    made = restore(database, source, said.append)
    with closing(SqliteStore(database)) as store:
        assert [row[0] for row in store.database.read("SELECT event_id FROM events")] == ["other"] and made.events == 1
        assert store.add(project, [event(event_id="named"), event(event_id="ahead", occurred_at=ahead)]).inserted == 0
    assert is_sound(database) and any("13 events of people who were erased" in line for line in said)
