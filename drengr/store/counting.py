"""Counts over a window, from totals where they reach and from the events at its ragged edges (contract 6).

A window is cut into whole days, whole hours, and at most one part of an hour at each end:

    since ├─ part of an hour ─┼─ hours ─┼────── days ──────┼─ hours ─┼─ part of an hour ─┤ until

so that ten million events are counted by adding a few thousand totals.
"""

from collections import Counter
from collections.abc import Iterable
from typing import NamedTuple, Protocol

from drengr.admin.questions import CountQuery
from drengr.events.times import DAY_MS, HOUR_MS, day_text, iso_text
from drengr.store.results import Counted


class Pieces(NamedTuple):
    """A window cut into what totals can tell and what they cannot; every range excludes its end."""

    days: range  # numbers of UTC days
    hours: list[range]  # numbers of UTC hours; each range lies within one day
    parts: list[range]  # epoch ms; each range lies within one hour


class Totals(Protocol):
    """What a store tells of one project, or of one of its names; all of it from one state of the database."""

    def sum(self, unit: str, span: range) -> int:
        """Events of these days or hours. unit: "day" | "hour"."""

    def days(self, span: range) -> Iterable[tuple[int, int]]:
        """(day, events) of those that have any."""

    def part(self, span: range) -> int:
        """Events of these ms."""

    def names(self, unit: str, span: range) -> Iterable[tuple[int, int]]:
        """(id of an event name, events) of these days or hours."""

    def names_of_part(self, span: range) -> Iterable[tuple[int, int]]:
        """(id of an event name, events) of these ms."""

    def texts(self, name_ids: Iterable[int]) -> Iterable[tuple[int, str]]:
        """(id, event name)."""


def counted(totals: Totals, query: CountQuery) -> Counted:
    """The number of events in the window, and how they spread over days or names."""
    pieces = cut(query.since, query.until + 1)
    if query.group_by is None:
        return Counted(_total(totals, pieces), None)
    if query.group_by == "day":
        found = _by_day(totals, pieces)
        buckets = [(day_text(day), events) for day, events in sorted(found.items()) if events]
    elif query.group_by == "hour":
        found = _by_hour(totals, pieces)
        buckets = [(iso_text(hour * HOUR_MS)[:13], events) for hour, events in sorted(found.items()) if events]
    else:
        named = {query.event_name: _total(totals, pieces)} if query.event_name else _by_name(totals, pieces)
        buckets = sorted(((name, n) for name, n in named.items() if n), key=lambda pair: (-pair[1], pair[0]))
    return Counted(sum(events for _, events in buckets), buckets)


def cut(start_ms: int, end_ms: int) -> Pieces:
    """The pieces of the window from `start_ms` to just before `end_ms`.

    >>> cut(0, 86_400_000)
    Pieces(days=range(0, 1), hours=[], parts=[])
    >>> cut(3_599_000, 7_200_500)
    Pieces(days=range(0, 0), hours=[range(1, 2)], parts=[range(3599000, 3600000), range(7200000, 7200500)])
    """
    hours, parts = _whole(range(start_ms, end_ms), HOUR_MS)
    days, single_hours = _whole(hours, 24)
    return Pieces(days, single_hours, parts)


def _whole(span: range, unit: int) -> tuple[range, list[range]]:
    """(the whole units inside a span, what is left of the span before and after them)."""
    first, last = -(-span.start // unit), span.stop // unit
    if first > last:
        return range(0), [span] if span else []
    left = [range(span.start, first * unit), range(last * unit, span.stop)]
    return range(first, last), [piece for piece in left if piece]


def _total(totals: Totals, pieces: Pieces) -> int:
    found = [totals.sum("day", pieces.days), *(totals.sum("hour", hours) for hours in pieces.hours)]
    return sum(found) + sum(map(totals.part, pieces.parts))


def _by_day(totals: Totals, pieces: Pieces) -> Counter[int]:
    found = Counter(dict(totals.days(pieces.days)))
    for hours in pieces.hours:
        found[hours.start // 24] += totals.sum("hour", hours)
    for part in pieces.parts:
        found[part.start // DAY_MS] += totals.part(part)
    return found


def _by_hour(totals: Totals, pieces: Pieces) -> Counter[int]:
    found: Counter[int] = Counter()
    for hours in [range(pieces.days.start * 24, pieces.days.stop * 24), *pieces.hours]:
        for hour in hours:
            found[hour] += totals.sum("hour", range(hour, hour + 1))
    for part in pieces.parts:
        found[part.start // HOUR_MS] += totals.part(part)
    return found


def _by_name(totals: Totals, pieces: Pieces) -> dict[str, int]:
    found: Counter[int] = Counter()
    _add(found, totals.names("day", pieces.days))
    for hours in pieces.hours:
        _add(found, totals.names("hour", hours))
    for part in pieces.parts:
        _add(found, totals.names_of_part(part))
    return {name: found[name_id] for name_id, name in totals.texts(found)}


def _add(found: Counter[int], rows: Iterable[tuple[int, int]]) -> None:
    for name_id, events in rows:
        found[name_id] += events
