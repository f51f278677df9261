"""What is answered about people and names, as JSON shows it (contract 8)."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from math import fsum
from typing import Literal

import orjson

from drengr.admin.shown import StoredEvent
from drengr.events.times import iso_text
from drengr.people.periods import Period, date_of
from drengr.people.questions import FunnelQuery
from drengr.people.results import Cohort, NameSample, NameSummary, PeopleCounted, Person

MOST_VALUES = 10  # of a dim
USER = "user."

Shown = dict[str, object]


def shown_person(person: Person) -> Shown:
    """One person of the list."""
    return {
        "kind": person.kind,
        "id": person.id,
        "first_seen_at": iso_text(person.first_seen_at),
        "last_seen_at": iso_text(person.last_seen_at),
        "events": person.events,
        "devices": person.devices,
    }


def user_properties(newest_first: Iterable[StoredEvent]) -> Shown:
    """The newest value of each property whose key begins with `user.`, by key."""
    found: Shown = {}
    for event in newest_first:
        for bag in (event.dims, event.measures):
            if f'"{USER}' in bag:
                for key, value in orjson.loads(bag).items():
                    if key.startswith(USER):
                        found.setdefault(key, value)
    return dict(sorted(found.items()))


def shown_people_count(counted: PeopleCounted, group_by: Period | None) -> Shown:
    """How many people, and how many in each bucket when that was asked for."""
    shown: Shown = {"total": counted.total}
    if group_by is not None and counted.buckets is not None:
        shown["buckets"] = [{"key": period_key(day, group_by), "people": people} for day, people in counted.buckets]
    return shown


def period_key(day: int, period: Period) -> str:
    """What a day, week or month is called, by a day in it. A week is named with its own year.

    >>> [period_key(20_821, period) for period in ("day", "week", "month")]  # a Sunday
    ['2027-01-03', '2026-W53', '2027-01']
    """
    date = date_of(day)
    if period == "week":
        year, week, _ = date.isocalendar()
        return f"{year:04}-W{week:02}"
    return date.isoformat() if period == "day" else date.isoformat()[:7]


def shown_cohort(cohort: Cohort, period: Literal["day", "week"]) -> Shown:
    """The people who came first in one period, and how many of them came again in each later one."""
    return {
        "cohort": period_key(cohort.first_day, period),
        "people": cohort.people,
        "returned": cohort.returned,
    }


def shown_funnel(query: FunnelQuery, people: Sequence[int]) -> Shown:
    """The steps, each with the people who reached it."""
    steps = zip(query.steps, people, strict=True)
    return {"steps": [{"event_name": name, "people": number} for name, number in steps]}


def shown_name(name: NameSummary) -> Shown:
    """One name of the list."""
    return {
        "event_name": name.event_name,
        "label": name.label,
        "events": name.events,
        "first_seen_at": iso_text(name.first_seen_at),
        "last_seen_at": iso_text(name.last_seen_at),
        "people": name.people,
    }


def shown_properties(event_name: str, sample: NameSample) -> Shown:
    """The properties of a sample of events, those that most of them have first."""
    texts: dict[str, list[str]] = defaultdict(list)  # counted afterwards: one by one takes half as long again
    numbers: dict[str, list[int | float]] = defaultdict(list)
    for dims, measures in sample.bags:
        for key, text in orjson.loads(dims).items():
            texts[key].append(text)
        for key, number in orjson.loads(measures).items():
            numbers[key].append(number)
    found = [_shown_dim(key, Counter(values), sample.events) for key, values in texts.items()]
    found += [_shown_measure(key, values, sample.events) for key, values in numbers.items()]
    found.sort(key=lambda each: (-each["events"], each["key"], each["kind"]))  # type: ignore[operator]
    return {"event_name": event_name, "events": sample.events, "properties": found}


def _shown_dim(key: str, counts: Counter[str], of_events: int) -> Shown:
    events = counts.total()
    values = sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))[:MOST_VALUES]
    return {
        "key": key,
        "kind": "dim",
        "events": events,
        "share": events / of_events,
        "values": [{"value": value, "count": count} for value, count in values],
    }


def _shown_measure(key: str, values: list[int | float], of_events: int) -> Shown:
    return {
        "key": key,
        "kind": "measure",
        "events": len(values),
        "share": len(values) / of_events,
        "min": min(values),
        "max": max(values),
        "mean": _mean(values),
    }


def _mean(values: Sequence[int | float]) -> float:
    """The mean, also of numbers whose sum no float can hold."""
    try:
        return fsum(values) / len(values)
    except OverflowError:
        return fsum(value / len(values) for value in values)
