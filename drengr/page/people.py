"""The rooms People and One person."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from typing import NamedTuple

from flask import Response, request

from drengr.admin.questions import MAX_LIMIT, PageQuery, cursor_text
from drengr.admin.shown import StoredEvent
from drengr.answering import properties_of
from drengr.api.errors import ApiError
from drengr.api.export import export_answer
from drengr.api.service import service
from drengr.events.times import DAY_MS, day_text, iso_text
from drengr.page import addresses, event
from drengr.page.frame import render, room
from drengr.page.name_boxes import names_to_choose, with_name_meant
from drengr.page.tables import Column, Table, behind, csv_answer, every_row, wants_csv
from drengr.people.asked import people_query, person_page_query
from drengr.people.questions import PeopleQuery, Seen, Who
from drengr.people.results import Person
from drengr.people.shown import USER
from drengr.store import Project, Store

_NARROWED_BY = ("since", "until", "event_name")
_TOLD = 4  # properties in a line of the timeline
_OF_DEVICES = ("os", "device_model", "app_version", "_source_event_name")
_PEOPLE = (
    Column("Person"), Column("Kind"), Column("Events", True), Column("First seen"), Column("Last seen"),
)  # fmt: skip
_CSV_PEOPLE = tuple(map(Column, ("kind", "id", "events", "first_seen_at", "last_seen_at", "devices")))
_EVENTS = (Column("Event"), Column("Time"), Column("Properties"))
_CSV_EVENTS = tuple(
    map(
        Column,
        (
            "id", "event_id", "event_name", "source", "install_id", "external_id", "session_id", "occurred_at",
            "received_at", "dims", "measures", "properties",
        ),
    )
)  # fmt: skip


class Visit(NamedTuple):
    """Events of one person that follow each other in one session of one day."""

    session_id: str | int | None
    rows: list[tuple[StoredEvent, list[tuple[str, str]]]]  # with some of their properties


@room("people")
def people(project: Project) -> Response | str:
    """Who was seen last, or whose id begins so."""
    store, now_ms = service().store, service().now_ms()
    query = people_query(addresses.arguments("format", "table"), now_ms)
    if wants_csv("people", is_first=True):
        return csv_answer(Table("people", _CSV_PEOPLE, _csv_people(store, project, query)))
    found = store.people(project.id, query)
    last = found[-1] if len(found) == query.limit else None
    return render(
        "people.html",
        "People",
        people=found,
        table=Table("people", _PEOPLE),
        query=query.query,
        more=cursor_text(last.last_seen_at, last.number) if last else None,
        is_first=query.before is None,
    )


@room("people/one", belongs_to="people")
def one_person(project: Project) -> Response | str:
    """Who that is, and what they did."""
    store, now_ms = service().store, service().now_ms()
    asked = with_name_meant(store, project, addresses.arguments("format", "table"))
    who, query = person_page_query(asked, now_ms)
    person = store.person(project.id, who)
    if person is None:
        raise ApiError(404, "Nobody has an event under this id.")
    if wants_csv("events", is_first=True):
        return csv_answer(Table("events", _CSV_EVENTS, _csv_events(store, project, who, query)))
    id_name = "external_id" if person.kind == "user" else "install_id"
    if request.args.get("format") == "ndjson":
        narrowed = {name: asked[name] for name in _NARROWED_BY if name in asked}
        return _exported(project, narrowed | {id_name: [person.id]})
    found = store.person_page(project.id, who, query)
    return render(
        "one_person.html",
        person.id,
        person=person,
        id_name=id_name,
        ndjson_url=addresses.changed(format="ndjson", limit=None),
        is_owner_of_device=person.kind == "user" and who.kind == "device",
        asked_for=who,
        properties=properties_of(store, project.id, person),
        days=_days(found),
        table=Table("events", _EVENTS),
        event_name=query.event_name,
        names=names_to_choose(store, project, now_ms),
        more=cursor_text(found[-1].occurred_at, found[-1].id) if len(found) == query.limit else None,
        is_first="cursor" not in asked,
        first_day=day_text(person.first_seen_at // DAY_MS),
    )


def _exported(project: Project, asked: Mapping[str, Sequence[str]]) -> Response:
    """The person's events as the API exports them: the exact form, which can be imported again."""
    answer = export_answer(project, asked)
    answer.headers["Content-Disposition"] = 'attachment; filename="events.ndjson"'
    return answer


def _days(events: Sequence[StoredEvent]) -> list[tuple[str, list[Visit]]]:
    """The events by UTC day, and in each by session, newest first as they are."""
    return [
        (
            day_text(day),
            [
                Visit(session, [(each, _told(each)) for each in its])
                for session, its in groupby(of_day, lambda each: each.session_id)
            ],
        )
        for day, of_day in groupby(events, lambda each: each.occurred_at // DAY_MS)
    ]


def _told(each: StoredEvent) -> list[tuple[str, str]]:
    """What a line of the timeline says of an event: some properties that are its own, not its device's."""
    found = event.properties_of(each.dims, each.measures).items()
    return [(key, text) for key, text in found if key not in _OF_DEVICES and not key.startswith(USER)][:_TOLD]


def _csv_people(store: Store, project: Project, query: PeopleQuery) -> Iterator[tuple[object, ...]]:
    first = query._replace(limit=MAX_LIMIT, before=None)
    return map(_csv_person, every_row(lambda page: store.people(project.id, page), first, _behind))


def _behind(query: PeopleQuery, person: Person) -> PeopleQuery:
    return query._replace(before=Seen(person.last_seen_at, person.number))


def _csv_person(person: Person) -> tuple[object, ...]:
    seen = iso_text(person.first_seen_at), iso_text(person.last_seen_at)
    return person.kind, person.id, person.events, *seen, " ".join(person.devices)


def _csv_events(store: Store, project: Project, who: Who, query: PageQuery) -> Iterator[tuple[object, ...]]:
    first = query._replace(limit=MAX_LIMIT)
    for each in every_row(lambda page: store.person_page(project.id, who, page), first, behind):
        times = iso_text(each.occurred_at), iso_text(each.received_at)
        yield (*each[:7], *times, each.dims, each.measures, each.properties)
