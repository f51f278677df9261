"""schema.sql is the only DDL: what it promises, and how a file comes to it: contract 2, the house's rules."""

import json
import re
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
from peewee import SqliteDatabase
from playhouse.migrations import Runner

from drengr.store import DatabaseError, StoreError
from drengr.store.sqlite import SqliteStore, migrate
from drengr.store.sqlite.migrate import APPLICATION_ID, MIGRATIONS, schema_sql
from tests.factories import amplitude_event, envelope

SCHEMA = Path(__file__).parents[1] / "schema.sql"
COLUMNS = [
    "id", "project", "event_id", "event_name", "source", "app_package", "install_id", "external_id", "session_id",
    "occurred_at", "received_at", "dims", "measures", "properties",
]  # fmt: skip


@pytest.fixture
def plain():
    """A database made by nothing but schema.sql."""
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
        connection.execute("PRAGMA foreign_keys = 1")
        connection.executescript(SCHEMA.read_text())
        yield connection


def definitions(connection) -> list[tuple]:
    found = connection.execute("SELECT type, name, tbl_name, sql FROM sqlite_schema WHERE name <> 'migration_history'")
    return sorted(row for row in found if not row[1].startswith("sqlite_") and "migration" not in row[1])


def test_the_services_file_is_schema_sql_statement_by_statement(store, plain):
    assert definitions(store.database.reading_connection()) == definitions(plain)
    assert schema_sql() == SCHEMA.read_text()


def test_no_other_file_holds_ddl():
    package = SCHEMA.parent / "drengr"
    holders = [path for path in package.rglob("*.py") if "CREATE TABLE" in path.read_text().upper()]
    assert [path.name for path in holders if path.parent.name != "migrations"] == []


def test_every_table_is_strict(plain):
    tables = plain.execute("PRAGMA table_list").fetchall()
    ours = {
        name: strict for _, name, kind, _, _, strict in tables if kind == "table" and not name.startswith("sqlite_")
    }
    assert set(ours.values()) == {1} and len(ours) >= 8


def test_the_file_is_in_wal_mode_and_is_ours(store, database_path):
    with closing(sqlite3.connect(database_path)) as other:
        assert other.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        assert other.execute("PRAGMA application_id").fetchone()[0] == APPLICATION_ID
        assert other.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert other.execute("PRAGMA foreign_key_check").fetchall() == []


@pytest.mark.parametrize("synchronous", ["FULL", "NORMAL"])
def test_the_writer_is_as_durable_as_it_was_told(tmp_path, synchronous):
    store = SqliteStore(str(tmp_path / "events.db"), synchronous)
    code = store.database.writing_connection().execute("PRAGMA synchronous").fetchone()[0]
    assert code == {"NORMAL": 1, "FULL": 2}[synchronous]
    assert store.database.writing_connection().execute("PRAGMA foreign_keys").fetchone() == (1,)
    store.close()


def test_a_reading_connection_cannot_write(store):
    with pytest.raises(sqlite3.OperationalError, match="readonly"):
        store.database.reading_connection().execute("DELETE FROM projects")


# --- the view for people ---------------------------------------------------------------------------------------------


def test_the_view_shows_the_contracts_columns(plain):
    assert [column[0] for column in plain.execute("SELECT * FROM events").description] == COLUMNS


def test_a_person_with_the_sqlite3_shell_sees_plain_words(client, tenant, database_path):
    event = amplitude_event(user_id="0b6f1c1e-5d5c-4a53-8b0c-2f8f3a3c7d10", event_properties={"plan": "pro", "n": 2})
    client.post("/batch", json=envelope(tenant.publishable_key, event))
    with closing(sqlite3.connect(f"file:{database_path}?mode=ro", uri=True)) as shell:
        shell.row_factory = sqlite3.Row
        (row,) = map(dict, shell.execute("SELECT * FROM events WHERE dims ->> 'plan' = 'pro'"))
    assert row["project"] == tenant.project_id and row["external_id"] == event["user_id"]
    assert (row["install_id"], row["event_id"]) == (event["device_id"], event["insert_id"])
    assert {type(value) for value in json.loads(row["dims"]).values()} == {str}
    assert json.loads(row["measures"]) == {"n": 2}


# --- indexes answer questions ----------------------------------------------------------------------------------------

