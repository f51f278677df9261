"""Events in the order of their ids, a slice at a time, so that no snapshot is held for long (contract 9)."""

from typing import Any

from drengr.admin.exports import ExportQuery, WholeEvent
from drengr.admin.questions import PageQuery, Position
from drengr.people.questions import Who
from drengr.store.postgresql.connections import Connection
from drengr.store.postgresql.database import Database
from drengr.store.postgresql.packing import event_id_of
from drengr.store.postgresql.people.who import Whose, identities_of, identities_sent, number_of
from drengr.store.postgresql.read import Filters, filters_of
from drengr.store.results import HourIds, Slice

_MOST_ROWS = 2000
_MOST_BYTES = 4 * 1024 * 1024
_MOST_LOOKED_AT = 20_000  # ids: a project with few events among many must not read for long either
_HOURS_LOOKED_AT = 200_000

# `bytes` are those of the bags up to this row: the first row past the limit is the last one.
_SLICE = """
SELECT e.id, e.dedup_key, n.name, o.source, o.app_package, i.install_id, i.external_id, e.session_id,
  e.session_is_integer, e.occurred_at, e.received_at, e.dims, e.measures, e.properties, e.bytes
FROM (
  SELECT e.id, e.dedup_key, e.name_id, e.origin_id, e.identity_id, e.session_id, e.session_is_integer,
    e.occurred_at, e.received_at, e.dims::text, e.measures::text, e.properties::text,
    octet_length(concat(e.dims, e.measures, e.properties)) AS own_bytes,
    sum(octet_length(concat(e.dims, e.measures, e.properties))) OVER (ORDER BY e.id ROWS UNBOUNDED PRECEDING) AS bytes
  FROM semantic_events AS e WHERE e.id > ? AND e.id <= ? AND {filters} ORDER BY e.id LIMIT ?) AS e
JOIN event_names AS n ON n.id = e.name_id JOIN origins AS o ON o.id = e.origin_id
JOIN identities AS i ON i.id = e.identity_id
WHERE e.bytes - e.own_bytes <= ? ORDER BY e.id
"""
_HOURS = """
SELECT received_at / 3600000, min(id), max(id) FROM semantic_events
WHERE id > ? AND id <= ? AND project_id = ? AND received_at >= ? AND received_at < ?
GROUP BY 1
"""


def events_after(database: Database, project_id: int, query: ExportQuery, after_id: int, last_id: int) -> Slice:
    """The next of the project's events with these ids that the query asks for, and how far they go."""
    end_id = min(last_id, after_id + _MOST_LOOKED_AT)
    with database.snapshot() as connection:
        filters = _filters(connection, project_id, query)
        if filters is None:
            return Slice([], last_id)
        statement = _SLICE.format(filters=" AND ".join(filters))
        given = (value for values in filters.values() for value in values)
        values = after_id, end_id, *given, _MOST_ROWS, _MOST_BYTES
        rows = connection.execute(statement, values).fetchall()
    is_all = not rows or (len(rows) < _MOST_ROWS and rows[-1][-1] <= _MOST_BYTES)
    return Slice([_plain(row) for row in rows], end_id if is_all else rows[-1][0])


def hours_after(database: Database, project_id: int, received: range, after_id: int, last_id: int) -> HourIds:
    """In which hours the next of the project's events with these ids were received, and how far they go."""
    end_id = min(last_id, after_id + _HOURS_LOOKED_AT)
    with database.snapshot() as connection:
        values = after_id, end_id, project_id, received.start, received.stop
        rows = connection.execute(_HOURS, values).fetchall()
    return HourIds({hour: (first, last) for hour, first, last in rows}, end_id)


def _filters(connection: Connection, project_id: int, query: ExportQuery) -> Filters | None:
    """Conditions and their values; None when nothing can match."""
    asked = PageQuery(0, Position(0, 0), 0, query.event_name)
    filters = filters_of(connection, project_id, asked)
    if filters is None:
        return None
    whose: list[Whose | None] = []
    if query.external_id is not None:
        number = number_of(connection, project_id, Who("user", query.external_id))
        whose.append(None if number is None else identities_of(number))
    if query.install_id is not None:
        whose.append(identities_sent(connection, project_id, set(), query.install_id, anonymous=True))
    for each in whose:
        if each is None:
            return None
        filters[f"e.identity_id IN ({each.sql})"] = each.values
    if query.since is not None:
        filters["e.occurred_at >= ?"] = (query.since,)
    if query.until is not None:
        filters["e.occurred_at <= ?"] = (query.until,)
    if query.received is not None:
        filters["e.received_at >= ?"] = (query.received.start,)
        filters["e.received_at < ?"] = (query.received.stop,)
    return filters


def _plain(row: tuple[Any, ...]) -> WholeEvent:
    number, key, name, source, package, install_id, external_id, session, is_integer, *rest, _ = row
    session_id = int(session) if is_integer else session
    return WholeEvent(number, event_id_of(key), name, source, package, install_id, external_id, session_id, *rest)
