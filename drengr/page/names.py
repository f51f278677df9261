"""The rooms Names and One name."""

from collections.abc import Iterator
from contextlib import suppress

from flask import Response

from drengr.admin.questions import MAX_LIMIT, single_values
from drengr.api.errors import ApiError
from drengr.api.service import service
from drengr.events.times import iso_text
from drengr.page import addresses, periods
from drengr.page.charts import small_line
from drengr.page.frame import render, room
from drengr.page.name_boxes import name_meant
from drengr.page.periods import Period
from drengr.page.series import Chart, bars, chart, events_by_unit, people_by_unit
from drengr.page.tables import Column, Table, csv_answer, every_row, wants_csv
from drengr.people.asked import names_cursor, names_query
from drengr.people.questions import NamesQuery
from drengr.people.results import NameSummary
from drengr.people.shown import shown_properties
from drengr.store import Project, Store, TooLong

_ON_A_PAGE = 100
_MOST_READ = 50_000  # events, for the people of the names of a page
_MOST_S = 1.0  # likewise
_NAMES = (
    Column("Event"), Column("Events", True), Column("People, 30 days", True), Column("Last seen"),
    Column("Events a day, 30 days"),
)  # fmt: skip
_CSV_NAMES = (
    Column("event_name"), Column("label"), Column("events"), Column("people_30_days"), Column("first_seen_at"),
    Column("last_seen_at"),
)  # fmt: skip
_PROPERTIES = (Column("Property"), Column("Events", True), Column("Share", True), Column("Values"))
_CSV_PROPERTIES = (
    Column("key"), Column("kind"), Column("events"), Column("share"), Column("values"), Column("min"), Column("max"),
    Column("mean"),
)  # fmt: skip


@room("names")
def names(project: Project) -> Response | str:
    """Every name that has events, the most frequent first."""
    store, now_ms = service().store, service().now_ms()
    query = names_query(addresses.arguments("format", "table"), now_ms)._replace(limit=_ON_A_PAGE)
    if wants_csv("names", is_first=True):
        return csv_answer(Table("names", _CSV_NAMES, _csv_names(store, project, query)))
    lately = periods.period({}, now_ms, default="30d")
    found = _with_people(store, project, query)
    return render(
        "names.html",
        "Names",
        names=[(name, _line(store, project, lately, name)) for name in found],
        table=Table("names", _NAMES),
        query=query.query,
        counts_people=all(name.people is not None for name in found),
        more=names_cursor(found[-1].events, found[-1].event_name) if len(found) == query.limit else None,
        is_first=query.after is None,
        near=store.names_near(project.id, query.query) if query.query and not found else [],
    )


def _with_people(store: Store, project: Project, query: NamesQuery) -> list[NameSummary]:
    """The names, with their people where these are counted soon."""
    with suppress(TooLong), store.limited(_MOST_S):
        return store.names(project.id, query._replace(most_read=_MOST_READ))
    return store.names(project.id, query._replace(counts_people=False))


@room("names/one", belongs_to="names")
def one_name(project: Project) -> Response | str:
    """How often one event comes, of how many people, and what its properties are."""
    store, now_ms = service().store, service().now_ms()
    known = ("event_name", *periods.PARAMETERS)
    asked = single_values(addresses.arguments("format", "table"), known, required="event_name")
    name = name_meant(store, project, asked.pop("event_name"))
    shown = periods.period(asked, now_ms, default="30d")
    summary = _summary(store, project, name, now_ms)
    events, people = _events(store, project, shown, name), _people(store, project, shown, name)
    for one in (events, people):
        if wants_csv(one.table.name, is_first=one is events):
            return csv_answer(one.table)
    sample = store.name_sample(project.id, name)
    told = shown_properties(name, sample) if sample else {"events": 0, "properties": []}
    properties: list[dict] = told["properties"]  # type: ignore[assignment]
    if wants_csv("properties"):
        return csv_answer(Table("properties", _CSV_PROPERTIES, _csv_properties(properties)))
    return render(
        "one_name.html",
        summary.label,
        name=summary,
        period=shown,
        charts=[events, people],
        sampled=told["events"],
        properties=properties,
        properties_table=Table("properties", _PROPERTIES),
    )


def _summary(store: Store, project: Project, name: str, now_ms: int) -> NameSummary:
    """The line of that very name in the list. Raises ApiError 404."""
    query = NamesQuery(MAX_LIMIT, periods.today(now_ms).days[0], query=name, counts_people=False)
    listed = every_row(lambda page: store.names(project.id, page), query, _behind)
    found = next((each for each in listed if each.event_name == name), None)
    if found is None:
        raise ApiError(404, "No event of this project has this name. Erased events take their names with them.")
    return found


def _line(store: Store, project: Project, shown: Period, name: NameSummary) -> str:
    found = events_by_unit(store, project.id, shown, shown.unit, name.event_name)
    return small_line([found.get(number, 0) for number in shown.units])


def _events(store: Store, project: Project, shown: Period, name: str) -> Chart:
    now, before = (events_by_unit(store, project.id, each, shown.unit, name) for each in (shown, shown.before))
    return chart("events", "events", sum(now.values()), shown, bars(shown, now, before))


def _people(store: Store, project: Project, shown: Period, name: str) -> Chart:
    """Without the stretch before: people of one name are counted from its events."""
    total, now = people_by_unit(store, project.id, shown, shown.unit, name)
    return chart("people", "people", total, shown, bars(shown, now, None))


def _csv_names(store: Store, project: Project, query: NamesQuery) -> Iterator[tuple[object, ...]]:
    first = query._replace(limit=MAX_LIMIT, after=None)
    for name in every_row(lambda page: store.names(project.id, page), first, _behind):
        seen = iso_text(name.first_seen_at), iso_text(name.last_seen_at)
        yield name.event_name, name.label, name.events, name.people, *seen


def _behind(query: NamesQuery, name: NameSummary) -> NamesQuery:
    return query._replace(after=(name.events, name.event_name))


def _csv_properties(properties: list[dict]) -> Iterator[tuple[object, ...]]:
    for each in properties:
        values = "; ".join(f"{value['value']} ({value['count']})" for value in each.get("values", ()))
        numbers = (each.get(name, "") for name in ("min", "max", "mean"))
        yield each["key"], each["kind"], each["events"], each["share"], values, *numbers
