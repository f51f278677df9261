"""Questions answered: the same for the API, the command and the page (contract 6, 8, 9, 10)."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, cast

from drengr.admin.ledger import LedgerQuery, shown_day
from drengr.admin.questions import CountQuery, PageQuery, Position, cursor_text
from drengr.admin.shown import StoredEvent, shown_event
from drengr.admin.words import BadSlot
from drengr.events.times import DAY_MS, iso_text
from drengr.people import asked
from drengr.people.asked import Arguments
from drengr.people.periods import Period, last_day_of
from drengr.people.questions import FunnelQuery, NamesQuery, PeopleCountQuery, PeopleQuery, RetentionQuery, Who
from drengr.people.results import SAMPLE_EVENTS, Cohort, Person
from drengr.people.shown import (
    shown_cohort,
    shown_funnel,
    shown_name,
    shown_people_count,
    shown_person,
    shown_properties,
    user_properties,
)
from drengr.store import PastImport, Problem, Store
from drengr.store.clock import now_ms

PROPERTY_EVENTS = 1000  # the newest, of which a person's properties are told

Answer = dict[str, object]

_NEWEST = PageQuery(-(2**62), Position(2**62, 0), PROPERTY_EVENTS)


@dataclass(frozen=True, slots=True)
class Call:
    """A question about people or names: how its query string is read, and how it is answered."""

    read: Callable[[Arguments, int], Any]  # the question; the second is now, epoch ms. Raises BadSlot
    answer: Callable[[Store, int, Any], Answer]  # to the question, of a project. Raises BadSlot NOT_FOUND, StoreError
    events: Callable[[Any], int] = lambda question: 0  # the most that are held in memory for it
    is_heavy: bool = False  # it may read everything there is


def people(store: Store, project_id: int, query: PeopleQuery) -> Answer:
    """A page of the list of people."""
    found = store.people(project_id, query)
    more = cursor_text(found[-1].last_seen_at, found[-1].number) if len(found) == query.limit else None
    return {"data": [shown_person(person) for person in found], "next_cursor": more}


def one(store: Store, project_id: int, who: Who) -> Answer:
    """One person."""
    person = store.person(project_id, who)
    if person is None:
        raise _nobody(who)
    return {"data": shown_person(person) | {"properties": properties_of(store, project_id, person)}}


def properties_of(store: Store, project_id: int, person: Person) -> Answer:
    """What a person's newest events say of them."""
    return user_properties(store.person_page(project_id, Who(person.kind, person.id), _NEWEST))


def events(store: Store, project_id: int, question: tuple[Who, PageQuery]) -> Answer:
    """A page of one person's events."""
    who, query = question
    page = store.person_page(project_id, who, query)
    if not page and store.person(project_id, who) is None:
        raise _nobody(who)
    return shown_page(page, query.limit)


def shown_page(page: list[StoredEvent], limit: int) -> Answer:
    """A page of events, and where the next one begins."""
    more = cursor_text(page[-1].occurred_at, page[-1].id) if len(page) == limit else None
    return {"data": [shown_event(event) for event in page], "next_cursor": more}


def count(store: Store, project_id: int, query: PeopleCountQuery) -> Answer:
    """How many different people there were."""
    group_by = cast("Period | None", query.group_by)  # nobody but the page asks for hours
    return {"data": shown_people_count(store.count_people(project_id, query), group_by)}


def retention(store: Store, project_id: int, query: RetentionQuery) -> Answer:
    """Who came back."""
    return {"data": [shown_cohort(cohort, query.period) for cohort in cohorts(store, project_id, query)]}


def cohorts(store: Store, project_id: int, query: RetentionQuery) -> list[Cohort]:
    """Who came back. Where older events go, whose first event lies in the oldest period is not known any more."""
    days = store.keeping(project_id).days
    if days is not None:
        oldest = (now_ms() - days * DAY_MS) // DAY_MS
        query = query._replace(first_day=max(query.first_day, last_day_of(oldest, query.period) + 1))
    return store.retention(project_id, query) if query.first_day <= query.last_day else []


def funnel(store: Store, project_id: int, query: FunnelQuery) -> Answer:
    """How far people came."""
    return {"data": shown_funnel(query, store.funnel(project_id, query))}


def names(store: Store, project_id: int, query: NamesQuery) -> Answer:
    """A page of the list of names."""
    found = store.names(project_id, query)
    more = asked.names_cursor(found[-1].events, found[-1].event_name) if len(found) == query.limit else None
    return {"data": [shown_name(name) for name in found], "next_cursor": more}


def properties(store: Store, project_id: int, event_name: str) -> Answer:
    """The properties of one name's newest events."""
    sample = store.name_sample(project_id, event_name)
    if sample is None:
        raise BadSlot("NOT_FOUND", "no event has this name")
    return {"data": shown_properties(event_name, sample)}


def count_events(store: Store, project_id: int, query: CountQuery) -> Answer:
    """How many events, by day or name when that was asked for."""
    counted = store.count(project_id, query)
    found: Answer = {"total": counted.total}
    if counted.buckets is not None:
        found["buckets"] = [{"key": key, "count": events} for key, events in counted.buckets]
    return found


def ledger_days(store: Store, project_id: int | None, query: LedgerQuery) -> list[tuple[int, Answer]]:
    """(project, the line as the API shows it) of the days and doors that something came to."""
    return [
        (line.project_id, shown_day(line.day, line.door, line.counts))
        for line in store.ledger(project_id, query.first_day, query.last_day)
        if any(line.counts.values())
    ]


def shown_problem(problem: Problem) -> Answer:
    """One problem as the API shows it."""
    return {
        "first_at": iso_text(problem.first_at),
        "last_at": iso_text(problem.last_at),
        "count": problem.count,
        "door": problem.door,
        "reason": problem.reason,
        "event_name": problem.event_name or None,
        "sdk": problem.sdk or None,
        "sdk_version": problem.sdk_version or None,
    }


def shown_import(past: PastImport) -> Answer:
    """One import as a row of the list."""
    return {
        "number": past.number,
        "source": past.source,
        "app_package": past.app_package,
        "file": past.file,
        "received_at": iso_text(past.received_at),
        "imported": past.imported,
        "skipped": past.skipped,
        "duplicates": past.duplicates,
        "undone_at": None if past.undone_at is None else iso_text(past.undone_at),
    }


def _nobody(who: Who) -> BadSlot:
    kind = "external_id" if who.kind == "user" else "install_id"
    return BadSlot("NOT_FOUND", f"nobody has an event under this {kind}")


# By path below the project.
CALLS = {
    "people": Call(asked.people_query, people),
    "people/one": Call(asked.person_asked, one, events=lambda who: PROPERTY_EVENTS),
    "people/events": Call(asked.person_page_query, events, events=lambda question: question[1].limit),
    "people/count": Call(asked.people_count_query, count),
    "people/retention": Call(asked.retention_query, retention, is_heavy=True),
    "funnel": Call(asked.funnel_query, funnel, is_heavy=True),
    "names": Call(asked.names_query, names),
    "names/properties": Call(asked.name_asked, properties, events=lambda name: SAMPLE_EVENTS),
}
