"""Events of one project, read slice by slice: the loop behind exports, over HTTP and by command (contract 9)."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from typing import NamedTuple, Protocol

from drengr.admin.exports import ExportQuery, WholeEvent
from drengr.events.times import DAY_MS, HOUR_MS


class Slice(Protocol):
    """Some events in the order of their ids, and where to read on from."""

    @property
    def events(self) -> list[WholeEvent]: ...

    @property
    def seen_id(self) -> int: ...


class HourIds(Protocol):
    """The smallest and the largest id of an hour's events, and where to look on from."""

    @property
    def ids(self) -> dict[int, tuple[int, int]]: ...

    @property
    def seen_id(self) -> int: ...


class LedgerDay(Protocol):
    """A day and a door, and the ids of what came through it."""

    @property
    def day(self) -> int: ...

    @property
    def first_id(self) -> int | None: ...

    @property
    def last_id(self) -> int | None: ...


class Events(Protocol):
    """The verbs of the store that an export needs."""

    def last_id(self) -> int: ...

    def ledger(self, project_id: int, first_day: int, last_day: int) -> Sequence[LedgerDay]: ...

    def events_after(self, project_id: int, query: ExportQuery, after_id: int, last_id: int) -> Slice: ...

    def hours_after(self, project_id: int, received: range, after_id: int, last_id: int) -> HourIds: ...


class Hour(NamedTuple):
    """An hour of receiving, by its number since 1970, and between which ids its events lie."""

    number: int
    first_id: int
    last_id: int

    @property
    def received(self) -> range:
        """Epoch ms."""
        return range(self.number * HOUR_MS, (self.number + 1) * HOUR_MS)


def exported(store: Events, project_id: int, query: ExportQuery, last_id: int) -> Iterator[Slice]:
    """Every event up to that id that the query asks for, once, in the order of ids; slices may be empty.

    No transaction is open between two slices. Raises what the store raises.
    """
    seen = 0
    while seen < last_id:
        found = store.events_after(project_id, query, seen, last_id)
        seen = found.seen_id
        yield found


def hours(store: Events, project_id: int, received: range) -> Iterator[Hour]:
    """The hours in which events that are there now were received, ascending.

    received  epoch ms
    """
    newest = store.last_id()
    lines = store.ledger(project_id, received.start // DAY_MS, (received.stop - 1) // DAY_MS)
    for day, of_that_day in groupby(sorted(lines, key=_day), _day):
        of_day = range(max(received.start, day * DAY_MS), min(received.stop, (day + 1) * DAY_MS))
        found: dict[int, tuple[int, int]] = {}
        for first, last in _spans(of_that_day, newest):
            seen = first - 1
            while seen < last:
                looked = store.hours_after(project_id, of_day, seen, last)
                seen = looked.seen_id
                for hour, (low, high) in looked.ids.items():
                    known_low, known_high = found.get(hour, (low, high))
                    found[hour] = min(low, known_low), max(high, known_high)
        for number in sorted(found):
            yield Hour(number, *found[number])


def events_of_hour(store: Events, project_id: int, hour: Hour) -> Iterator[list[WholeEvent]]:
    """The events received in an hour, in the order of ids."""
    query, seen = ExportQuery(received=hour.received), hour.first_id - 1
    while seen < hour.last_id:
        found = store.events_after(project_id, query, seen, hour.last_id)
        seen = found.seen_id
        if found.events:
            yield found.events


def _day(line: LedgerDay) -> int:
    return line.day


def _spans(lines: Iterable[LedgerDay], newest: int) -> list[tuple[int, int]]:
    """The ids of these lines as spans that do not overlap, ascending."""
    spans: list[tuple[int, int]] = []
    ids = [(line.first_id, line.last_id) for line in lines if line.first_id is not None and line.last_id is not None]
    for first, last in sorted((first, min(last, newest)) for first, last in ids):
        if spans and first <= spans[-1][1] + 1:
            spans[-1] = spans[-1][0], max(last, spans[-1][1])
        else:
            spans.append((first, last))
    return spans
