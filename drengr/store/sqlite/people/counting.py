"""How many people there were in a window (contract 8).

Of everybody, day_people tells it of whole days in a few small rows: in a row of days those are new whose day before
lies before the first of them. At a day that the window cuts, the people of that day are looked at. Of one name, sets
of the people of whole days are united.
"""

import sqlite3

from drengr.events.times import DAY_MS, HOUR_MS
from drengr.people.periods import first_day_of, periods_between
from drengr.people.questions import PeopleCountQuery
from drengr.people.results import PeopleCounted
from drengr.store.names import name_code
from drengr.store.sqlite.database import Database
from drengr.store.sqlite.people.day_sets import people_of_name
from drengr.store.sqlite.people.hours import people_by_hour

_FEW_IDENTITIES = 300  # to look at each of them; past that the window is walked through

_EDGES = "SELECT min(day), max(day) FROM day_people WHERE project_id = ?"
_OF_WHOLE_DAYS = """
SELECT ifnull(sum(people), 0) FROM day_people
WHERE project_id = :project_id AND day >= :first AND day <= :last AND (gap = 0 OR day - gap < :first)
"""
# Who was there on the first day only before the window begins, and did not come back.
_TOO_EARLY = """
SELECT count(*) FROM person_days AS d
WHERE d.project_id = :project_id AND d.day = :first AND d.last_at < :since AND NOT EXISTS (
  SELECT 1 FROM person_days AS n INDEXED BY person_days_by_person
  WHERE n.person_id = d.person_id AND n.day > :first AND n.day <= :last AND (n.day < :last OR n.first_at <= :until))
"""
# Who came on the last day, before the window ends, and on none of the days before.
_ON_LAST_DAY = """
SELECT count(*) FROM person_days
WHERE project_id = :project_id AND day = :last AND first_at <= :until
  AND (previous_day IS NULL OR previous_day < :first)
"""
_FROM_THEN_ON = """
SELECT count(*) FROM person_days WHERE project_id = :project_id AND day = :first AND last_at >= :since
"""
_WITHIN_A_DAY = f"""
SELECT count(*) FROM person_days AS d
WHERE d.project_id = :project_id AND d.day = :first AND d.last_at >= :since AND d.first_at <= :until AND (
  d.first_at >= :since OR d.last_at <= :until
  OR CASE WHEN (SELECT count(*) FROM (SELECT 1 FROM identities WHERE person_id = d.person_id
                                      LIMIT {_FEW_IDENTITIES + 1})) <= {_FEW_IDENTITIES}
  THEN EXISTS (
    SELECT 1 FROM identities AS i
    CROSS JOIN semantic_events AS e INDEXED BY events_by_identity_and_time ON e.identity_id = i.id
    WHERE i.person_id = d.person_id AND e.occurred_at >= :since AND e.occurred_at <= :until)
  ELSE EXISTS (
    SELECT 1 FROM semantic_events AS e INDEXED BY events_by_time CROSS JOIN identities AS i ON i.id = e.identity_id
    WHERE e.project_id = :project_id AND e.occurred_at >= :since AND e.occurred_at <= :until
      AND i.person_id = d.person_id) END)
"""


def count_people(database: Database, project_id: int, query: PeopleCountQuery) -> PeopleCounted:
    """How many different people had an event in the window, and in each of its hours, days, weeks or months."""
    with database.snapshot() as connection:
        first, last = connection.execute(_EDGES, (project_id,)).fetchone()
        name_id = None if query.event_name is None else name_code(database, project_id, query.event_name)
        if first is None or (name_id is None and query.event_name is not None):
            return PeopleCounted(0, [] if query.group_by else None)
        window = range(max(query.since, first * DAY_MS), min(query.until + 1, (last + 1) * DAY_MS))
        if name_id is not None:
            return _of_name(connection, project_id, name_id, window, query)
        if query.group_by == "hour":
            hours = people_by_hour(connection, project_id, window)
            return _counted(_everybody(connection, project_id, window), hours, query)
        buckets = [
            (first_day, _everybody(connection, project_id, part)) for first_day, part in _parts(window, query)
        ]
        return _counted(_everybody(connection, project_id, window), buckets, query)


def _counted(total: int, buckets: list[tuple[int, int]], query: PeopleCountQuery) -> PeopleCounted:
    return PeopleCounted(total, [bucket for bucket in buckets if bucket[1]] if query.group_by else None)


def _parts(window: range, query: PeopleCountQuery) -> list[tuple[int, range]]:
    """(the first day of the bucket, or the hour; epoch ms of what the window has of it); none without group_by."""
    if query.group_by is None or not window:
        return []
    if query.group_by == "hour":
        hours = range(window[0] // HOUR_MS, window[-1] // HOUR_MS + 1)
        return [(hour, _clipped(range(hour, hour + 1), HOUR_MS, window)) for hour in hours]
    days = periods_between(window[0] // DAY_MS, window[-1] // DAY_MS, query.group_by)
    return [(first_day_of(part.start, query.group_by), _clipped(part, DAY_MS, window)) for part in days]


def _clipped(units: range, unit_ms: int, window: range) -> range:
    return range(max(units.start * unit_ms, window.start), min(units.stop * unit_ms, window.stop))


def _everybody(connection: sqlite3.Connection, project_id: int, window: range) -> int:
    """How many people have an event in these ms."""
    if not window:
        return 0
    begins_late, ends_early = bool(window.start % DAY_MS), bool(window.stop % DAY_MS)
    first, last = window[0] // DAY_MS, window[-1] // DAY_MS
    asked = {"project_id": project_id, "first": first, "last": last, "since": window[0], "until": window[-1]}

    def number(statement: str, **other: int) -> int:
        return int(connection.execute(statement, asked | other).fetchone()[0])

    if first == last and begins_late:
        return number(_WITHIN_A_DAY if ends_early else _FROM_THEN_ON)
    people = number(_OF_WHOLE_DAYS, last=last - ends_early)
    if begins_late:
        people -= number(_TOO_EARLY)
    if ends_early:
        people += number(_ON_LAST_DAY)
    return people


def _of_name(
    connection: sqlite3.Connection, project_id: int, name_id: int, window: range, query: PeopleCountQuery
) -> PeopleCounted:
    if query.group_by is None:
        return _counted(people_of_name(connection, project_id, name_id, window).bit_count(), [], query)
    everybody, buckets = 0, []
    for first_day, part in _parts(window, query):
        people = people_of_name(connection, project_id, name_id, part)
        everybody |= people
        buckets.append((first_day, people.bit_count()))
    return _counted(everybody.bit_count(), buckets, query)
