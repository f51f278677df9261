"""Projects and keys: contract 1."""

from uuid import UUID

import pytest

from drengr.keys import key_hash
from drengr.store import Store
from drengr.store.projects import (
    UnknownProject,
    all_keys,
    all_projects,
    find_project,
    make_default_project,
    make_key,
    make_project,
    project_of_key,
    revoke_key,
)


def test_a_project_has_a_uuid_and_one_key_of_each_kind(store):
    made = make_project(store.commits, "shop")
    assert UUID(made.project_id).version == 4
    assert [key.kind for key in all_keys(store.database)] == ["publishable", "secret"]
    assert [(project.uuid, project.name) for project in all_projects(store.database)] == [(made.project_id, "shop")]


def test_no_default_credential_exists(store):
    assert all_keys(store.database) == all_projects(store.database) == []


def test_the_first_start_makes_one_project_and_the_second_none(store):
    made = make_default_project(store.commits)
    assert make_default_project(store.commits) is None
    assert [project.name for project in all_projects(store.database)] == ["default"]
    assert project_of_key(store.database, made.secret_key, "secret").uuid == made.project_id


def test_where_there_is_a_project_no_default_is_made(store):
    make_project(store.commits, "shop")
    assert make_default_project(store.commits) is None


def test_a_key_opens_its_own_project_and_only_as_its_own_kind(store):
    shop, other = make_project(store.commits, "shop"), make_project(store.commits, "other")
    for made in (shop, other):
        for kind, key in (("publishable", made.publishable_key), ("secret", made.secret_key)):
            wrong = "secret" if kind == "publishable" else "publishable"
            assert project_of_key(store.database, key, kind).uuid == made.project_id
            assert project_of_key(store.database, key, wrong) is None


@pytest.mark.parametrize("key", [None, 5, b"drengr_sk_x", [], "", "drengr_sk_", "drengr_sk_\ud800", "x" * 100_000])
def test_what_is_no_key_opens_nothing(store, key):
    make_project(store.commits, "shop")
    assert project_of_key(store.database, key, "secret") is None


def test_only_the_hash_of_a_key_is_stored(store):
    made = make_project(store.commits, "shop")
    hashes = [row[0] for row in store.database.read("SELECT key_hash FROM api_keys ORDER BY id")]
    assert hashes == [key_hash(made.publishable_key), key_hash(made.secret_key)]
    dumped = "\n".join(store.database.writing_connection().iterdump())
    assert made.publishable_key not in dumped and made.secret_key not in dumped


def test_a_revoked_key_stops_at_once_in_every_open_store(store, database_path):
    made = make_project(store.commits, "shop")
    kept = make_key(store.commits, find_project(store.database, "shop"), "secret")
    other_worker = Store(str(database_path))
    for database in (store.database, other_worker.database):
        assert project_of_key(database, made.secret_key, "secret") is not None
    assert revoke_key(store.commits, made.secret_key) is True
    for database in (store.database, other_worker.database):
        assert project_of_key(database, made.secret_key, "secret") is None
        assert project_of_key(database, kept, "secret") is not None
    assert revoke_key(store.commits, made.secret_key) is False
    other_worker.close()


def test_a_key_is_revoked_by_the_id_of_the_list(store):
    make_project(store.commits, "shop")
    first, second = all_keys(store.database)
    assert revoke_key(store.commits, str(second.id)) is True
    assert [key.revoked_at is None for key in all_keys(store.database)] == [True, False]
    assert first.id != second.id


@pytest.mark.parametrize(
    "key", ["0", "99", "-1", "9" * 18, "9" * 19, "9" * 5000, "²", "drengr_sk_x", "", "\ud800"], ids=ascii
)
def test_what_is_no_good_key_cannot_be_revoked(store, key):
    make_project(store.commits, "shop")
    assert revoke_key(store.commits, key) is False


def test_a_project_is_found_by_name_by_id_or_as_the_only_one(store):
    made = make_project(store.commits, "shop")
    by = [find_project(store.database, name).name for name in ("shop", made.project_id, None)]
    assert by == ["shop"] * 3
    make_project(store.commits, "other")
    with pytest.raises(UnknownProject, match=r"Say which project with --project\. Projects: shop, other\."):
        find_project(store.database, None)
    with pytest.raises(UnknownProject, match="There is no project 'Shop'"):
        find_project(store.database, "Shop")


def test_without_projects_the_error_says_how_to_make_one(store):
    with pytest.raises(UnknownProject, match="drengr project create NAME"):
        find_project(store.database, None)


@pytest.mark.parametrize("name", ["", " \t", "\0", "n" * 101])
def test_a_name_that_is_none_makes_no_project(store, name):
    with pytest.raises(ValueError, match="1 to 100 characters"):
        make_project(store.commits, name)
    assert all_projects(store.database) == []


def test_a_name_is_taken_once(store):
    make_project(store.commits, "shop")
    with pytest.raises(ValueError, match="exists already"):
        make_project(store.commits, " shop ")
    assert len(all_keys(store.database)) == 2
