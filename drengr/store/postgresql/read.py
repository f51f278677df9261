"""The log, newest first, a page at a time (contract 6)."""

from typing import Any

from drengr.admin.questions import PageQuery
from drengr.admin.shown import StoredEvent
from drengr.people.questions import folded
from drengr.store.postgresql import arrays
from drengr.store.postgresql.connections import Connection
from drengr.store.postgresql.database import Database
from drengr.store.postgresql.packing import event_id_of
from drengr.store.postgresql.people.who import Whose, identities_sent

_COLUMNS = """
  e.id, e.dedup_key, e.name_id, e.origin_id, e.identity_id, e.session_id, e.session_is_integer,
  e.occurred_at, e.received_at, e.dims::text, e.measures::text, e.properties::text
"""
# The events come out of an index in the order wanted; the words are looked up for those of the page only.
_IN_WORDS = """
SELECT e.id, e.dedup_key, n.name, o.source, i.install_id, i.external_id, e.session_id, e.session_is_integer,
  e.occurred_at, e.received_at, e.dims, e.measures, e.properties
FROM ({events}) AS e
JOIN event_names AS n ON n.id = e.name_id JOIN origins AS o ON o.id = e.origin_id
JOIN identities AS i ON i.id = e.identity_id
ORDER BY {order}
"""
_AMONG_ALL = f"SELECT {_COLUMNS} FROM semantic_events AS e WHERE {{filters}} ORDER BY {{order}} LIMIT ?"
_OF_EACH = f"""
SELECT e.* FROM unnest(?::bigint[]) AS one (id) CROSS JOIN LATERAL (
  SELECT {_COLUMNS} FROM semantic_events AS e WHERE e.identity_id = one.id AND {{filters}}
  ORDER BY {{order}} LIMIT ?) AS e
ORDER BY {{order}} LIMIT ?
"""
_NEWEST_FIRST = "e.occurred_at DESC, e.id DESC"
_FEW = 300  # identities that are asked for one by one; past that, all the events between are looked at

Filters = dict[str, tuple[object, ...]]  # conditions on `semantic_events AS e`, and their values


def event_page(database: Database, project_id: int, query: PageQuery) -> list[StoredEvent]:
    """The events that the query asks for, newest first; of one millisecond, the last stored first."""
    with database.snapshot() as connection:
        return newest(connection, project_id, query, None)


def newest(connection: Connection, project_id: int, query: PageQuery, person: Whose | None) -> list[StoredEvent]:
    """The same; person: only those events that lie under these identities."""
    filters = filters_of(connection, project_id, query)
    sent = ids_of(connection, project_id, query)
    if filters is None or sent is None:
        return []
    filters["e.occurred_at >= ? AND (e.occurred_at, e.id) < (?::bigint, ?::bigint)"] = query.since, *query.before
    whose = [each for each in (person, sent) if each.sql] if person else [sent] if sent.sql else []
    if not whose:
        return events_among(connection, filters, query.limit, _NEWEST_FIRST)
    few = f"SELECT id FROM identities WHERE {' AND '.join(f'id IN ({each.sql})' for each in whose)} LIMIT ?"
    values = [value for each in whose for value in each.values]
    ids = [row[0] for row in connection.execute(few, (*values, _FEW + 1)).fetchall()]
    if len(ids) > _FEW:
        filters |= {f"e.identity_id IN ({each.sql})": each.values for each in whose}
        return events_among(connection, filters, query.limit, _NEWEST_FIRST)
    events = _OF_EACH.format(filters=" AND ".join(filters), order=_NEWEST_FIRST)
    bounds = arrays.numbers(ids), *_values(filters), query.limit, query.limit
    return _in_words(connection, events, bounds, _NEWEST_FIRST)


def events_among(connection: Connection, filters: Filters, limit: int, order: str = "e.id") -> list[StoredEvent]:
    """The first events in this order that pass the filters."""
    events = _AMONG_ALL.format(filters=" AND ".join(filters), order=order)
    return _in_words(connection, events, (*_values(filters), limit), order)


def filters_of(connection: Connection, project_id: int, query: PageQuery) -> Filters | None:
    """Conditions for project, name and source; None when nothing can match."""
    if any("\0" in text for text in (query.event_name, query.source) if text):  # which no stored text has
        return None
    filters: Filters = {"e.project_id = ?": (project_id,)}
    if query.event_name is not None:
        names = "SELECT id FROM event_names WHERE project_id = ? AND name = ?"
        found = connection.execute(names, (project_id, query.event_name)).fetchall()
        if not found:
            return None
        filters["e.name_id = ?"] = found[0]
    if query.source is not None:
        filters["e.origin_id IN (SELECT id FROM origins WHERE source = ?)"] = (query.source,)
    return filters


def ids_of(connection: Connection, project_id: int, query: PageQuery) -> Whose | None:
    """The identities with the ids that the query names, empty when it names none; None when nobody has them."""
    users = {folded(user) for user in (query.user_id, query.external_id) if user is not None}
    if not users and query.install_id is None:
        return Whose("", ())
    return identities_sent(connection, project_id, users, query.install_id) if len(users) < 2 else None


def _values(filters: Filters) -> list[object]:
    return [value for values in filters.values() for value in values]


def _in_words(connection: Connection, events: str, values: tuple[object, ...], order: str) -> list[StoredEvent]:
    rows = connection.execute(_IN_WORDS.format(events=events, order=order), values).fetchall()
    return [_plain(row) for row in rows]


def _plain(row: tuple[Any, ...]) -> StoredEvent:
    number, key, name, source, install_id, external_id, session, is_integer, *rest = row
    return StoredEvent(
        number, event_id_of(key), name, source, install_id, external_id, int(session) if is_integer else session, *rest
    )
