"""What was stored since the last look, where ids do not tell the order of commits (contract 13: followers).

Ids are drawn before their rows are committed, so a smaller one may appear after a larger one. Whoever follows therefore
remembers the gaps: ids below the largest one seen that were not there yet. One that stays empty for a minute belongs to
a repeat, or to a transaction that was taken back: no transaction that writes takes longer than half of that.
"""

import time
from collections.abc import Iterable
from typing import NamedTuple

from drengr.admin.questions import PageQuery
from drengr.admin.shown import StoredEvent
from drengr.store.postgresql import arrays
from drengr.store.postgresql.connections import Connection
from drengr.store.postgresql.database import Database
from drengr.store.postgresql.read import Filters, events_among, filters_of, ids_of
from drengr.store.results import Arrivals

_REMEMBERED_S = 60.0
_MOST_GAPS = 100_000
_LOOKED_BACK_OVER = 2_000_000  # ids, at the first look: an import at full speed draws so many in a minute

_LAST_ID = "SELECT coalesce(max(id), 0) FROM semantic_events"
_GAPS = """
SELECT before + 1, id - 1 FROM (
  SELECT id, lag(id, 1, ?::bigint) OVER (ORDER BY id) AS before FROM semantic_events WHERE id > ? AND id <= ?) AS seen
WHERE id > before + 1 ORDER BY 1
"""
_IN_GAPS = """
SELECT e.id FROM unnest(?::bigint[], ?::bigint[]) AS gap (first, last)
JOIN semantic_events AS e ON e.id BETWEEN gap.first AND gap.last ORDER BY e.id
"""


class Gap(NamedTuple):
    """Ids that were not there."""

    first: int
    last: int
    noted_at: float  # monotonic seconds


class Place(int):
    """Where a follower is: the largest id that it has looked at, and the gaps below."""

    gaps: tuple[Gap, ...] = ()


def here(database: Database) -> Place:
    """The place of somebody who begins to follow now."""
    with database.snapshot() as connection:
        newest = connection.execute(_LAST_ID).fetchall()[0][0]
        return _place(newest, _gaps(connection, max(0, newest - _LOOKED_BACK_OVER), newest))


def arrivals(database: Database, project_id: int, after: int, query: PageQuery) -> Arrivals:
    """The first `query.limit` events stored since that place, in the order of their ids, and the place to look on from.

    The query's times do not count.
    """
    old = [gap for gap in getattr(after, "gaps", ()) if time.monotonic() - gap.noted_at < _REMEMBERED_S]
    with database.snapshot() as connection:
        newest = max(connection.execute(_LAST_ID).fetchall()[0][0], int(after))
        late = _late(connection, old)
        filters = filters_of(connection, project_id, query)
        sent = ids_of(connection, project_id, query)
        found: list[StoredEvent] = []
        if filters is not None and sent is not None:
            if sent.sql:
                filters[f"e.identity_id IN ({sent.sql})"] = sent.values
            among: Filters = {"e.id = ANY(?::bigint[])": (arrays.numbers(late),)}
            found = events_among(connection, filters | among, query.limit) if late else []
            if len(found) == query.limit:  # the rest of them stays in the gaps
                late = [each for each in late if each <= found[-1].id]
                newest = int(after)
            else:
                among = {"e.id > ? AND e.id <= ?": (int(after), newest)}
                found += events_among(connection, filters | among, query.limit - len(found))
                if len(found) == query.limit:
                    newest = found[-1].id
        return Arrivals(found, _place(newest, [*_without(old, late), *_gaps(connection, int(after), newest)]))


def _place(newest: int, gaps: Iterable[Gap]) -> Place:
    place = Place(newest)
    place.gaps = tuple(gaps)[-_MOST_GAPS:]
    return place


def _gaps(connection: Connection, after: int, newest: int) -> list[Gap]:
    now = time.monotonic()
    return [Gap(first, last, now) for first, last in connection.execute(_GAPS, (after, after, newest)).fetchall()]


def _late(connection: Connection, gaps: list[Gap]) -> list[int]:
    """The ids in gaps that are there now."""
    if not gaps:
        return []
    bounds = arrays.numbers(gap.first for gap in gaps), arrays.numbers(gap.last for gap in gaps)
    return [row[0] for row in connection.execute(_IN_GAPS, bounds).fetchall()]


def _without(gaps: list[Gap], ids: list[int]) -> list[Gap]:
    """What is left of the gaps once these ids, in order, are taken out.

    >>> _without([Gap(1, 5, 0.0), Gap(7, 7, 0.0), Gap(9, 9, 0.0)], [2, 7])
    [Gap(first=1, last=1, noted_at=0.0), Gap(first=3, last=5, noted_at=0.0), Gap(first=9, last=9, noted_at=0.0)]
    """
    left, taken = [], iter(ids)
    at = next(taken, None)
    for gap in gaps:
        first = gap.first
        while at is not None and at <= gap.last:
            if at > first:
                left.append(gap._replace(first=first, last=at - 1))
            first, at = at + 1, next(taken, None)
        if first <= gap.last:
            left.append(gap._replace(first=first))
    return left
