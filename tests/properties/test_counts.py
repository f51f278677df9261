"""Totals and buckets equal a recount of every event, whatever the window (contract 6)."""

from collections import Counter
from itertools import pairwise
from random import Random

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from drengr.admin.questions import MAX_DAYS, CountQuery
from drengr.events.times import iso_text
from drengr.store.counting import cut
from tests.admin import DAY_MS, HOUR_MS, event

pytestmark = pytest.mark.both_stores

START_MS = 1_703_980_800_000  # 2023-12-31, before a year's end and a leap day
SPAN_MS = 130 * DAY_MS
NAMES = ["a", "b", "ü", "rare"]


def _times(random: Random) -> list[int]:
    """Scattered, and crowded around the edges of hours and days."""
    scattered = [START_MS + random.randrange(SPAN_MS) for _ in range(1500)]
    edges = [START_MS + random.randrange(SPAN_MS // HOUR_MS) * HOUR_MS + random.choice([-1, 0, 1]) for _ in range(1000)]
    days = [START_MS + day * DAY_MS + offset for day in range(0, 130, 3) for offset in (-1, 0, 1)]
    return scattered + edges + days


@pytest.fixture
def counted(store, tenant, make_tenant):
    """(project id, its [(time, name)]); a neighbour has events too."""
    random = Random(3)
    events = [(at, random.choices(NAMES, [60, 30, 9, 1])[0]) for at in _times(random)]
    for project_id in (make_tenant("neighbour").project.id, tenant.project.id):
        store.add(project_id, [event(occurred_at=at, event_name=name) for at, name in events])
    return tenant.project.id, events


edges = st.one_of(
    st.integers(0, SPAN_MS),
    st.builds(lambda hour, by: hour * HOUR_MS + by, st.integers(0, SPAN_MS // HOUR_MS), st.integers(-1, 1)),
    st.builds(lambda day, by: day * DAY_MS + by, st.integers(0, 130), st.integers(-1, 1)),
)
lengths = st.one_of(
    st.integers(0, 3 * HOUR_MS),
    st.integers(0, MAX_DAYS * DAY_MS),
    st.builds(lambda hours, by: max(0, hours * HOUR_MS + by), st.integers(0, 60), st.integers(-1, 1)),
)


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    since=edges,
    length=lengths,
    name=st.sampled_from([None, *NAMES, "never seen"]),
    group_by=st.sampled_from([None, "day", "event_name"]),
)
@example(since=0, length=MAX_DAYS * DAY_MS, name=None, group_by="event_name")
@example(since=59 * DAY_MS, length=2 * DAY_MS - 1, name=None, group_by="day")  # 28 and 29 February 2024
def test_a_count_equals_a_recount(store, counted, since, length, name, group_by):
    project_id, events = counted
    query = CountQuery(START_MS + since, START_MS + since + length, name, group_by)
    inside = [(at, called) for at, called in events if query.since <= at <= query.until and name in (None, called)]
    found = store.count(project_id, query)
    assert found.total == len(inside)
    if group_by is None:
        assert found.buckets is None
    elif group_by == "day":
        assert found.buckets == sorted(Counter(iso_text(at)[:10] for at, _ in inside).items())
    else:
        names = Counter(called for _, called in inside)
        assert found.buckets == sorted(names.items(), key=lambda pair: (-pair[1], pair[0].encode()))


@given(start=st.integers(-3 * DAY_MS, 3 * DAY_MS), length=st.integers(1, 5 * DAY_MS))
def test_the_pieces_of_a_window_are_the_window(start, length):
    pieces = cut(start, start + length)
    spans = [range(pieces.days.start * DAY_MS, pieces.days.stop * DAY_MS), *pieces.parts]
    spans += [range(hours.start * HOUR_MS, hours.stop * HOUR_MS) for hours in pieces.hours]
    spans = sorted((span for span in spans if span), key=lambda span: span.start)
    assert spans[0].start == start and spans[-1].stop == start + length
    assert all(left.stop == right.start for left, right in pairwise(spans))
    assert all(hours.start // 24 == (hours.stop - 1) // 24 for hours in pieces.hours)
    assert all(part.start // HOUR_MS == (part.stop - 1) // HOUR_MS for part in pieces.parts)
    assert len(pieces.hours) <= 2 and len(pieces.parts) <= 2


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    batches=st.lists(
        st.lists(
            st.tuples(st.integers(-2 * DAY_MS, 2 * DAY_MS), st.sampled_from(NAMES), st.sampled_from([None, "x", "y"])),
            max_size=6,
        ),
        max_size=5,
    )
)
def test_totals_equal_the_rows_after_any_writes(store, tenant, batches):
    for batch in batches:
        events = [event(occurred_at=at, event_name=name, event_id=key) for at, name, key in batch]
        store.add(tenant.project.id, events)
    assert store.wrong_totals() == []
