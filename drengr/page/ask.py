"""The room Ask: how far people come (funnel), and who comes back (retention)."""

from collections.abc import Iterator, Sequence
from math import ceil
from typing import NamedTuple

from flask import Response, request

from drengr import answering
from drengr.admin.questions import single_values
from drengr.admin.words import BadSlot
from drengr.api.service import service
from drengr.events.times import iso_text
from drengr.page import addresses, periods
from drengr.page.frame import render, room
from drengr.page.name_boxes import name_meant, names_to_choose
from drengr.page.periods import Period
from drengr.page.tables import Column, Table, csv_answer, wants_csv
from drengr.people.asked import (
    DEFAULT_WITHIN_DAYS,
    MAX_DAYS,
    MAX_STEPS,
    MIN_STEPS,
    PERIODS,
    funnel_query,
    retention_query,
)
from drengr.people.results import Cohort
from drengr.people.shown import period_key
from drengr.store import Project

_MOST_PERIODS = 31  # that a screen shows; CSV has them all
_WASHES = 5
_STEPS = (Column("Step"), Column("People", True), Column("Of the first", True), Column("Of the step before", True))


class Step(NamedTuple):
    """One step of a funnel."""

    event_name: str
    people: int
    first: int  # people at the first step
    before: int  # people at the step before; of the first step its own


@room("funnel", has_deadline=True)
def funnel(project: Project) -> Response | str:
    """How many people did the steps one after the other."""
    store, now_ms = service().store, service().now_ms()
    known = addresses.arguments("format", "table", "step", "within")
    shown = periods.period(single_values(known, periods.PARAMETERS), now_ms, default="30d", max_days=MAX_DAYS)
    typed = [name for name in request.args.getlist("step") if name.strip()]
    if len(typed) > MAX_STEPS:
        raise BadSlot("INVALID_STEP", f"A funnel has at most {MAX_STEPS} steps.")
    within = request.args.get("within", "") or str(DEFAULT_WITHIN_DAYS)
    names = [name_meant(store, project, name) for name in typed]
    steps: list[Step] = []
    if len(names) >= MIN_STEPS:
        query = funnel_query({**_window(shown), "step": names, "within": [within]}, now_ms)
        with service().gate.heavy(), service().gate.at_work():
            steps = _steps(names, store.funnel(project.id, query))
    if wants_csv("funnel", is_first=True):
        return csv_answer(Table("funnel", _STEPS, [_csv_step(step) for step in steps]))
    return render(
        "funnel.html",
        "Funnel",
        period=shown,
        steps=steps,
        names=names,
        boxes=[*names, *[""] * (min(MAX_STEPS, max(3, len(names) + 1)) - len(names))],
        within=within,
        choices=names_to_choose(store, project, now_ms),
        table=Table("funnel", _STEPS),
    )


@room("retention", belongs_to="funnel", has_deadline=True)
def retention(project: Project) -> Response | str:
    """Who came back, by the day or week of their first event."""
    store, now_ms = service().store, service().now_ms()
    asked = single_values(addresses.arguments("format", "table"), (*periods.PARAMETERS, "period"))
    unit = asked.pop("period", PERIODS[0])
    shown = periods.period(asked, now_ms, default="30d", max_days=MAX_DAYS)
    query = retention_query({**_window(shown), "period": [unit]}, now_ms)
    with service().gate.heavy(), service().gate.at_work():
        cohorts = answering.cohorts(store, project.id, query)
    columns = max((len(cohort.returned) for cohort in cohorts), default=0)
    heads = [Column(unit.capitalize()), Column("People", True), *(Column(f"+{n}", True) for n in range(1, columns + 1))]
    if wants_csv("retention", is_first=True):
        rows = [(period_key(each.first_day, query.period), each.people, *each.returned) for each in cohorts]
        return csv_answer(Table("retention", heads, rows))
    return render(
        "retention.html",
        "Retention",
        period=shown,
        unit=unit,
        rows=[(period_key(each.first_day, query.period), each.people, cells) for each, cells in _washed(cohorts)],
        table=Table("retention", heads[: _MOST_PERIODS + 2]),
        left_out=max(0, columns - _MOST_PERIODS),
    )


def _window(shown: Period) -> dict[str, Sequence[str]]:
    return {"since": [iso_text(shown.since)], "until": [iso_text(shown.until)]}


def _steps(names: Sequence[str], people: Sequence[int]) -> list[Step]:
    return [
        Step(name, number, people[0], people[max(0, index - 1)])
        for index, (name, number) in enumerate(zip(names, people, strict=True))
    ]


def _csv_step(step: Step) -> tuple[object, ...]:
    return step.event_name, step.people, _share(step.people, step.first), _share(step.people, step.before)


def _share(part: int, whole: int) -> float | str:
    return round(part / whole, 4) if whole else ""


def _washed(cohorts: Sequence[Cohort]) -> Iterator[tuple[Cohort, list[tuple[int, int]]]]:
    """Each cohort, newest first, with (people who came back, which wash says so: 5 near the largest share of all)."""
    shares = [n / cohort.people for cohort in cohorts for n in cohort.returned[:_MOST_PERIODS]]
    largest = max(shares, default=0.0) or 1.0
    for cohort in reversed(cohorts):
        yield cohort, [
            (n, ceil(_WASHES * n / cohort.people / largest)) for n in cohort.returned[:_MOST_PERIODS]
        ]
