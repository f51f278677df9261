"""Projects and keys: contract 1."""

from uuid import UUID

import pytest

from drengr.events.times import HOUR_MS
from drengr.keys import key_hash
from drengr.store import UnknownProject, clock, open_store

pytestmark = pytest.mark.both_stores


def test_a_project_has_a_uuid_and_one_key_of_each_kind(store):
    made = store.make_project("shop")
    assert UUID(made.project_id).version == 4
    assert [key.kind for key in store.all_keys()] == ["publishable", "secret"]
    assert [(project.uuid, project.name) for project in store.projects()] == [(made.project_id, "shop")]


def test_no_default_credential_exists(store):
    assert store.all_keys() == store.projects() == []


def test_the_first_start_makes_one_project_and_the_second_none(store):
    made = store.make_default_project()
    assert store.make_default_project() is None
    assert [project.name for project in store.projects()] == ["default"]
    assert store.project_of_key(made.secret_key, "secret").uuid == made.project_id


def test_where_there_is_a_project_no_default_is_made(store):
    store.make_project("shop")
    assert store.make_default_project() is None


def test_a_key_opens_its_own_project_and_only_as_its_own_kind(store):
    shop, other = store.make_project("shop"), store.make_project("other")
    for made in (shop, other):
        for kind, key in (("publishable", made.publishable_key), ("secret", made.secret_key)):
            wrong = "secret" if kind == "publishable" else "publishable"
            assert store.project_of_key(key, kind).uuid == made.project_id
            assert store.project_of_key(key, wrong) is None


@pytest.mark.parametrize("key", [None, 5, b"drengr_sk_x", [], "", "drengr_sk_", "drengr_sk_\ud800", "x" * 100_000])
def test_what_is_no_key_opens_nothing(store, key):
    store.make_project("shop")
    assert store.project_of_key(key, "secret") is None


@pytest.mark.sqlite
def test_only_the_hash_of_a_secret_key_is_stored(store):
    made = store.make_project("shop")
    hashes = [row[0] for row in store.database.read("SELECT key_hash FROM api_keys ORDER BY id")]
    assert hashes == [key_hash(made.publishable_key), key_hash(made.secret_key)]
    dumped = "\n".join(store.database.writing_connection().iterdump())
    assert made.publishable_key in dumped and made.secret_key not in dumped


def test_a_revoked_key_stops_at_once_in_every_open_store(store, location):
    made = store.make_project("shop")
    kept = store.make_key(store.find_project("shop"), "secret")
    other_worker = open_store(location)
    for worker in (store, other_worker):
        assert worker.project_of_key(made.secret_key, "secret") is not None
    assert store.revoke_key(made.secret_key) is True
    for worker in (store, other_worker):
        assert worker.project_of_key(made.secret_key, "secret") is None
        assert worker.project_of_key(kept, "secret") is not None
    assert store.revoke_key(made.secret_key) is False
    other_worker.close()


def test_a_key_is_revoked_by_the_id_of_the_list(store):
    store.make_project("shop")
    first, second = store.all_keys()
    assert store.revoke_key(str(second.id)) is True
    assert [key.revoked_at is None for key in store.all_keys()] == [True, False]
    assert first.id != second.id


def openings(store, made) -> list[bool]:
    """Whether each look-up lets the project's two keys in."""
    return [
        store.sender(made.publishable_key, clock.now_ms())[0] is not None,
        store.project_of_key(made.publishable_key, "publishable") is not None,
        store.project_of_key(made.secret_key, "secret") is not None,
    ]


def test_a_key_with_an_end_is_good_until_then_for_every_look_up(store, monkeypatch):
    made = store.make_project("shop")
    now = clock.now_ms()
    end = now + 60_000
    for key in (made.publishable_key, made.secret_key):
        assert store.revoke_key(key, end) is True
    for moment, is_good in ((now, True), (end - 1, True), (end, False), (end + 1, False)):
        monkeypatch.setattr(clock, "now_ms", lambda moment=moment: moment)
        monkeypatch.setattr("drengr.store.projects.now_ms", clock.now_ms)
        assert openings(store, made) == [is_good] * 3
    assert store.owner_of_key(made.secret_key)[1] == "secret"


def test_an_end_can_come_sooner_but_never_later(store):
    made = store.make_project("shop")
    now = clock.now_ms()
    assert [store.revoke_key("2", now + ahead) for ahead in (60_000, 90_000, 30_000)] == [True, False, True]
    assert store.find_key("2").revoked_at == now + 30_000
    assert store.revoke_key(made.secret_key) is True
    assert store.project_of_key(made.secret_key, "secret") is None
    assert store.revoke_key("2", now + 30_000) is False


def test_a_publishable_key_is_listed_in_full_and_a_secret_one_by_its_first_characters(store):
    made = store.make_project("shop")
    publishable, secret = store.all_keys()
    assert publishable.key == made.publishable_key and secret.key is None
    assert store.find_key(made.secret_key) == store.find_key(str(secret.id)) == secret
    assert store.find_key("99") is None and store.find_key("drengr_sk_unknown") is None


def test_the_last_use_is_kept_to_the_hour_and_never_goes_back(store):
    made = store.make_project("shop")
    assert [key.last_used_at for key in store.all_keys()] == [None, None]
    store.note_uses({made.publishable_key: 5 * HOUR_MS + 17, "drengr_pk_unknown": 6 * HOUR_MS})
    store.note_uses({made.publishable_key: 4 * HOUR_MS})
    assert [key.last_used_at for key in store.all_keys()] == [5 * HOUR_MS, None]


@pytest.mark.parametrize(
    "key", ["0", "99", "-1", "9" * 18, "9" * 19, "9" * 5000, "²", "drengr_sk_x", "", "\ud800"], ids=ascii
)
def test_what_is_no_good_key_cannot_be_revoked(store, key):
    store.make_project("shop")
    assert store.revoke_key(key) is False


def test_a_project_is_found_by_name_by_id_or_as_the_only_one(store):
    made = store.make_project("shop")
    by = [store.find_project(name).name for name in ("shop", made.project_id, None)]
    assert by == ["shop"] * 3
    store.make_project("other")
    with pytest.raises(UnknownProject, match=r"Say which project with --project\. Projects: shop, other\."):
        store.find_project(None)
    with pytest.raises(UnknownProject, match="There is no project 'Shop'"):
        store.find_project("Shop")


def test_without_projects_the_error_says_how_to_make_one(store):
    with pytest.raises(UnknownProject, match="drengr project create NAME"):
        store.find_project(None)


@pytest.mark.parametrize("name", ["", " \t", "\0", "n" * 101])
def test_a_name_that_is_none_makes_no_project(store, name):
    with pytest.raises(ValueError, match="1 to 100 characters"):
        store.make_project(name)
    assert store.projects() == []


def test_a_name_is_taken_once(store):
    store.make_project("shop")
    with pytest.raises(ValueError, match="exists already"):
        store.make_project(" shop ")
    assert len(store.all_keys()) == 2
