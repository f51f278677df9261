"""Whether what is kept for people is what the events say, recounted (contract 8)."""

import sqlite3
from collections import Counter
from collections.abc import Iterator
from itertools import groupby
from operator import itemgetter

from drengr.store.results import FIRST_DAY, WrongPeople
from drengr.store.sqlite.connections import Readable
from drengr.store.sqlite.people import day_sets, recount

# What is wrong, and a query of the project of each row that is.
_WHO = {
    "identities have no event": """
SELECT project_id FROM identities AS i WHERE NOT EXISTS (SELECT 1 FROM semantic_events WHERE identity_id = i.id)
""",
    "identities have another device or user than their ids say": """
SELECT i.project_id FROM identities AS i
LEFT JOIN persons AS d ON (d.project_id, d.is_device, d.person) = (i.project_id, 1, folded(i.install_id))
LEFT JOIN persons AS u ON (u.project_id, u.is_device, u.person) = (i.project_id, 0, folded(i.external_id))
WHERE i.device_id IS NOT d.id OR i.user_id IS NOT u.id
  OR (i.install_id IS NULL) <> (i.device_id IS NULL) OR (i.external_id IS NULL) <> (i.user_id IS NULL)
""",
    "persons have no identity": """
SELECT project_id FROM persons AS k WHERE CASE WHEN k.is_device
  THEN NOT EXISTS (SELECT 1 FROM identities WHERE device_id = k.id)
  ELSE NOT EXISTS (SELECT 1 FROM identities WHERE person_id = k.id AND user_id = k.id) END
""",
    "devices have another user, or number of users, than their identities say": """
SELECT project_id FROM (
  SELECT k.project_id, k.user_id, k.is_shared,
    (k.project_id, device_hash(k.person)) IN (SELECT project_id, device FROM shared_devices) AS is_marked,
    (SELECT min(i.user_id) FROM identities AS i WHERE i.device_id = k.id AND i.user_id IS NOT NULL) AS one,
    (SELECT max(i.user_id) FROM identities AS i WHERE i.device_id = k.id AND i.user_id IS NOT NULL) AS other
  FROM persons AS k WHERE k.is_device)
WHERE is_shared <> is_marked OR (one <> other AND NOT is_marked) OR user_id IS NOT CASE WHEN NOT is_marked THEN one END
""",
    "identities are another person's than their device says": f"""
SELECT i.project_id FROM identities AS i WHERE i.person_id IS NOT {recount.PERSON}
""",
}
_DAYS = """
SELECT person_id, project_id, day, events, first_at, last_at, previous_day
FROM person_days INDEXED BY person_days_by_person ORDER BY person_id, day
"""
_COUNTS = """
SELECT project_id FROM (
  SELECT project_id, day, gap, people, 0 AS counted FROM day_people WHERE day >= :first_day
  UNION ALL
  SELECT project_id, day, ifnull(day - previous_day, 0), 0, count(*) FROM person_days WHERE day >= :first_day
  GROUP BY 1, 2, 3)
GROUP BY project_id, day, gap HAVING sum(people) <> sum(counted)
"""
_NAMES = "SELECT id, name FROM projects"
_COUNT_OF_DAYS = "SELECT ifnull(sum(events), 0) FROM person_days"
_COUNT_OF_EVENTS = """
SELECT (SELECT count(*) FROM semantic_events) - (
  SELECT count(*) FROM identities AS i CROSS JOIN semantic_events AS e ON e.identity_id = i.id
  WHERE i.person_id IS NULL)
"""


def wrong_people(database: Readable, first_day: int = FIRST_DAY) -> list[WrongPeople]:
    """What is kept and not as the events say, all of it; from a later day on only the counts of days."""
    connection = database.reading_connection()
    connection.execute("BEGIN")
    try:
        names = dict(connection.execute(_NAMES))
        found = [
            WrongPeople(project_id, names.get(project_id), what, rows)
            for what, projects in _looks(connection, first_day)
            for project_id, rows in sorted(projects.items())
        ]
    finally:
        connection.execute("ROLLBACK")
    return found


def uncounted(database: Readable) -> str | None:
    """A quick look: whether people have as many events as there are; None when they have."""
    kept, counted = database.read(_COUNT_OF_DAYS)[0][0], database.read(_COUNT_OF_EVENTS)[0][0]
    return None if kept == counted else f"{counted} events, {kept} by the days of people"


def repair(connection: sqlite3.Connection) -> None:
    """Work everything out anew, in the caller's transaction: one reading of all events."""
    recount.fill(connection)


def _looks(connection: sqlite3.Connection, first_day: int) -> Iterator[tuple[str, Counter[int]]]:
    """What may be wrong, and in how many rows of each project."""
    if first_day == FIRST_DAY:
        recount.give_functions(connection)
        for what, query in _WHO.items():
            yield what, Counter(row[0] for row in connection.execute(query))
        yield "people have other days than their events", _wrong_days(connection)
    yield "counts of people a day are wrong", Counter(
        row[0] for row in connection.execute(_COUNTS, {"first_day": first_day})
    )
    yield "sets of the people of a day are wrong", Counter(day_sets.wrong_sets(connection, first_day))


def _wrong_days(connection: sqlite3.Connection) -> Counter[int]:
    """People whose days are not those of their events, by project; both are read side by side, person after person."""
    wrong: Counter[int] = Counter()
    by_person = groupby(connection.execute(_DAYS), itemgetter(0, 1))
    kept = ((key, [tuple(row[2:]) for row in rows]) for key, rows in by_person)
    counted = (((person, project), days) for person, project, days in recount.counted(connection))
    there, right = next(kept, None), next(counted, None)
    while there or right:
        if there == right:
            there, right = next(kept, None), next(counted, None)
            continue
        first = min(key for key, _ in filter(None, (there, right)))
        wrong[first[1]] += 1
        there = next(kept, None) if there and there[0] == first else there
        right = next(counted, None) if right and right[0] == first else right
    return wrong
