"""The names that events have, and a sample of one (contract 8)."""

import sqlite3
from typing import Any

import orjson

from drengr.events.times import DAY_MS
from drengr.people.questions import NamesQuery
from drengr.people.results import SAMPLE_EVENTS, NameSample, NameSummary
from drengr.store.names import name_code
from drengr.store.sqlite.database import Database
from drengr.store.sqlite.people.day_sets import people_of_name
from drengr.store.sqlite.people.listed import after_all_beginning_with

_DAYS = 30  # of people, the query's today is the last

_NAMES = """
SELECT n.id, n.name, t.events
FROM (SELECT name_id, sum(events) AS events FROM day_totals WHERE project_id = :project_id GROUP BY name_id) AS t
CROSS JOIN event_names AS n ON n.id = t.name_id
WHERE t.events > 0 AND {filters} ORDER BY t.events DESC, n.name LIMIT :limit
"""
_AFTER = "(t.events < :events OR t.events = :events AND n.name > :name)"
_BEGINNING = "n.name >= :low AND n.name < :high"
_SEEN = """
SELECT (SELECT min(occurred_at) FROM semantic_events INDEXED BY events_by_name_and_time WHERE name_id = :name_id),
  (SELECT max(occurred_at) FROM semantic_events INDEXED BY events_by_name_and_time WHERE name_id = :name_id)
"""
_NEWEST = """
SELECT dims, measures FROM semantic_events INDEXED BY events_by_name_and_time
WHERE name_id = ? ORDER BY occurred_at DESC, id DESC LIMIT ?
"""


_WITHOUT_SETS = """
SELECT ifnull(sum(t.events), 0) FROM json_each(:days) AS d CROSS JOIN json_each(:name_ids) AS n
CROSS JOIN day_totals AS t ON t.project_id = :project_id AND t.day = d.value AND t.name_id = n.value
WHERE NOT EXISTS (
  SELECT 1 FROM day_sets AS s
  WHERE s.project_id = t.project_id AND s.name_id = t.name_id AND s.day = t.day AND s.people IS NOT NULL)
"""


def names(database: Database, project_id: int, query: NamesQuery) -> list[NameSummary]:
    """A page of the names that have events, most events first, then by name."""
    filters: list[str] = ["true"]
    asked: dict[str, object] = {"project_id": project_id, "limit": query.limit}
    if query.after is not None:
        filters.append(_AFTER)
        asked |= {"events": query.after[0], "name": query.after[1]}
    if query.query is not None:
        filters.append(_BEGINNING)
        asked |= {"low": query.query, "high": after_all_beginning_with(query.query)}
    with database.snapshot() as connection:
        found = connection.execute(_NAMES.format(filters=" AND ".join(filters)), asked).fetchall()
        days = range(query.today - _DAYS + 1, query.today + 1) if query.counts_people else None
        if days and query.most_read is not None:
            name_ids = [row[0] for row in found]
            days = days if _to_read(connection, project_id, name_ids, days) <= query.most_read else None
        return [_summary(connection, project_id, days, *row) for row in found]


def _to_read(connection: sqlite3.Connection, project_id: int, name_ids: list[int], days: range) -> int:
    """How many events are read to count the people of these names on these days."""
    asked = {"project_id": project_id, "days": orjson.dumps(list(days)), "name_ids": orjson.dumps(name_ids)}
    return int(connection.execute(_WITHOUT_SETS, asked).fetchone()[0])


def _summary(
    connection: sqlite3.Connection, project_id: int, days: range | None, name_id: int, name: str, events: int
) -> NameSummary:
    """The line of one name.

    days  of which people are counted; None: they are not
    """
    first_seen_at, last_seen_at = connection.execute(_SEEN, {"name_id": name_id}).fetchone()
    window = range(days.start * DAY_MS, days.stop * DAY_MS) if days else None
    people = people_of_name(connection, project_id, name_id, window).bit_count() if window else None
    return NameSummary(name, _label(connection, name_id, name), events, first_seen_at, last_seen_at, people)


def _label(connection: sqlite3.Connection, name_id: int, name: str) -> str:
    """The spelling that the newest event was sent with: it is kept where it differs from the name."""
    dims, _ = connection.execute(_NEWEST, (name_id, 1)).fetchone()
    label: Any = orjson.loads(dims).get("_source_event_name", name)
    return str(label)


def name_sample(database: Database, project_id: int, event_name: str) -> NameSample | None:
    """The newest 10,000 events of that name; None when it has none."""
    name_id = name_code(database, project_id, event_name)
    bags = [] if name_id is None else database.read(_NEWEST, (name_id, SAMPLE_EVENTS))
    return NameSample(len(bags), [(dims, measures) for dims, measures in bags]) if bags else None
