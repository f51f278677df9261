"""Everything kept for people, worked out anew from the events: for an upgrade and a repair (contract 8)."""

import sqlite3
from collections.abc import Iterator
from itertools import groupby
from operator import itemgetter

from drengr.events.times import DAY_MS
from drengr.store.sqlite.packing import folded_id
from drengr.store.sqlite.people import marks

Day = tuple[int, int, int, int, int | None]  # day, events, first_at, last_at, the person's day before

_ROWS = 10_000  # of one statement

# The person of `identities AS i`, which see contract 8.
PERSON = """ifnull(i.user_id, (
  SELECT coalesce(u.id, d.user_id, d.id) FROM persons AS d
  LEFT JOIN persons AS u ON (u.project_id, u.is_device, u.person) = (d.project_id, 0, d.person)
  WHERE d.id = i.device_id))"""
# In this order. Numbers of persons that are there stay; identities are there, with their ids as sent.
_WHO = (
    "DELETE FROM person_days",  # they point to persons
    "DELETE FROM identities WHERE NOT EXISTS (SELECT 1 FROM semantic_events AS e WHERE e.identity_id = identities.id)",
    """
INSERT INTO persons (project_id, is_device, person)
SELECT project_id, 0, folded(external_id) FROM identities WHERE external_id IS NOT NULL ORDER BY id
ON CONFLICT DO NOTHING
""",
    """
INSERT INTO persons (project_id, is_device, person)
SELECT project_id, 1, folded(install_id) FROM identities WHERE install_id IS NOT NULL ORDER BY id
ON CONFLICT DO NOTHING
""",
    """
UPDATE identities AS i SET
  device_id = (SELECT k.id FROM persons AS k
               WHERE (k.project_id, k.is_device, k.person) = (i.project_id, 1, folded(i.install_id))),
  user_id = (SELECT k.id FROM persons AS k
             WHERE (k.project_id, k.is_device, k.person) = (i.project_id, 0, folded(i.external_id))),
  person_id = NULL
""",
    """
DELETE FROM persons WHERE id NOT IN (
  SELECT device_id FROM identities WHERE device_id IS NOT NULL
  UNION ALL SELECT user_id FROM identities WHERE user_id IS NOT NULL)
""",
    """
INSERT INTO shared_devices (project_id, device)
SELECT k.project_id, device_hash(k.person) FROM persons AS k
WHERE k.is_device AND (SELECT count(DISTINCT i.user_id) FROM identities AS i WHERE i.device_id = k.id) > 1
ON CONFLICT DO NOTHING
""",
    """
UPDATE persons AS k SET
  is_shared = (k.project_id, device_hash(k.person)) IN (SELECT project_id, device FROM shared_devices),
  user_id = (SELECT i.user_id FROM identities AS i WHERE i.device_id = k.id AND i.user_id IS NOT NULL
             AND (k.project_id, device_hash(k.person)) NOT IN (SELECT project_id, device FROM shared_devices) LIMIT 1)
WHERE k.is_device
""",
    f"UPDATE identities AS i SET person_id = {PERSON}",
)
_EVENTS = """
SELECT i.person_id, i.project_id, e.occurred_at
FROM identities AS i INDEXED BY identities_by_person
CROSS JOIN semantic_events AS e INDEXED BY events_by_identity_and_time ON e.identity_id = i.id
WHERE i.person_id IS NOT NULL ORDER BY i.person_id
"""
_PUT_DAY = """
INSERT INTO person_days (project_id, person_id, day, events, first_at, last_at, previous_day)
VALUES (?, ?, ?, ?, ?, ?, ?)
"""
_COUNT_PEOPLE = """
INSERT INTO day_people (project_id, day, gap, people)
SELECT project_id, day, ifnull(day - previous_day, 0) AS gap, count(*) FROM person_days GROUP BY project_id, day, gap
"""


def fill(connection: sqlite3.Connection) -> None:
    """Work out all that is kept for people from events and identities, in the caller's transaction."""
    give_functions(connection)
    for statement in _WHO:
        connection.execute(statement)
    rows = ((project_id, person_id, *day) for person_id, project_id, days in counted(connection) for day in days)
    connection.executemany(_PUT_DAY, rows)
    connection.execute("DELETE FROM day_sets")
    connection.execute("DELETE FROM day_people")
    connection.execute(_COUNT_PEOPLE)


def counted(connection: sqlite3.Connection) -> Iterator[tuple[int, int, list[Day]]]:
    """(person, project, their days ascending) of every person with events, by person; read as they are asked for."""
    for (person_id, project_id), rows in groupby(connection.execute(_EVENTS), itemgetter(0, 1)):
        days: dict[int, tuple[int, int, int]] = {}  # by day: events, first, last
        for _, _, at in rows:
            events, first, last = days.get(at // DAY_MS, (0, at, at))
            days[at // DAY_MS] = events + 1, min(first, at), max(last, at)
        ordered = sorted(days)
        before = (None, *ordered)
        parts = ((day, before_it, days[day]) for day, before_it in zip(ordered, before, strict=False))
        yield person_id, project_id, [(day, part[0], part[1], part[2], before_it) for day, before_it, part in parts]


def give_functions(connection: sqlite3.Connection) -> None:
    """Let the connection's SQL say folded(id) and device_hash(id)."""
    key = marks.hash_key(connection)
    connection.create_function("folded", 1, folded_id, deterministic=True)
    connection.create_function("device_hash", 1, lambda device: marks.device_hash(key, device), deterministic=True)
