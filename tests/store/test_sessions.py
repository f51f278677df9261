"""Sessions of the page and links that begin one: contract 12."""

import pytest

from drengr.keys import key_hash
from drengr.store.sessions import IDLE_MS, LINK_MS
from tests.conftest import NOW_MS

pytestmark = pytest.mark.both_stores


@pytest.fixture
def projects(store):
    for name in ("shop", "other"):
        store.make_project(name)
    return store.projects()


@pytest.fixture
def key(store, projects):
    return store.make_key(projects[0], "secret")


def names(session) -> list[str]:
    return [project.name for project in session.projects]


def test_a_key_opens_its_project(store, key):
    token = store.begin_session_by_key(key, None, NOW_MS)
    session = store.session(token, NOW_MS)
    assert (session.kind, names(session), session.created_at) == ("key", ["shop"], NOW_MS)
    assert session.key_id == store.find_key(key).id


def test_what_is_no_secret_key_begins_nothing(store, projects):
    public = store.make_key(projects[0], "publishable")
    for key in (public, "drengr_sk_x", "", "\ud800"):
        assert store.begin_session_by_key(key, None, NOW_MS) is None


def test_a_link_opens_its_projects_once(store, projects):
    link = store.make_link([project.id for project in projects], NOW_MS)
    assert store.session(link, NOW_MS) is None
    token = store.begin_session_by_link(link, None, NOW_MS)
    assert names(store.session(token, NOW_MS)) == ["other", "shop"]
    assert store.begin_session_by_link(link, None, NOW_MS) is None


def test_a_link_is_good_for_ten_minutes(store, projects):
    link = store.make_link([projects[0].id], NOW_MS)
    assert store.begin_session_by_link(link, None, NOW_MS + LINK_MS) is None
    assert store.begin_session_by_link(link, None, NOW_MS + LINK_MS - 1) is not None


def test_the_token_of_a_session_is_no_link(store, key):
    token = store.begin_session_by_key(key, None, NOW_MS)
    assert store.begin_session_by_link(token, None, NOW_MS) is None


def test_each_sign_in_makes_a_new_token_and_keeps_open_what_was(store, projects, key):
    first = store.begin_session_by_key(key, None, NOW_MS)
    link = store.make_link([projects[1].id], NOW_MS)
    second = store.begin_session_by_link(link, first, NOW_MS)
    assert store.session(first, NOW_MS) is None
    third = store.begin_session_by_key(key, second, NOW_MS)
    assert store.session(second, NOW_MS) is None
    session = store.session(third, NOW_MS)
    assert (session.kind, names(session)) == ("link", ["other", "shop"])


def test_a_revoked_key_ends_what_it_opened_and_nothing_else(store, projects, key):
    token = store.begin_session_by_key(key, None, NOW_MS)
    link = store.make_link([projects[1].id], NOW_MS)
    token = store.begin_session_by_link(link, token, NOW_MS)
    store.revoke_key(key)
    assert names(store.session(token, NOW_MS)) == ["other"]


def test_thirty_idle_days_end_a_session(store, key):
    token = store.begin_session_by_key(key, None, NOW_MS)
    session = store.session(token, NOW_MS + IDLE_MS - 1)
    store.note_session_use(session.id, NOW_MS + IDLE_MS - 1)
    assert store.session(token, NOW_MS + IDLE_MS) is not None
    assert store.session(token, NOW_MS + 2 * IDLE_MS) is None


def test_one_session_ends_or_all_of_a_project(store, projects, key):
    tokens = [store.begin_session_by_key(key, None, NOW_MS) for _ in range(3)]
    link = store.make_link([projects[0].id], NOW_MS)
    others = store.begin_session_by_link(store.make_link([projects[1].id], NOW_MS), None, NOW_MS)
    store.end_session(tokens[0])
    assert [store.session(token, NOW_MS) is None for token in tokens] == [True, False, False]
    assert len(store.sessions(projects[0].id, NOW_MS)) == 2
    store.end_sessions(projects[0].id)
    assert all(store.session(token, NOW_MS) is None for token in tokens)
    assert store.begin_session_by_link(link, None, NOW_MS) is None
    assert store.session(others, NOW_MS) is not None


@pytest.mark.sqlite
def test_neither_token_nor_link_lies_in_the_file(store, projects, key):
    token = store.begin_session_by_key(key, None, NOW_MS)
    link = store.make_link([projects[0].id], NOW_MS)
    dumped = "\n".join(store.database.writing_connection().iterdump())
    assert token not in dumped and link not in dumped
    assert {row[0] for row in store.database.read("SELECT token_hash FROM sessions")} == {
        key_hash(token), key_hash(link)
    }  # fmt: skip


@pytest.mark.sqlite
def test_what_ended_is_forgotten_when_somebody_signs_in(store, projects, key):
    store.begin_session_by_key(key, None, NOW_MS)
    store.make_link([projects[0].id], NOW_MS)
    store.begin_session_by_key(key, None, NOW_MS + IDLE_MS)
    assert store.database.read("SELECT count(*) FROM sessions") == [(1,)]
    assert store.database.read("SELECT count(*) FROM session_projects") == [(1,)]


def test_every_database_has_a_secret_of_its_own(store):
    assert len(store.signing_secret()) >= 30
    assert store.signing_secret() == store.signing_secret()
