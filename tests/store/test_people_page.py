"""The events of one person, whichever way they are looked for (contract 8)."""

import random
from itertools import product

import pytest

from drengr.admin.questions import PageQuery, Position
from drengr.people.questions import Who
from tests.admin import DAY_MS, event
from tests.conftest import NOW_MS

pytestmark = pytest.mark.both_stores

LAST = Position(2**62, 0)
EVERYBODY = Who("user", "anonymous")


@pytest.fixture
def busy(store, tenant, rows):
    """A user whom many devices share, a quiet one, and their rows, newest first."""
    chance = random.Random(1)
    events = [
        event(
            install_id=f"d{chance.randrange(40)}",
            external_id="anonymous" if chance.random() < 0.7 else "quiet",
            event_name=chance.choice(["common", "common", "common", "rare"]),
            occurred_at=NOW_MS - chance.randrange(9) * DAY_MS + chance.randrange(3),
        )
        for _ in range(300)
    ]
    store.add(tenant.project.id, events)
    return sorted(rows(), key=lambda row: (row["occurred_at"], row["id"]), reverse=True)


@pytest.fixture(params=["few of all", "many identities", "many events", "both"])
def way(request, monkeypatch, backend):
    """Make the store think that the person is a large one."""
    if backend == "postgresql" and request.param != "few of all":
        pytest.skip("PostgreSQL has one way")
    if backend == "sqlite":
        if request.param in ("many identities", "both"):
            monkeypatch.setattr("drengr.store.sqlite.people.page._FEW_IDENTITIES", 2)
        if request.param in ("many events", "both"):
            monkeypatch.setattr("drengr.store.sqlite.people.page._FEW_EVENTS", 5)
    return request.param


@pytest.mark.parametrize("who", [EVERYBODY, Who("user", "quiet")], ids=["everybody", "quiet"])
def test_pages_join_to_all_of_the_persons_events(store, tenant, busy, way, who):
    for limit, name in product([1, 7, 1000], [None, "common", "rare", "unknown"]):
        wanted = [row["id"] for row in busy if row["external_id"] == who.id and name in (None, row["event_name"])]
        found, before = [], LAST
        while page := store.person_page(tenant.project.id, who, PageQuery(0, before, limit, name)):
            assert len(page) <= limit
            found += [one.id for one in page]
            before = Position(page[-1].occurred_at, page[-1].id)
        assert found == wanted, (limit, name)


def test_since_and_until_cut_the_page(store, tenant, busy, way):
    since, before = NOW_MS - 5 * DAY_MS + 1, NOW_MS - 2 * DAY_MS + 1
    wanted = [
        row["id"] for row in busy if row["external_id"] == "anonymous" and since <= row["occurred_at"] < before
    ]
    found = store.person_page(tenant.project.id, EVERYBODY, PageQuery(since, Position(before, 0), 1000))
    assert [one.id for one in found] == wanted


def test_an_events_columns_are_those_of_the_log(store, tenant, busy, way):
    found = store.person_page(tenant.project.id, EVERYBODY, PageQuery(0, LAST, 50))
    by_id = {one.id: one for one in store.page(tenant.project.id, PageQuery(0, LAST, 1000))}
    assert found == [by_id[one.id] for one in found]


def test_nobody_has_no_events(store, tenant, busy):
    for who in (Who("user", "nobody"), Who("device", "nobody's"), Who("device", "anonymous")):
        assert store.person_page(tenant.project.id, who, PageQuery(0, LAST, 10)) == []


def test_a_device_of_one_user_shows_that_users_events(store, tenant, rows):
    store.add(tenant.project.id, [event(install_id="d1", external_id=None), event(install_id="d1", external_id="u1")])
    found = store.person_page(tenant.project.id, Who("device", "d1"), PageQuery(0, LAST, 10))
    assert [one.external_id for one in found] == ["u1", None]
