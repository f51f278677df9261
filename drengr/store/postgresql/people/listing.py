"""The list of people, and one of them (contract 8)."""

from typing import Any

from drengr.people.questions import PeopleQuery, Who, folded
from drengr.people.results import MOST_DEVICES, Person
from drengr.store.postgresql import arrays
from drengr.store.postgresql.connections import Connection
from drengr.store.postgresql.database import Database
from drengr.store.postgresql.people.keys import person_key
from drengr.store.postgresql.people.who import IDENTITIES_OF, OWNER, devices_of, person_of

_FEW = 1000  # people whose events are looked up one by one; past that, all of a project are read
_INDEXED = 100  # characters of an id, see schema_postgresql.sql
_LAST_CHARACTER = "\U0010ffff"
_BEGINNING = """
SELECT id FROM persons
WHERE project_id = ? AND left(person, 100) >= ? AND left(person, 100) <= ? AND starts_with(person, ?) LIMIT ?
"""
_WHOLE = "SELECT id FROM persons WHERE project_id = ? AND person_key = ?"
_OF_FEW = f"""
SELECT w.person_id, min(e.first_at) AS first_at, max(e.last_at) AS last_at, sum(e.events)::bigint AS events
FROM ({IDENTITIES_OF}) AS w CROSS JOIN LATERAL (
  SELECT min(occurred_at) AS first_at, max(occurred_at) AS last_at, count(*) AS events
  FROM semantic_events WHERE identity_id = w.identity_id) AS e
GROUP BY w.person_id
"""
_OF_NEWEST = f"""
WITH newest AS MATERIALIZED (
  SELECT identity_id, occurred_at FROM semantic_events WHERE project_id = ? AND occurred_at <= ?
  ORDER BY occurred_at DESC LIMIT ?
)
SELECT (SELECT count(*) FROM newest), (SELECT min(occurred_at) FROM newest), array_agg(DISTINCT w.person_id)
FROM (
  SELECT coalesce(i.user_id, {OWNER}) AS person_id
  FROM identities AS i LEFT JOIN persons AS d ON d.id = i.device_id
  WHERE i.id IN (SELECT identity_id FROM newest)) AS w
WHERE w.person_id IS NOT NULL
"""
_FIRST_EVENTS, _MOST_EVENTS = 500, 50_000
_AFTER_ALL = 2**62
_OF_ALL = """
SELECT w.person_id, min(e.first_at) AS first_at, max(e.last_at) AS last_at, sum(e.events)::bigint AS events
FROM identity_people AS w JOIN (
  SELECT identity_id, min(occurred_at) AS first_at, max(occurred_at) AS last_at, count(*) AS events
  FROM semantic_events WHERE project_id = ? GROUP BY identity_id) AS e USING (identity_id)
WHERE w.project_id = ? AND w.person_id IS NOT NULL
GROUP BY w.person_id
"""
_PAGE = """
SELECT k.id, k.is_device, k.person, s.first_at, s.last_at, s.events
FROM ({summaries}) AS s JOIN persons AS k ON k.id = s.person_id
WHERE {filters} ORDER BY s.last_at DESC, k.id DESC LIMIT ?
"""


def people(database: Database, project_id: int, query: PeopleQuery) -> list[Person]:
    """A page of the people of the project, seen last first."""
    if query.query and "\0" in query.query:  # which no stored text has
        return []
    with database.snapshot() as connection:
        filters: dict[str, Any] = {"true": ()}
        values: list[Any] = [project_id, project_id]
        if query.before is not None:
            filters["(s.last_at, k.id) < (?::bigint, ?::bigint)"] = query.before
        if query.since is not None:
            filters["s.last_at >= ?"] = (query.since,)
        if query.until is not None:
            filters["s.last_at <= ?"] = (query.until,)
        if not query.query and (found := _of_newest_events(connection, project_id, query, filters)) is not None:
            return found
        summaries = _OF_ALL
        if query.query:
            few = _called(connection, project_id, query.query)
            if len(few) <= _FEW:
                summaries, values = _OF_FEW, [arrays.numbers(few)]
            else:
                filters["(starts_with(k.person, ?) OR k.person = ?)"] = (query.query, folded(query.query))
        return _page(connection, summaries, values, filters, query.limit)


def _of_newest_events(
    connection: Connection, project_id: int, query: PeopleQuery, filters: dict[str, Any]
) -> list[Person] | None:
    """The page, told from the newest events; None when it takes so many that all people can be asked for as well.

    Whoever was seen last after the oldest of these events has one among them.
    """
    bounds = [query.before.last_seen_at if query.before else None, query.until]
    newest = min((bound for bound in bounds if bound is not None), default=_AFTER_ALL)
    events = _FIRST_EVENTS
    while events <= _MOST_EVENTS:
        number, oldest, persons = connection.execute(_OF_NEWEST, (project_id, newest, events)).fetchall()[0]
        whole = {} if number < events else {"s.last_at > ?": (oldest,)}
        found = _page(connection, _OF_FEW, [arrays.numbers(persons or ())], filters | whole, query.limit)
        if not whole or len(found) == query.limit or (query.since is not None and oldest < query.since):
            return found
        events *= 10
    return None


def person(database: Database, project_id: int, who: Who) -> Person | None:
    """That person; None when nobody has an event under this id."""
    with database.snapshot() as connection:
        number = person_of(connection, project_id, who)
        if number is None:
            return None
        found = _page(connection, _OF_FEW, [arrays.numbers([number])], {"k.id = ?": (number,)}, 1)
        return found[0] if found else None


def _called(connection: Connection, project_id: int, words: str) -> list[int]:
    """The users and devices whose id is this or begins so; at most one more than a few."""
    whole, start = folded(words), words[:_INDEXED]
    asked = project_id, start, start + _LAST_CHARACTER * (_INDEXED - len(start)), words, _FEW + 1
    rows = connection.execute(_BEGINNING, asked).fetchall()
    rows += connection.execute(_WHOLE, (project_id, person_key(whole))).fetchall() if whole != words else []
    return [row[0] for row in rows]


def _page(
    connection: Connection, summaries: str, values: list[Any], filters: dict[str, Any], limit: int
) -> list[Person]:
    statement = _PAGE.format(summaries=summaries, filters=" AND ".join(filters))
    given = (value for each in filters.values() for value in each)
    rows = connection.execute(statement, (*values, *given, limit)).fetchall()
    return [_plain(connection, *row) for row in rows]


def _plain(
    connection: Connection, number: int, is_device: bool, name: str, first_at: int, last_at: int, events: int
) -> Person:
    devices = (name,) if is_device else devices_of(connection, number, MOST_DEVICES)
    return Person(number, "device" if is_device else "user", name, first_at, last_at, events, devices)