FROM_EVENTS = "SELECT * FROM semantic_events WHERE "
QUESTIONS = {
    "event_by_dedup_id": "SELECT 1 FROM semantic_events WHERE project_id = 1 AND event_id = 'a'",
    "events_by_time": FROM_EVENTS + "project_id = 1 AND occurred_at > 5 ORDER BY occurred_at DESC, id DESC",
    "events_by_name_and_time": FROM_EVENTS + "name_id = 1 AND occurred_at > 5 ORDER BY occurred_at, id",
    "events_by_identity_and_time": FROM_EVENTS + "identity_id = 1 AND occurred_at > 5 ORDER BY occurred_at DESC",
    "identity_by_ids": (
        "SELECT id FROM identities WHERE project_id = 1 AND ifnull(install_id, x'') = 'd'"
        " AND ifnull(external_id, x'') = x''"
    ),
    "identities_by_device": "SELECT user_id FROM identities WHERE device_id = 1 ORDER BY user_id",
    "identities_by_person": "SELECT id FROM identities WHERE person_id = 1 AND user_id = 1 ORDER BY id",
    "person_days_by_person": "SELECT day FROM person_days WHERE person_id = 1 AND day < 7 ORDER BY day DESC",
    "erasures_by_project": "SELECT * FROM erasures WHERE project_id = 1 AND id < 7 ORDER BY id DESC",
    "origin_by_source_and_package": (
        "INSERT INTO origins (source, app_package) VALUES ('ga4', NULL)"
        " ON CONFLICT (source, ifnull(app_package, ''), app_package IS NULL) DO NOTHING"
    ),
}  # fmt: skip


def test_every_index_has_its_question(plain):
    named = {row[0] for row in plain.execute("SELECT name FROM sqlite_schema WHERE type = 'index' AND sql IS NOT NULL")}
    assert named == set(QUESTIONS)


@pytest.mark.parametrize("index", sorted(set(QUESTIONS) - {"origin_by_source_and_package"}))
def test_an_index_answers_its_question_without_a_sort(plain, index):
    plan = " ".join(row[3] for row in plain.execute("EXPLAIN QUERY PLAN " + QUESTIONS[index]))
    assert f"INDEX {index} " in plan and "TEMP B-TREE" not in plan


def test_an_origin_is_stored_once(plain):
    for _ in range(2):
        plain.execute(QUESTIONS["origin_by_source_and_package"])
    assert plain.execute("SELECT count(*) FROM origins").fetchone() == (1,)
    plain.execute("INSERT INTO origins (source, app_package) VALUES ('ga4', '')")
    with pytest.raises(sqlite3.IntegrityError):
        plain.execute("INSERT INTO origins (source, app_package) VALUES ('ga4', '')")


# --- what the file itself refuses ------------------------------------------------------------------------------------

PROJECT = "INSERT INTO projects VALUES (1, '00000000-0000-4000-8000-000000000001', 'shop', 1)"
KEY = "INSERT INTO api_keys VALUES (1, 1, 'secret', zeroblob(32), 'hint', 1, NULL, NULL, NULL)"
NAME = "INSERT INTO event_names VALUES (1, 1, 'e')"
ORIGIN = "INSERT INTO origins VALUES (1, 'admin', NULL)"
PERSON = "INSERT INTO persons VALUES (1, 1, 1, 'd', NULL, 0)"
IDENTITY = "INSERT INTO identities VALUES (1, 1, 'd', NULL, 1, NULL, 1)"
EVENT = "INSERT INTO semantic_events VALUES (1, 1, 'a', 1, 1, 1, 5, 1, 2, '{}', '{}', NULL)"
REFUSED = {
    "a project without a whole uuid": PROJECT.replace("-000000000001'", "'").replace("(1,", "(2,"),
    "a project without a name": PROJECT.replace("'shop'", "''").replace("(1,", "(2,").replace("1',", "2',"),
    "a second project of the name": PROJECT.replace("(1,", "(2,").replace("1',", "2',"),
    "a key of an unknown kind": KEY.replace("secret", "master").replace("(1, 1", "(2, 1"),
    "a key that is no hash": KEY.replace("zeroblob(32)", "zeroblob(31)").replace("(1, 1", "(2, 1"),
    "a key as text": KEY.replace("zeroblob(32)", "'drengr_sk_x'").replace("(1, 1", "(2, 1"),
    "a secret key in clear": KEY.replace("NULL)", "'drengr_sk_x')").replace("(1, 1", "(2, 1").replace("zero", "random"),
    "a key of no project": KEY.replace("(1, 1", "(2, 9").replace("zeroblob(32)", "randomblob(32)"),
    "an origin without a source": ORIGIN.replace("admin", "").replace("(1,", "(2,"),
    "an event of no project": EVENT.replace("(1, 1, 'a'", "(2, 9, 'b'"),
    "an event of no name": EVENT.replace("(1, 1, 'a', 1", "(2, 1, 'b', 9"),
    "an event of no origin": EVENT.replace("(1, 1, 'a', 1, 1", "(2, 1, 'b', 1, 9"),
    "an event of no identity": EVENT.replace("(1, 1, 'a', 1, 1, 1", "(2, 1, 'b', 1, 1, 9"),
    "a person of no project": PERSON.replace("(1, 1, 1, 'd'", "(2, 9, 1, 'd'"),
    "a second person of the id": PERSON.replace("(1,", "(2,"),
    "a person of a third kind": PERSON.replace("(1, 1, 1", "(2, 1, 2"),
    "a second identity of the ids": IDENTITY.replace("(1,", "(2,"),
    "an identity of no person": IDENTITY.replace("(1, 1, 'd', NULL, 1, NULL, 1)", "(2, 1, 'e', NULL, 1, NULL, 9)"),
    "an identity of no device": IDENTITY.replace("(1, 1, 'd', NULL, 1, NULL, 1)", "(2, 1, 'e', NULL, 9, NULL, 1)"),
    "a day of nobody": "INSERT INTO person_days VALUES (1, 5, 9, 1, 1, 1, NULL)",
    "a day without events": "INSERT INTO person_days VALUES (1, 5, 1, 0, 1, 1, NULL)",
    "fewer people than none": "INSERT INTO day_people VALUES (1, 5, 0, -1)",
    "a second key of hashes": "INSERT INTO hash_key VALUES (2, zeroblob(16))",
    "a repeat": EVENT.replace("(1, 1", "(2, 1"),
    "a time as text": EVENT.replace("(1, 1, 'a'", "(2, 1, 'b'").replace("5, 1, 2", "5, 'noon', 2"),
    "no time": EVENT.replace("(1, 1, 'a'", "(2, 1, 'b'").replace("5, 1, 2", "5, NULL, 2"),
    "no dims": EVENT.replace("(1, 1, 'a'", "(2, 1, 'b'").replace("'{}', '{}'", "NULL, '{}'"),
    "dims as bytes": EVENT.replace("(1, 1, 'a'", "(2, 1, 'b'").replace("'{}', '{}'", "x'00', '{}'"),
    "a total below zero": "INSERT INTO day_totals VALUES (1, 1, 1, -1)",
    "usage below zero": "INSERT INTO live_usage VALUES (1, 1, -1)",
    "a second heartbeat": "INSERT INTO heartbeat VALUES (2, 1, x'')",
    "a second identity": "INSERT INTO identity VALUES (2, 'a', x'')",
}


