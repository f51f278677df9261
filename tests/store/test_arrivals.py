"""What was stored since the last look, in the order of storing; names that look alike."""

import pytest

from drengr.admin.questions import PageQuery, Position
from tests.admin import DAY_MS, USER, event
from tests.conftest import NOW_MS

pytestmark = pytest.mark.both_stores


def query(limit: int = 100, **filters: str) -> PageQuery:
    return PageQuery(NOW_MS, Position(NOW_MS, 0), limit, **filters)


@pytest.fixture
def names_after(store, tenant):
    """names_after(id, limit, filter=…) → (event names, where to look on from)."""

    def look(after_id: int, limit: int = 100, **filters: str) -> tuple[list[str], int]:
        found = store.arrivals(tenant.project.id, after_id, query(limit, **filters))
        return [each.event_name for each in found.events], found.seen_id

    return look


def test_every_event_is_shown_however_old_its_time(store, tenant, names_after):
    store.add(tenant.project.id, [event(occurred_at=NOW_MS + n) for n in range(600)])
    begun = store.last_id()
    store.add(tenant.project.id, [event(event_name="old", occurred_at=NOW_MS - 900 * DAY_MS)])
    assert names_after(begun) == (["old"], begun + 1)
    assert names_after(begun + 1) == ([], begun + 1)


def test_looking_on_shows_each_event_once(store, tenant, names_after):
    store.add(tenant.project.id, [event(event_name=f"e{n}") for n in range(7)])
    seen, after = [], 0
    while (found := names_after(after, 3))[0]:
        seen += found[0]
        after = found[1]
    assert seen == [f"e{n}" for n in range(7)]


def test_what_does_not_match_is_not_looked_at_twice(store, make_tenant, tenant, names_after):
    store.add(make_tenant("other").project.id, [event() for _ in range(5)])
    assert names_after(0) == ([], 5)
    store.add(tenant.project.id, [event(event_name="b", source="ga4", install_id="x", external_id=USER), event()])
    assert names_after(5, event_name="b") == (["b"], 7)
    assert names_after(5, source="ga4", install_id="x", external_id=USER, user_id=USER) == (["b"], 7)
    assert names_after(5, user_id=USER, external_id="another") == ([], 7)
    assert names_after(0, event_name="of nobody") == ([], 7)


def test_an_empty_file_has_nothing_to_look_at(store, tenant, names_after):
    assert store.last_id() == 0 and names_after(0) == ([], 0)


def test_names_that_look_alike_are_named(store, make_tenant, tenant):
    store.add(make_tenant("other").project.id, [event(event_name="order_complete")])
    store.add(tenant.project.id, [event(event_name=name) for name in ("order_completed", "orders", "sign_up")])
    assert store.names_near(tenant.project.id, "order_complete") [:1] == ["order_completed"]
    assert store.names_near(tenant.project.id, "zzz") == []
    assert "sign_up" not in store.names_near(tenant.project.id, "sign_up")
