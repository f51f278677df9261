"""The events of one person, newest first, a page at a time (contract 8)."""

import sqlite3

from drengr.admin.questions import PageQuery
from drengr.admin.shown import StoredEvent
from drengr.events.times import DAY_MS
from drengr.people.questions import Who
from drengr.store.names import name_code
from drengr.store.sqlite import read
from drengr.store.sqlite.database import Database
from drengr.store.sqlite.people.found import person_number
from drengr.store.sqlite.read import Filter, joined

_FEW_IDENTITIES = 300
_FEW_EVENTS = 20_000

_THROUGH_IDENTITIES = """
SELECT e.occurred_at, e.id FROM identities AS i INDEXED BY identities_by_person
CROSS JOIN semantic_events AS e INDEXED BY events_by_identity_and_time ON e.identity_id = i.id
WHERE i.person_id = ? AND {filters} ORDER BY e.occurred_at DESC, e.id DESC LIMIT ?
"""
_THROUGH_TIME = """
SELECT e.occurred_at, e.id FROM semantic_events AS e INDEXED BY {index}
CROSS JOIN identities AS i ON i.id = e.identity_id
WHERE i.person_id = ? AND {filters} ORDER BY e.occurred_at DESC, e.id DESC LIMIT ?
"""
_DAYS = "SELECT day, events FROM person_days WHERE person_id = ? AND day >= ? AND day <= ? ORDER BY day DESC"
_SOME_IDENTITIES = "SELECT count(*) FROM (SELECT 1 FROM identities WHERE person_id = ? LIMIT ?)"
_ALL_IDENTITIES = "SELECT count(*) FROM identities WHERE person_id = ?"
_EVENTS_OF_DAYS = "SELECT ifnull(sum(events), 0) FROM day_totals WHERE project_id = ? AND day >= ? AND day <= ?"
_EVENTS_OF_NAME = "SELECT ifnull(sum(events), 0) FROM day_totals WHERE project_id = ? AND name_id = ?"


def person_page(database: Database, project_id: int, who: Who, query: PageQuery) -> list[StoredEvent]:
    """As event_page, of the events of that person only; empty for nobody."""
    with database.snapshot() as connection:
        number = person_number(database, project_id, who)
        filters = read.row_filters(database, project_id, query)
        if number is None or filters is None:
            return []
        name_id = None if query.event_name is None else name_code(database, project_id, query.event_name)
        statement, way, since = _way(connection, project_id, number, name_id, query)
        places: list[tuple[int, int]] = []
        for place in read.places_of(query._replace(since=since)):
            words, values = joined([*way, *filters, place])
            wanted = query.limit - len(places)
            places += connection.execute(statement.format(filters=words), (number, *values, wanted))
        return read.events_at(database, places)


def _way(
    connection: sqlite3.Connection, project_id: int, number: int, name_id: int | None, query: PageQuery
) -> tuple[str, list[Filter], int]:
    """(the statement that finds the page soonest, its conditions, since when it has to look)."""
    through_time = _THROUGH_TIME.replace("{index}", "events_by_time"), [("e.project_id = ?", (project_id,))]
    through_name = _THROUGH_TIME.replace("{index}", "events_by_name_and_time"), [("+e.project_id = ?", (project_id,))]
    first, last = query.since // DAY_MS, query.before.occurred_at // DAY_MS
    enough = None if name_id or query.source else query.limit
    first_day, events = _newest_days(connection, number, range(first, last + 1), enough)
    since = max(query.since, first_day * DAY_MS)
    few = connection.execute(_SOME_IDENTITIES, (number, _FEW_IDENTITIES + 1)).fetchone()[0] <= _FEW_IDENTITIES
    if few and events <= _FEW_EVENTS:
        return _THROUGH_IDENTITIES, [], since
    (identities,) = connection.execute(_ALL_IDENTITIES, (number,)).fetchone()
    if name_id is not None:
        (others,) = connection.execute(_EVENTS_OF_NAME, (project_id, name_id)).fetchone()
        return (*through_name, since) if others < identities + events else (_THROUGH_IDENTITIES, [], since)
    (others,) = connection.execute(_EVENTS_OF_DAYS, (project_id, first_day, last)).fetchone()
    # The page is full, as a rule, when so much was walked through as brings the person's events together.
    walked = others * min(1, query.limit / max(events, 1))
    return (*through_time, since) if walked < identities + events else (_THROUGH_IDENTITIES, [], since)


def _newest_days(
    connection: sqlite3.Connection, number: int, days: range, enough: int | None
) -> tuple[int, int]:
    """(the first of the person's last days that have enough events together, all events of these days).

    The last day does not count: the page may begin in the middle of it. enough=None: all days.
    """
    events = counted = 0
    first_day = days.start
    for day, of_day in connection.execute(_DAYS, (number, days.start, days.stop - 1)):
        events += of_day
        counted += of_day if day < days.stop - 1 else 0
        if enough is not None and counted >= enough:
            return day, events
    return first_day, events