@pytest.mark.parametrize("statement", REFUSED.values(), ids=REFUSED)
def test_the_file_refuses(plain, statement):
    for good in (PROJECT, KEY, NAME, ORIGIN, PERSON, IDENTITY, EVENT):
        plain.execute(good)
    with pytest.raises(sqlite3.IntegrityError):
        plain.execute(statement)


def test_an_event_without_an_id_is_never_a_repeat(plain):
    for good in (PROJECT, NAME, ORIGIN, PERSON, IDENTITY):
        plain.execute(good)
    for number in (1, 2):
        plain.execute(EVENT.replace("(1, 1, 'a'", f"({number}, 1, NULL"))
    assert plain.execute("SELECT count(*) FROM events").fetchone() == (2,)


# --- migrations ------------------------------------------------------------------------------------------------------


@pytest.fixture
def migrations(tmp_path, monkeypatch) -> Path:
    """A folder of migrations that a test may add to."""
    folder = tmp_path / "migrations"
    folder.mkdir()
    for script in MIGRATIONS.glob("0*.py"):
        (folder / script.name).write_text(script.read_text())
    monkeypatch.setattr(migrate, "MIGRATIONS", folder)
    return folder


def applied(path: Path) -> dict[str, bool]:
    with closing(sqlite3.connect(path)) as connection:
        tables = {row[0] for row in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")}
    database = SqliteDatabase(str(path))
    with database.connection_context():
        steps = {step.name: step.applied for step in Runner(database, str(migrate.MIGRATIONS)).status()}
    assert tables
    return steps


NEXT = 'def up(migrator, db):\n    db.execute_sql("ALTER TABLE projects ADD COLUMN colour TEXT")\n'


def test_a_fresh_file_has_every_migration(store, database_path):
    names = {path.stem for path in MIGRATIONS.glob("0*.py")}
    steps = applied(database_path)
    assert len(names) >= 1 and len(steps) == len(names) and all(steps.values())


def test_a_pending_migration_makes_a_backup_and_is_applied_once(client, tenant, store, database_path, migrations):
    client.post("/batch", json=envelope(tenant.publishable_key, amplitude_event()))
    store.close()
    (migrations / "0999_colour.py").write_text(NEXT)
    for _ in range(2):
        SqliteStore(str(database_path), access="upgrade").close()
    (backup,) = [path for path in database_path.parent.glob("events.db.before-*") if path.is_file()]
    with closing(sqlite3.connect(backup)) as old, closing(sqlite3.connect(database_path)) as new:
        assert "colour" not in [row[1] for row in old.execute("PRAGMA table_info(projects)")]
        assert "colour" in [row[1] for row in new.execute("PRAGMA table_info(projects)")]
        for file in (old, new):
            assert file.execute("SELECT count(*) FROM events").fetchone() == (1,)
    assert all(applied(database_path).values())


def test_a_file_of_a_newer_version_is_refused_with_a_sentence(store, database_path, migrations):
    store.close()
    (migrations / "0999_colour.py").write_text(NEXT)
    SqliteStore(str(database_path), access="upgrade").close()
    (migrations / "0999_colour.py").unlink()
    before = database_path.read_bytes()
    with pytest.raises(DatabaseError, match=r"newer version of Drengr \(.*0999_colour.*\); upgrade the service\.$"):
        SqliteStore(str(database_path))
    assert database_path.read_bytes() == before


def test_a_migration_that_fails_leaves_the_file_as_it_was_and_the_backup_beside_it(store, database_path, migrations):
    store.close()
    (migrations / "0999_broken.py").write_text(NEXT + '    db.execute_sql("ALTER TABLE nothing ADD COLUMN x")\n')
    with pytest.raises(StoreError, match="cannot be used: "):
        SqliteStore(str(database_path), access="upgrade")
    with closing(sqlite3.connect(database_path)) as file:
        assert "colour" not in [row[1] for row in file.execute("PRAGMA table_info(projects)")]
    (migrations / "0999_broken.py").unlink()
    SqliteStore(str(database_path)).close()


def test_a_file_whose_maker_died_before_the_migrations_were_noted_is_taken(database_path):
    with closing(sqlite3.connect(database_path)) as connection:
        connection.executescript(SCHEMA.read_text())
    SqliteStore(str(database_path)).close()
    assert all(applied(database_path).values())


FIRST = Path(__file__).parent / "data/schemas/0001.sql"
OLD_EVENT = "INSERT INTO semantic_events VALUES (1, 1, 'a', 1, 1, 'd', 'u', 5, 1, 2, '{}', '{}', NULL)"


@pytest.fixture
def first_version(tmp_path) -> Path:
    """A file as the first version made it, with a project, a key, a name and an event."""
    path = tmp_path / "first.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript("PRAGMA journal_mode = wal;" + FIRST.read_text())
        for statement in (PROJECT, KEY.replace(", NULL, NULL)", ")"), NAME, ORIGIN, OLD_EVENT):
            connection.execute(statement)
        connection.execute("CREATE TABLE schema_migration (id INTEGER PRIMARY KEY, name TEXT UNIQUE, applied TEXT)")
        connection.execute("INSERT INTO schema_migration VALUES (1, '0001_initial', '2026-11-01 00:00:00')")
        connection.commit()
    return path


def shape(connection) -> dict[str, list]:
    """Tables, their columns, keys and indexes, views and triggers, apart from blanks, comments and quotes."""
    found = {}
    for kind, name, table, sql in definitions(connection):
        bare = re.sub(r"--[^\n]*", "", sql or "").replace('"', "")
        bare = re.sub(r"\s+(?=[,)])", "", bare)  # an added column's comma comes after a line break
        found[name] = [kind, table, re.sub(r"\s+", " ", bare).strip(" ;")]
        if kind == "table":
            for pragma in ("table_xinfo", "foreign_key_list", "index_list"):
                found[name].append(connection.execute(f"PRAGMA {pragma}({name})").fetchall())
    return found


def test_a_migrated_file_is_the_same_as_a_new_one(first_version, plain):
    SqliteStore(str(first_version), access="upgrade").close()
    with closing(sqlite3.connect(first_version)) as migrated:
        assert shape(migrated) == shape(plain)
        assert migrated.execute("PRAGMA foreign_key_check").fetchall() == []
        assert migrated.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert migrated.execute("SELECT id, event_name, event_id FROM events").fetchall() == [(1, "e", "a")]
        assert migrated.execute("SELECT key_text, last_used_at FROM api_keys").fetchall() == [(None, None)]
        assert migrated.execute("SELECT length(database_id) FROM identity").fetchall() == [(32,)]


OPEN = "import sys; from drengr.store.sqlite import SqliteStore; SqliteStore(sys.argv[1]).close()"


def test_several_processes_may_open_a_fresh_file_at_once(tmp_path):
    path = tmp_path / "events.db"
    started = [
        subprocess.Popen([sys.executable, "-c", OPEN, str(path)], stderr=subprocess.PIPE, text=True) for _ in range(4)
    ]
    errors = [process.communicate(timeout=60)[1] for process in started]
    assert ([process.returncode for process in started], errors) == ([0] * 4, [""] * 4)
    with closing(sqlite3.connect(path)) as file, closing(sqlite3.connect(":memory:")) as plain:
        plain.executescript(SCHEMA.read_text())
        assert definitions(file) == definitions(plain)
    assert all(applied(path).values())
