"""The names of events and what there is of each; the newest of one name (contract 8)."""

from typing import Any

from drengr.events.times import DAY_MS
from drengr.people.questions import NamesQuery
from drengr.people.results import SAMPLE_EVENTS, NameSample, NameSummary
from drengr.store.postgresql import arrays
from drengr.store.postgresql.connections import Connection
from drengr.store.postgresql.database import Database
from drengr.store.postgresql.statistics import expect_many

_PEOPLE_DAYS = 30

_PAGE = """
SELECT n.id, n.name, t.events FROM (
  SELECT name_id, sum(events)::bigint AS events FROM day_totals WHERE project_id = ? GROUP BY 1) AS t
JOIN event_names AS n ON n.id = t.name_id
WHERE {filters} ORDER BY t.events DESC, n.name LIMIT ?
"""
_EDGES = """
SELECT asked.id, coalesce(newest.dims ->> '_source_event_name', n.name), oldest.occurred_at, newest.occurred_at
FROM unnest(?::bigint[]) AS asked (id)
JOIN event_names AS n USING (id)
CROSS JOIN LATERAL (
  SELECT occurred_at FROM semantic_events WHERE name_id = n.id ORDER BY occurred_at LIMIT 1) AS oldest
CROSS JOIN LATERAL (
  SELECT occurred_at, dims FROM semantic_events WHERE name_id = n.id
  ORDER BY occurred_at DESC, id DESC LIMIT 1) AS newest
"""
_PEOPLE = """
SELECT name_id, count(*) FROM (
  SELECT DISTINCT e.name_id, w.person_id
  FROM semantic_events AS e JOIN identity_people AS w USING (identity_id)
  WHERE e.name_id = ANY(?::bigint[]) AND e.occurred_at >= ? AND e.occurred_at < ?
    AND w.project_id = ? AND w.person_id IS NOT NULL) AS people
GROUP BY 1
"""
_TO_READ = """
SELECT coalesce(sum(events), 0)::bigint FROM day_totals
WHERE project_id = ? AND name_id = ANY(?::bigint[]) AND day >= ? AND day <= ?
"""
_SAMPLE = """
SELECT e.dims::text, e.measures::text
FROM semantic_events AS e JOIN event_names AS n ON n.id = e.name_id
WHERE n.project_id = ? AND n.name = ? ORDER BY e.occurred_at DESC, e.id DESC LIMIT ?
"""


def names(database: Database, project_id: int, query: NamesQuery) -> list[NameSummary]:
    """A page of the names that have events, most events first, then by name."""
    if "\0" in (query.query or "") + (query.after or (0, ""))[1]:  # which no stored text has
        return []
    filters: dict[str, Any] = {"t.events > 0": ()}
    if query.query:
        filters["starts_with(n.name, ?)"] = (query.query,)
    if query.after is not None:
        events, name = query.after
        filters["(t.events < ? OR (t.events = ? AND n.name > ?))"] = (events, events, name)
    values = [value for each in filters.values() for value in each]
    first, last = query.today - _PEOPLE_DAYS + 1, query.today
    with database.snapshot() as connection:
        page = connection.execute(
            _PAGE.format(filters=" AND ".join(filters)), (project_id, *values, query.limit)
        ).fetchall()
        ids = arrays.numbers(row[0] for row in page)
        edges = {row[0]: row[1:] for row in connection.execute(_EDGES, (ids,)).fetchall()}
        people: dict[int, int] | None = None
        if query.counts_people and _is_short(connection, (project_id, ids, first, last), query.most_read):
            days = first * DAY_MS, (last + 1) * DAY_MS
            expect_many(connection, project_id, None, first, last)
            people = dict(connection.execute(_PEOPLE, (ids, *days, project_id)).fetchall())
    return [
        NameSummary(name, label, events, since, until, None if people is None else people.get(name_id, 0))
        for name_id, name, events in page
        for label, since, until in (edges[name_id],)
    ]


def _is_short(connection: Connection, asked: tuple[object, ...], most_read: int | None) -> bool:
    """Whether no more events are read for the people of these names on these days."""
    return most_read is None or connection.execute(_TO_READ, asked).fetchall()[0][0] <= most_read


def name_sample(database: Database, project_id: int, event_name: str) -> NameSample | None:
    """The newest 10,000 events of that name; None when it has none."""
    if "\0" in event_name:
        return None
    with database.snapshot() as connection:
        bags = connection.execute(_SAMPLE, (project_id, event_name, SAMPLE_EVENTS)).fetchall()
    return NameSample(len(bags), bags) if bags else None
