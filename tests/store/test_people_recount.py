"""Every question about people against a recount of the view `events` in plain Python (contract 8)."""

import random
from datetime import timedelta

import pytest

from drengr.admin.questions import PageQuery, Position
from drengr.events.times import HOUR_MS
from drengr.people.questions import (
    FunnelQuery,
    NamesQuery,
    PeopleCountQuery,
    PeopleQuery,
    RetentionQuery,
    Seen,
    Who,
)
from drengr.people.results import MOST_DEVICES
from drengr.store.sqlite.people import hours
from tests.admin import DAY_MS, event
from tests.conftest import NOW_MS
from tests.store.plain_people import PlainPeople, bucket, day_of

pytestmark = pytest.mark.both_stores

UUID = "0B6F1C1E-5D5C-4A53-8B0C-2F8F3A3C7D10"
DEVICES = ["d1", "d2", "D2", "d3", "anonymous", "u1", UUID, UUID.lower(), "0b6f", *(f"own{n}" for n in range(8))]
USERS = ["u1", "u2", "d3", UUID, UUID.lower(), *(f"user{n}" for n in range(8))]
NAMES = ["a", "b", "c"]
TODAY = NOW_MS // DAY_MS


def some_events(chance: random.Random, number: int) -> list:
    """Of few people and devices on forty days, in any order; many share their millisecond."""
    events = []
    for _ in range(number):
        day = NOW_MS - chance.choice([0, 0, 1, 2, 3, 6, 7, 8, 20, 29, 30, 31, 40]) * DAY_MS
        events.append(
            event(
                install_id=chance.choice(DEVICES),
                external_id=chance.choice(USERS) if chance.random() < 0.4 else None,
                event_name=chance.choice(NAMES),
                occurred_at=day // DAY_MS * DAY_MS + chance.choice([0, 1, 500, HOUR_MS, 9 * HOUR_MS - 1, DAY_MS - 1]),
            )
        )
    return events


@pytest.fixture(params=range(4), ids="events {}".format)
def filled(request, store, tenant, make_tenant, rows):
    """(store, project, what its rows say in plain Python); another project has events of the same ids."""
    chance = random.Random(request.param)
    store.add(make_tenant("other").project.id, some_events(chance, 40))
    events = some_events(chance, (12, 40, 120, 300)[request.param])
    while events:
        store.add(tenant.project.id, [events.pop() for _ in range(min(len(events), chance.randrange(1, 20)))])
    return store, tenant.project.id, PlainPeople(rows("WHERE project = ?", tenant.project_id))


def windows(chance: random.Random, number: int):
    edges = [TODAY * DAY_MS - n * DAY_MS + ms for n in (-1, 0, 1, 2, 7, 8, 30, 41) for ms in (-1, 0, 1, 499, 501)]
    for _ in range(number):
        yield sorted(chance.sample(edges, 2))


def test_the_list_shows_everybody_once_seen_last_first(filled):
    store, project, plain = filled
    found, before = [], None
    while page := store.people(project, PeopleQuery(3, before)):
        found += page
        before = Seen(page[-1].last_seen_at, page[-1].number)
    assert [(one.last_seen_at, one.number) for one in found] == sorted(
        ((one.last_seen_at, one.number) for one in found), reverse=True
    )
    assert sorted(tuple(one[1:6]) for one in found) == sorted(plain.seen())
    for one in found:
        devices = plain.devices(Who(one.kind, one.id))
        assert len(one.devices) == len(set(one.devices)) == min(len(devices), MOST_DEVICES)
        assert set(one.devices) <= devices
        assert store.person(project, Who(one.kind, one.id)) == one
        assert store.person_by_number(project, one.number) == Who(one.kind, one.id)
        assert store.number_of(project, Who(one.kind, one.id)) == one.number


def test_a_device_is_the_person_of_its_anonymous_events(filled):
    store, project, plain = filled
    installs = {row["install_id"] for row in plain.rows}
    for device in installs:
        found = store.person(project, Who("device", device))
        owner = plain.of_device(device.lower() if device == UUID else device)
        if owner in plain.events:
            assert found is not None and (found.kind, found.id) == owner
        else:
            assert found is None
        assert store.number_of(project, Who("device", device)) is not None
    assert store.person(project, Who("device", "nobody's")) is store.person(project, Who("user", "nobody")) is None


