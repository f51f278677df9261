"""How many people there were in each hour of a window of few days (contract 8).

Of most people the first and the last event of a day, which person_days holds, lie in one hour or in two that follow
each other, and tell it. Only of the others are the events looked at.
"""

import sqlite3
from collections import Counter

import orjson

from drengr.events.times import DAY_MS, HOUR_MS

_FEW_IDENTITIES = 300  # to look at each of them; past that the window is walked through

_IS_TOLD = f"""
d.first_at >= :since AND d.last_at <= :until
AND (d.last_at - :start) / {HOUR_MS} - (d.first_at - :start) / {HOUR_MS} <= 1
"""
_TOLD = f"""
SELECT (d.first_at - :start) / {HOUR_MS}, (d.last_at - :start) / {HOUR_MS}, count(*) FROM person_days AS d
WHERE d.project_id = :project_id AND d.day = :day AND {_IS_TOLD} GROUP BY 1, 2
"""
_OTHERS = f"""
SELECT d.person_id, (SELECT count(*) FROM (
  SELECT 1 FROM identities AS i WHERE i.person_id = d.person_id LIMIT {_FEW_IDENTITIES + 1})) <= {_FEW_IDENTITIES}
FROM person_days AS d
WHERE d.project_id = :project_id AND d.day = :day AND d.last_at >= :since AND d.first_at <= :until AND NOT ({_IS_TOLD})
"""
_OF_IDENTITIES = f"""
SELECT DISTINCT i.person_id, (e.occurred_at - :start) / {HOUR_MS} FROM json_each(:people) AS p
CROSS JOIN identities AS i ON i.person_id = p.value
CROSS JOIN semantic_events AS e INDEXED BY events_by_identity_and_time ON e.identity_id = i.id
WHERE e.occurred_at >= :since AND e.occurred_at <= :until
"""
_OF_WINDOW = f"""
SELECT DISTINCT i.person_id, (e.occurred_at - :start) / {HOUR_MS}
FROM semantic_events AS e INDEXED BY events_by_time CROSS JOIN identities AS i ON i.id = e.identity_id
WHERE e.project_id = :project_id AND e.occurred_at >= :since AND e.occurred_at <= :until
  AND i.person_id IN (SELECT value FROM json_each(:people))
"""


def people_by_hour(connection: sqlite3.Connection, project_id: int, window: range) -> list[tuple[int, int]]:
    """(number of the hour since 1970, people) of each hour of these ms that has people, ascending."""
    found: list[tuple[int, int]] = []
    for day in range(window.start // DAY_MS, -(-window.stop // DAY_MS)):
        start = day * DAY_MS
        asked = {
            "project_id": project_id, "day": day, "start": start,
            "since": max(start, window.start), "until": min(start + DAY_MS, window.stop) - 1,
        }  # fmt: skip
        found += sorted((start // HOUR_MS + hour, people) for hour, people in _of_day(connection, asked).items())
    return found


def _of_day(connection: sqlite3.Connection, asked: dict[str, int]) -> Counter[int]:
    """People by the hour of the day."""
    hours: Counter[int] = Counter()
    for first, last, people in connection.execute(_TOLD, asked):
        for hour in {first, last}:
            hours[hour] += people
    others = connection.execute(_OTHERS, asked).fetchall()
    for statement, is_few in ((_OF_IDENTITIES, True), (_OF_WINDOW, False)):
        if people := [number for number, has_few in others if bool(has_few) is is_few]:
            numbers = {"people": orjson.dumps(people).decode()}
            hours.update(hour for _, hour in connection.execute(statement, asked | numbers))
    return hours
