"""Events and people hour by hour or day by day, as the bars of a chart and the sentence below it."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from markupsafe import Markup

from drengr.admin.questions import CountQuery
from drengr.events.times import DAY_MS, HOUR_MS, epoch_ms
from drengr.page.charts import Bar, plot
from drengr.page.periods import Period, Unit
from drengr.page.tables import Column, Table
from drengr.people.questions import PeopleCountQuery
from drengr.store import Store


class Chart(NamedTuple):
    """A chart: the sentence that says it, its picture, its figures."""

    caption: str
    picture: Markup
    table: Table


def events_by_unit(
    store: Store, project_id: int, period: Period, unit: Unit, event_name: str | None = None
) -> dict[int, int]:
    """Events by the number of the hour or day."""
    found = store.count(project_id, CountQuery(period.since, period.until, event_name, unit)).buckets or []
    rest, length = (":00:00Z", HOUR_MS) if unit == "hour" else ("T00:00:00Z", DAY_MS)
    return {epoch_ms(key + rest, "iso8601") // length: events for key, events in found}


def people_by_unit(
    store: Store, project_id: int, period: Period, unit: Unit, event_name: str | None = None
) -> tuple[int, dict[int, int]]:
    """(different people in all, and by the number of the hour or day)."""
    counted = store.count_people(project_id, PeopleCountQuery(period.since, period.until, event_name, unit))
    return counted.total, dict(counted.buckets or [])


def bars(period: Period, now: Mapping[int, int], before: Mapping[int, int] | None) -> list[Bar]:
    """A bar for each hour or day of the period; the ones before stand where the same hour or day stands now."""
    back = period.length_ms // period.unit_ms
    return [
        Bar(
            period.label(number),
            period.short(number),
            now.get(number, 0),
            None if before is None else before.get(number - back, 0),
        )
        for number in period.units
    ]


def chart(name: str, what: str, total: int, period: Period, values: Sequence[Bar]) -> Chart:
    """The chart of these bars.

    name  of its table, in the address
    what  the bars count: events, people
    """
    columns = [Column("Day" if period.unit == "day" else "Hour (UTC)"), Column(what.capitalize(), True)]
    rows: list[tuple[object, ...]] = [(bar.label, bar.value) for bar in values]
    if any(bar.before is not None for bar in values):
        columns.append(Column(period.words_before.capitalize(), True))
        rows = [(*row, bar.before) for row, bar in zip(rows, values, strict=True)]
    table = Table(name, columns, rows)
    return Chart(
        _caption(what, total, period, values), plot(values, is_unfinished=period.is_unfinished), table
    )


def _caption(what: str, total: int, period: Period, values: Sequence[Bar]) -> str:
    """One sentence that says what the picture shows."""
    number, most = max(zip(period.units, values, strict=True), key=lambda pair: pair[1].value)
    one = {"events": "event", "people": "person"}
    parts = [f"{total:,} {one[what] if total == 1 else what} {period.words}"]
    if len(values) > 1 and total:
        is_all = most.value == total and sum(bar.value for bar in values) == total
        if is_all:
            parts[0] += f", {'' if total == 1 else 'all '}{period.spoken(number)}"
        elif sum(bar.value == most.value for bar in values) > 1:
            parts[0] += f", at most {most.value:,} {'an hour' if period.unit == 'hour' else 'a day'}"
        else:
            parts[0] += f", most {period.spoken(number)} ({most.value:,})"
    if any(bar.before for bar in values):
        parts.append(f"the line is {period.words_before}")
    if period.is_unfinished:
        parts.append(f"the {period.unit} drawn as an outline is not over")
    return "; ".join(parts) + "."


def change(now: int, before: int) -> str:
    """How much more or less that is, in words.

    >>> change(112, 100), change(50, 100), change(5, 5), change(3, 0), change(0, 0), change(1001, 1)
    ('12 % more', '50 % less', 'as many', 'none before', 'as many', '1,001 times as many')
    """
    if now == before:
        return "as many"
    if not before:
        return "none before"
    if now >= 10 * before:
        return f"{now / before:,.0f} times as many"
    share = abs(now - before) * 100 / before
    return f"{share:.0f} % {'more' if now > before else 'less'}" if share >= 1 else "nearly as many"


