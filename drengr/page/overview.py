"""The room Overview: how much there is, who is there, through which doors it came."""

from typing import NamedTuple

from flask import Response, request
from markupsafe import Markup

from drengr.admin.questions import CountQuery, PageQuery, Position, single_values
from drengr.api.service import service
from drengr.events.outcomes import DOORS
from drengr.page import addresses, periods
from drengr.page.charts import small_line
from drengr.page.first_run import first_run
from drengr.page.frame import last_event_at, render, room
from drengr.page.periods import Period
from drengr.page.problem_words import DOOR_WORDS
from drengr.page.series import Chart, bars, change, chart, events_by_unit, people_by_unit
from drengr.page.tables import Column, Table, csv_answer, wants_csv
from drengr.people.questions import PeopleCountQuery
from drengr.store import Project, Store

TOP_NAMES = 10
_ALWAYS = 2**62
_NAMES = (Column("Event"), Column("Events", True), Column("Over time"))
_CSV_NAMES = _NAMES[:2]
_DOORS = (
    Column("Door"), Column("Received", True), Column("Stored", True), Column("Duplicates", True),
    Column("Dropped", True), Column("Refused", True), Column("Last event"),
)  # fmt: skip


class Figure(NamedTuple):
    """One of the large numbers, and how it compares."""

    name: str
    value: int
    change: str
    before: int
    words_before: str


class DoorSums(NamedTuple):
    """What came through one door."""

    door: str
    received: int
    stored: int
    duplicates: int
    dropped: int
    refused: int
    last_received_at: int | None


@room("")
def overview(project: Project) -> Response | str:
    """The figures, charts, names and doors of a stretch of time; how to begin, while there never was an event."""
    if last_event_at(project) is None and "format" not in request.args:
        return first_run(project)
    store, now_ms = service().store, service().now_ms()
    shown = periods.period(single_values(addresses.arguments("format", "table"), periods.PARAMETERS), now_ms)
    if wants_csv("names"):
        return csv_answer(Table("names", _CSV_NAMES, _names(store, project, shown)))
    if wants_csv("doors"):
        return csv_answer(Table("doors", _DOORS, _doors(store, project, shown)))
    events, events_chart = _events(store, project, shown)
    people, people_chart = _people(store, project, shown)
    for one in (events_chart, people_chart):
        if wants_csv(one.table.name, is_first=one is events_chart):
            return csv_answer(one.table)
    names = _names(store, project, shown)
    newest = _newest(store, project) if not events.value else None
    return render(
        "overview.html",
        "Overview",
        period=shown,
        figures=[events, people, _people_today(store, project, now_ms)],
        charts=[events_chart, people_chart],
        names=[(name, count, _line(store, project, shown, name)) for name, count in names[:TOP_NAMES]],
        names_table=Table("names", _NAMES),
        more_names=max(0, len(names) - TOP_NAMES),
        doors=_doors(store, project, shown),
        door_words=DOOR_WORDS,
        doors_table=Table("doors", _DOORS),
        newest=newest,
        wider={} if newest is None else periods.reaching(newest, now_ms).parameters,
    )


def _events(store: Store, project: Project, shown: Period) -> tuple[Figure, Chart]:
    now, before = (events_by_unit(store, project.id, each, shown.unit) for each in (shown, shown.before))
    total = sum(now.values())
    drawn = bars(shown, now, before)
    return _figure("Events", total, sum(before.values()), shown), chart("events", "events", total, shown, drawn)


def _people(store: Store, project: Project, shown: Period) -> tuple[Figure, Chart]:
    total, now = people_by_unit(store, project.id, shown, shown.unit)
    total_before, before = people_by_unit(store, project.id, shown.before, shown.unit)
    drawn = bars(shown, now, before)
    return _figure("People", total, total_before, shown), chart("people", "people", total, shown, drawn)


def _people_today(store: Store, project: Project, now_ms: int) -> Figure:
    today = periods.today(now_ms)
    now, before = (_different(store, project, each) for each in (today, today.before))
    return Figure("People today", now, change(now, before), before, "at this time yesterday")


def _different(store: Store, project: Project, shown: Period) -> int:
    return store.count_people(project.id, PeopleCountQuery(shown.since, shown.until)).total


def _figure(name: str, now: int, before: int, shown: Period) -> Figure:
    return Figure(name, now, change(now, before), before, f"in {shown.words_before}")


def _names(store: Store, project: Project, shown: Period) -> list[tuple[str, int]]:
    query = CountQuery(shown.since, shown.until, group_by="event_name")
    return store.count(project.id, query).buckets or []


def _line(store: Store, project: Project, shown: Period, name: str) -> Markup:
    events = events_by_unit(store, project.id, shown, shown.unit, name)
    return small_line([events.get(number, 0) for number in shown.units])


def _doors(store: Store, project: Project, shown: Period) -> list[DoorSums]:
    """The doors through which something came or wanted to come, whole days."""
    lines = store.ledger(project.id, shown.days[0], shown.days[-1])
    found = []
    for door in DOORS:
        its = [line for line in lines if line.door == door and any(line.counts.values())]
        if its:
            received, stored, again = (
                sum(line.counts[name] for line in its) for name in ("received", "stored", "duplicates")
            )
            dropped, refused = (sum(sum(line.by(kind).values()) for line in its) for kind in ("dropped", "refused"))
            last = max((line.last_received_at for line in its if line.last_received_at is not None), default=None)
            found.append(DoorSums(door, received, stored, again, dropped, refused, last))
    return found


def _newest(store: Store, project: Project) -> int | None:
    """When the newest event occurred, epoch ms; None: there is none left. History comes long after it occurred."""
    found = store.page(project.id, PageQuery(-_ALWAYS, Position(_ALWAYS, 0), 1))
    return found[0].occurred_at if found else None
