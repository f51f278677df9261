"""Tables of an older version are brought up to date, and are then as a new database has them: contract 13."""

import time
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest

from drengr.people.questions import Who
from drengr.store import DatabaseError, Key, open_store, planned_upgrade
from drengr.store.postgresql import schema
from drengr.store.postgresql.schema import MIGRATIONS
from tests.admin import event
from tests.conftest import NOW_MS, shared_data

OLDEST = "0001_initial"
COLUMNS = """
SELECT table_name, column_name, ordinal_position, data_type, is_nullable, column_default, is_identity, collation_name
FROM information_schema.columns WHERE table_schema = 'public'
"""
INDEXES = "SELECT tablename, indexname, indexdef FROM pg_indexes WHERE schemaname = 'public'"
CONSTRAINTS = """
SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid) FROM pg_constraint
WHERE connamespace = 'public'::regnamespace
"""
VIEWS = "SELECT viewname, definition FROM pg_views WHERE schemaname = 'public'"
OLD_EVENT = """
INSERT INTO semantic_events (id, project_id, dedup_key, name_id, origin_id, install_id, external_id, session_id,
  session_is_integer, occurred_at, received_at, dims, measures)
VALUES (nextval('event_ids'), 1, %s, 1, 1, %s, %s, '7', true, %s, %s, '{"a":"b"}', '{}')
"""


@pytest.fixture
def older(url) -> str:
    """The URL of a database as the first version made and filled it."""
    with psycopg.connect(url) as connection:
        connection.execute(shared_data("postgresql", "schema_0001.sql").read_text())
        connection.execute("INSERT INTO migrations VALUES (%s, 0)", (OLDEST,))
        connection.execute("INSERT INTO projects (uuid, name, created_at) VALUES (gen_random_uuid(), 'shop', 0)")
        connection.execute("INSERT INTO api_keys (project_id, kind, key_hash, hint, created_at)"
                           " VALUES (1, 'publishable', sha256('a key'), 'drengr_pk_aa', 0)")  # fmt: skip
        connection.execute("INSERT INTO event_names (project_id, name) VALUES (1, 'e')")
        connection.execute("INSERT INTO origins (source) VALUES ('amplitude_http')")
        for number, ids in enumerate([("d", None), ("d", "A"), ("A", None), ("x", "A"), ("x", "B"), ("x", None)]):
            connection.execute(OLD_EVENT, (bytes([3, 65 + number]), *ids, NOW_MS, NOW_MS))
    return url


def definitions(url: str) -> list[list[tuple]]:
    with psycopg.connect(url) as connection:
        found = [connection.execute(asked).fetchall() for asked in (COLUMNS, INDEXES, CONSTRAINTS, VIEWS)]
    return [sorted(rows, key=repr) for rows in found]


def test_older_tables_become_those_of_a_new_database(older, cluster):
    new = cluster.url(cluster.make_database())
    open_store(new, access="upgrade").close()
    open_store(older, access="upgrade").close()
    for found, expected in zip(definitions(older), definitions(new), strict=True):
        assert [row for row in found if row not in expected] == [row for row in expected if row not in found] == []


def test_what_was_in_them_is_there(older):
    pending = [path.stem for path in sorted(MIGRATIONS.glob("*.sql"))][1:]
    assert planned_upgrade(older).steps == tuple(pending)
    store = open_store(older, access="upgrade")
    try:
        assert planned_upgrade(older) is None
        store.repair(store.wrong_totals())  # the first version's rows were put in without being counted
        assert store.wrong_totals() == [] and store.faults() == []
        columns = "event_id, install_id, external_id, session_id, person_kind, person"
        assert store.database.read(f"SELECT {columns} FROM events_and_people ORDER BY id") == [
            ("A", "d", None, "7", "user", "A"), ("B", "d", "A", "7", "user", "A"), ("C", "A", None, "7", "user", "A"),
            ("D", "x", "A", "7", "user", "A"), ("E", "x", "B", "7", "user", "B"), ("F", "x", None, "7", "device", "x"),
        ]  # fmt: skip
        (key,) = store.all_keys()
        assert isinstance(key, Key) and key.key is key.last_used_at is None
        assert store.add(1, [event(event_id="A"), event(event_id="G", install_id="d", external_id=None)])[:2] == (1, 1)
        assert store.person(1, Who("user", "A")).events == 5
    finally:
        store.close()


def test_an_upgrade_that_is_kept_from_ending_is_one_sentence_and_changes_nothing(older, monkeypatch):
    monkeypatch.setattr(schema, "_UPGRADE_S", 0.2)
    before = definitions(older)
    with psycopg.connect(older) as reader:
        reader.execute("SELECT count(*) FROM semantic_events")
        with pytest.raises(DatabaseError, match=r"not made or brought up to date within .*; all is as it was\. See in"):
            open_store(older, access="upgrade")
    assert definitions(older) == before


def test_what_an_older_service_stores_while_the_upgrade_waits_is_kept(older):
    """Its transaction inserts an event of somebody new, and is committed once the upgrade has begun."""
    with ThreadPoolExecutor(1) as pool, psycopg.connect(older) as writer:
        writer.execute(OLD_EVENT, (b"\x03Z", "new", "N", NOW_MS, NOW_MS))
        upgrading = pool.submit(open_store, older, access="upgrade")
        with psycopg.connect(older, autocommit=True) as watch:
            while not upgrading.done() and not watch.execute("SELECT 1 FROM pg_locks WHERE NOT granted").fetchall():
                time.sleep(0.01)
        writer.commit()
        store = upgrading.result()
    try:
        assert store.person(1, Who("user", "N")).events == 1
    finally:
        store.close()
