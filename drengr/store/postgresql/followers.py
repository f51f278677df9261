"""What was stored since the last look, where ids do not tell the order of commits (contract 13: followers).

Ids are drawn before their rows are committed, so a smaller one may appear after a larger one. Whoever follows therefore
remembers the gaps: ids below the largest one seen that were not there yet. Before it draws ids, a writer says which one
was drawn last, by a lock that conflicts with nobody's and ends with its transaction. So whoever looks at these locks
knows up to which id every transaction has ended: a gap below belongs to a repeat, or to what was taken back, and is
forgotten. A standby does not see the locks of the other server: there a gap is remembered for a minute, and no
transaction that writes takes longer than half of that.
"""

import time
from collections.abc import Sequence

from drengr.admin.questions import PageQuery
from drengr.admin.shown import StoredEvent
from drengr.store.following import Gap, Place, gaps_of
from drengr.store.postgresql import arrays
from drengr.store.postgresql.connections import Connection
from drengr.store.postgresql.database import Database
from drengr.store.postgresql.read import Filters, events_among, filters_of, ids_of
from drengr.store.results import Arrivals

_REMEMBERED_S = 60.0
_MOST_GAPS = 100_000
_LOOKED_BACK_OVER = 100_000  # ids, at most

_IDS_A_LOCK_TELLS = 2**31  # the lock's second number has 32 bits with a sign
_DRAWN = "last_value - (NOT is_called)::integer"
# Says of this transaction that the ids it is going to draw are larger than those drawn by now.
MARK = f"""
SELECT pg_advisory_xact_lock_shared('event_ids'::regclass::oid::integer, (({_DRAWN}) % {_IDS_A_LOCK_TELLS})::integer)
FROM event_ids
"""
# In this order: who takes a lock after the ids were looked at draws larger ones.
_UNDER_WAY = f"""
SELECT pg_is_in_recovery(), {_DRAWN} FROM event_ids;
SELECT objid::bigint FROM pg_locks WHERE locktype = 'advisory' AND objsubid = 2 AND granted
  AND classid = 'event_ids'::regclass AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
"""
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


def here(database: Database) -> Place:
    """The place of somebody who begins to follow now."""
    with database.snapshot() as connection:
        ended = settled(connection)
        database.see_anew(connection)
        newest = connection.execute(_LAST_ID).fetchall()[0][0]
        return Place.at(newest, _gaps(connection, ended, newest))


def arrivals(database: Database, project_id: int, after: int, query: PageQuery) -> Arrivals:
    """The first `query.limit` events stored since that place, in the order of their ids, and the place to look on from.

    The query's times do not count.
    """
    old = gaps_of(after)
    with database.snapshot() as connection:
        ended = settled(connection)
        database.see_anew(connection)
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
                newest, ended = int(after), 0
            else:
                among = {"e.id > ? AND e.id <= ?": (int(after), newest)}
                found += events_among(connection, filters | among, query.limit - len(found))
                if len(found) == query.limit:
                    newest = found[-1].id
        left = [gap for gap in _without(old, late) if gap.last > ended and not _is_forgotten(gap)]
        return Arrivals(found, Place.at(newest, [*left, *_gaps(connection, max(ended, int(after)), newest)]))


def settled(connection: Connection) -> int:
    """Up to this id all are there for whoever looks from now on, or never will be; 0 when that is not known."""
    looked = connection.execute(_UNDER_WAY)
    is_standby, drawn = looked.fetchall()[0]
    looked.nextset()
    return 0 if is_standby else min([drawn, *(drawn - _behind(drawn, told) for (told,) in looked.fetchall())])


def _behind(drawn: int, told: int) -> int:
    """How many ids were drawn since the writer's lock was taken; fewer than none when that is newer.

    >>> _behind(2**31 + 5, 2), _behind(2**31 + 5, 7), _behind(2**31 + 5, 2**31 - 1)
    (3, -2, 6)
    """
    half = _IDS_A_LOCK_TELLS // 2
    return (drawn - told + half) % _IDS_A_LOCK_TELLS - half


def _is_forgotten(gap: Gap) -> bool:
    return time.monotonic() - gap.noted_at > _REMEMBERED_S


def _gaps(connection: Connection, after: int, newest: int) -> list[Gap]:
    now, after = time.monotonic(), max(after, newest - _LOOKED_BACK_OVER)
    found = connection.execute(_GAPS, (after, after, newest)).fetchall()[-_MOST_GAPS:]
    return [Gap(first, last, now) for first, last in found]


def _late(connection: Connection, gaps: Sequence[Gap]) -> list[int]:
    """The ids in gaps that are there now."""
    if not gaps:
        return []
    bounds = arrays.numbers(gap.first for gap in gaps), arrays.numbers(gap.last for gap in gaps)
    return [row[0] for row in connection.execute(_IN_GAPS, bounds).fetchall()]


def _without(gaps: Sequence[Gap], ids: list[int]) -> list[Gap]:
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
