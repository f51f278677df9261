"""The list of names, and the sample of one (contract 8)."""

import pytest

from drengr.people.questions import NamesQuery
from drengr.people.results import SAMPLE_EVENTS, NameSummary
from tests.admin import DAY_MS, event
from tests.conftest import NOW_MS

pytestmark = pytest.mark.both_stores

TODAY = NOW_MS // DAY_MS


@pytest.fixture
def add(store, tenant):
    return lambda *events: store.add(tenant.project.id, list(events))


@pytest.fixture
def names(store, tenant):
    return lambda limit=1000, *args, **asked: store.names(tenant.project.id, NamesQuery(limit, TODAY, *args, **asked))


def test_a_name_is_summed_up(add, names):
    label = '{"_source_event_name":"Order Completed","plan":"pro"}'
    first, last = NOW_MS - 29 * DAY_MS, NOW_MS + DAY_MS
    add(
        event(event_name="order_completed", external_id="a", occurred_at=NOW_MS - 30 * DAY_MS),
        event(event_name="order_completed", external_id="b", occurred_at=first),
        event(event_name="order_completed", external_id="b", dims=label, occurred_at=last),
        event(event_name="order_completed", external_id="c", dims=label, occurred_at=last),
    )
    (found,) = names()
    assert found == NameSummary("order_completed", "Order Completed", 4, NOW_MS - 30 * DAY_MS, last, 1)


def test_a_name_that_was_sent_as_it_is_kept_is_its_own_label(add, names):
    add(event(event_name="order_completed"))
    assert names()[0].label == "order_completed"


def test_most_events_come_first_then_the_name_decides(add, names):
    for name, events in {"b": 2, "a": 2, "Z": 1, "c": 3, "é": 1, "~": 1}.items():
        add(*(event(event_name=name) for _ in range(events)))
    assert [one.event_name for one in names()] == ["c", "a", "b", "Z", "~", "é"]
    found, after = [], None
    while page := names(2, after):
        found += page
        after = page[-1].events, page[-1].event_name
    assert [one.event_name for one in found] == ["c", "a", "b", "Z", "~", "é"]


@pytest.mark.parametrize("query", ["a", "a_", "a%", "ab", "A", "", "zz", "\U0010ffff"])
def test_a_query_is_the_beginning_of_the_name_literally(add, names, query):
    kept = ["a", "a_b", "a%b", "ab", "abc", "Ab", "b", "\U0010ffff", "\U0010ffffa"]
    add(*(event(event_name=name) for name in kept))
    assert sorted(one.event_name for one in names(query=query)) == sorted(
        name for name in kept if name.startswith(query)
    )


def test_names_of_another_project_are_its_own(store, add, names, make_tenant):
    add(event(event_name="mine"))
    other = make_tenant("other").project.id
    store.add(other, [event(event_name="theirs")])
    assert [one.event_name for one in names()] == ["mine"]
    assert store.name_sample(other, "mine") is None


def test_a_sample_is_of_the_newest_events(store, tenant, add):
    def sampled(name: str):
        return store.name_sample(tenant.project.id, name)

    assert sampled("unknown") is None
    add(*(event(event_name="a", occurred_at=NOW_MS - n, dims=f'{{"n":"{n}"}}') for n in (3, 1, 2)))
    add(event(event_name="b"))
    assert sampled("a").events == 3
    assert [dims for dims, _ in sampled("a").bags] == ['{"n":"1"}', '{"n":"2"}', '{"n":"3"}']
    assert sampled("a").bags[0][1] == '{"revenue":42.5}'
    add(*(event(event_name="many", occurred_at=NOW_MS - n) for n in range(SAMPLE_EVENTS + 1)))
    assert sampled("many").events == len(sampled("many").bags) == SAMPLE_EVENTS