def test_a_page_has_the_events_of_that_person(filled):
    store, project, plain = filled
    for who, rows in plain.events.items():
        for name in (None, "a"):
            wanted = [row for row in rows if name in (None, row["event_name"])]
            wanted.sort(key=lambda row: (row["occurred_at"], row["id"]), reverse=True)
            found, before = [], Position(2**62, 0)
            while page := store.person_page(project, who, PageQuery(0, before, 3, name)):
                found += page
                before = Position(page[-1].occurred_at, page[-1].id)
            assert [one.id for one in found] == [row["id"] for row in wanted]


def test_counts_are_of_different_people(filled):
    store, project, plain = filled
    for since, until in windows(random.Random(1), 40):
        for name in (None, "a", "unknown"):
            for group_by in (None, "day", "week", "month"):
                query = PeopleCountQuery(since, until, name, group_by)
                total, buckets = plain.count(query)
                found = store.count_people(project, query)
                assert found.total == total, query
                if group_by is None:
                    assert found.buckets is None
                else:
                    named = {day_of(first_day * DAY_MS): people for first_day, people in found.buckets}
                    assert named == buckets and list(named) == sorted(named), query


@pytest.mark.parametrize("few", [300, 0])
def test_people_by_hour_are_those_of_each_hour(filled, few, monkeypatch):
    few_identities = hours._OTHERS.replace("LIMIT 301)) <= 300", f"LIMIT {few + 1})) <= {few}")
    monkeypatch.setattr(hours, "_OTHERS", few_identities)
    store, project, plain = filled
    chance = random.Random(2)
    for _ in range(10):
        since = TODAY * DAY_MS - chance.choice([0, 1, 2, 7]) * DAY_MS + chance.choice([0, 1, 500, HOUR_MS, 5 * HOUR_MS])
        until = since + chance.choice([0, HOUR_MS - 1, DAY_MS, 2 * DAY_MS - 1])
        for name in (None, "a", "unknown"):
            found = store.count_people(project, PeopleCountQuery(since, until, name, "hour"))
            assert found.total == plain.count(PeopleCountQuery(since, until, name))[0]
            wanted = [
                (hour, plain.count(PeopleCountQuery(*part, name))[0])
                for hour in range(since // HOUR_MS, until // HOUR_MS + 1)
                for part in [(max(since, hour * HOUR_MS), min(until, (hour + 1) * HOUR_MS - 1))]
            ]
            assert found.buckets == [bucket for bucket in wanted if bucket[1]], (since, until, name)


def test_retention_is_of_the_people_whose_first_event_lies_in_the_period(filled):
    store, project, plain = filled
    monday = (TODAY - 4) // 7 * 7 + 4
    for query in (
        RetentionQuery(TODAY - 45, TODAY, "day"),
        RetentionQuery(TODAY - 8, TODAY - 6, "day"),
        RetentionQuery(monday - 42, monday + 6, "week"),
        RetentionQuery(monday - 7, monday - 1, "week"),
    ):
        found = store.retention(project, query)
        shown = [(day_of(row.first_day * DAY_MS), row.people, list(row.returned)) for row in found]
        assert shown == plain.retention(query)


@pytest.mark.parametrize("steps", ["ab", "abc", "aa", "aba"])
def test_a_funnel_is_of_people_who_did_its_steps(filled, steps):
    store, project, plain = filled
    for since, until in windows(random.Random(2), 3):
        query = FunnelQuery(since, min(until, since + 3 * DAY_MS), tuple(steps), DAY_MS)
        if sum(query.since <= row["occurred_at"] for row in plain.rows) < 150:  # plain Python tries every choice
            assert store.funnel(project, query) == plain.funnel(query), query


def test_names_are_summed_up(filled):
    store, project, plain = filled
    since = (TODAY - 29) * DAY_MS
    found = store.names(project, NamesQuery(10, TODAY))
    for one in found:
        times = [row["occurred_at"] for row in plain.rows if row["event_name"] == one.event_name]
        people, _ = plain.count(PeopleCountQuery(since, since + 30 * DAY_MS - 1, one.event_name))
        assert one[2:] == (len(times), min(times), max(times), people)
    order = [(-one.events, one.event_name) for one in found]
    assert order == sorted(order)
    assert {one.event_name for one in found} == {row["event_name"] for row in plain.rows}


def test_weeks_are_those_of_the_calendar():
    assert bucket(NOW_MS, "week") + timedelta(days=4) == day_of(NOW_MS)  # 2026-11-20 is a Friday
