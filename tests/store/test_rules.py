"""What the database knows of itself: its id, and the settings that shape events."""

import shutil

import pytest

from drengr.store import open_store
from drengr.store.sqlite import SqliteStore

pytestmark = pytest.mark.both_stores


def test_rules_are_kept_until_others_take_their_place(store, location):
    assert store.rules() == {}
    store.save_rules({"DRENGR_ALLOWED_KEYS": "product_name", "DRENGR_SENSITIVE_WORDS": ""})
    store.save_rules({"DRENGR_ALLOWED_KEYS": "a,b"})
    beside = open_store(location)
    assert beside.rules() == {"DRENGR_ALLOWED_KEYS": "a,b"}
    beside.close()


@pytest.mark.sqlite
def test_rules_that_are_there_already_write_nothing(store):
    store.save_rules({"DRENGR_KEEP_FIELDS": "revenue"})
    changes = store.database.writing_connection().total_changes
    store.save_rules({"DRENGR_KEEP_FIELDS": "revenue"})
    assert store.database.writing_connection().total_changes == changes


@pytest.mark.sqlite
def test_every_database_has_an_id_of_its_own_that_its_copies_keep(store, database_path, tmp_path):
    other = SqliteStore(str(tmp_path / "other.db"))
    store.commits.run(lambda _: None)
    shutil.copy(database_path, tmp_path / "copy.db")
    shutil.copy(f"{database_path}-wal", tmp_path / "copy.db-wal")
    copy = SqliteStore(str(tmp_path / "copy.db"))
    ids = [each.database_id() for each in (store, other, copy)]
    assert ids[0] == ids[2] != ids[1]
    assert all(len(each) == 32 and int(each, 16) for each in ids)
    for each in (store, other, copy):
        each.close()
