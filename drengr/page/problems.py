"""The room Problems: what did not become an event, and why (contract 10)."""

from flask import Response

from drengr.admin.ledger import DEFAULT_DAYS, ledger_query
from drengr.admin.questions import single_values
from drengr.answering import ledger_days
from drengr.api.service import service
from drengr.events.times import day_text, iso_text
from drengr.page import addresses, periods
from drengr.page.frame import problems_of, render, room
from drengr.page.problem_words import DOOR_WORDS, WORDS
from drengr.page.tables import Column, Table, csv_answer, wants_csv
from drengr.store import Project

_DAYS = (
    Column("Day"), Column("Door"), Column("Received", True), Column("Stored", True), Column("Duplicates", True),
    Column("Dropped", True), Column("Refused", True), Column("Reasons"),
)  # fmt: skip
_PROBLEMS = tuple(
    map(Column, ("door", "reason", "event_name", "sdk", "sdk_version", "key", "count", "first_at", "last_at"))
)
_UNKNOWN = ("Something that this page has no words for.", "Look it up in the documents of the ledger.")


@room("problems")
def problems(project: Project) -> Response | str:
    """The ledger by day and door, and the newest problems."""
    store, now_ms = service().store, service().now_ms()
    asked = single_values(addresses.arguments("format", "table"), periods.PARAMETERS)
    shown = periods.period(asked, now_ms, default=f"{DEFAULT_DAYS}d")
    query = ledger_query({"since": day_text(shown.days[0]), "until": day_text(shown.days[-1])}, now_ms)
    days = [day for _, day in reversed(ledger_days(store, project.id, query))]
    if wants_csv("days", is_first=True):
        return csv_answer(Table("days", _DAYS, map(_csv_day, days)))
    found = problems_of(project)
    if wants_csv("problems"):
        rows = [(*each[1:7], each.count, *map(iso_text, each[8:])) for each in found]
        return csv_answer(Table("problems", _PROBLEMS, rows))
    return render(
        "problems.html",
        "Problems",
        period=shown,
        days=days,
        days_table=Table("days", _DAYS),
        problems=[(each, *WORDS.get(each.reason, _UNKNOWN)) for each in found],
        problems_table=Table("problems", _PROBLEMS),
        door_words=DOOR_WORDS,
        reasons_of=reasons_of,
    )


def _csv_day(day: dict) -> tuple[object, ...]:
    numbers = (day[name] for name in ("received", "stored", "duplicates", "dropped", "refused"))
    return day["day"], day["door"], *numbers, reasons_of(day)


def reasons_of(day: dict) -> str:
    """Why rows of a day were dropped and requests refused.

    >>> reasons_of({"dropped_by": {"no_id": 1200}, "refused_by": {"quota": 1}})
    '1,200 no_id, 1 quota'
    """
    return ", ".join(f"{number:,} {reason}" for reason, number in (day["dropped_by"] | day["refused_by"]).items())
