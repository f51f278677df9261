"""The log, newest first, a page at a time (contract 6)."""

from typing import Any

from drengr.admin.questions import PageQuery
from drengr.admin.shown import StoredEvent
from drengr.admin.words import is_uuid
from drengr.store.postgresql.connections import Connection
from drengr.store.postgresql.database import Database
from drengr.store.postgresql.packing import event_id_of

_COLUMNS = """
  e.id, e.dedup_key, e.name_id, e.origin_id, e.install_id, e.external_id, e.session_id, e.session_is_integer,
  e.occurred_at, e.received_at, e.dims::text, e.measures::text, e.properties::text
"""
# The events come out of an index in the order wanted; the words are looked up for those of the page only.
_PAGE = f"""
SELECT e.id, e.dedup_key, n.name, o.source, e.install_id, e.external_id, e.session_id, e.session_is_integer,
  e.occurred_at, e.received_at, e.dims, e.measures, e.properties
FROM (SELECT {_COLUMNS} FROM semantic_events AS e WHERE {{filters}} ORDER BY {{order}} LIMIT ?) AS e
JOIN event_names AS n ON n.id = e.name_id JOIN origins AS o ON o.id = e.origin_id
ORDER BY {{order}}
"""
_NEWEST_FIRST = "e.occurred_at DESC, e.id DESC"


def event_page(database: Database, project_id: int, query: PageQuery) -> list[StoredEvent]:
    """The events that the query asks for, newest first; of one millisecond, the last stored first."""
    with database.snapshot() as connection:
        filters = filters_of(connection, project_id, query)
        if filters is None:
            return []
        place = "e.occurred_at >= ? AND (e.occurred_at, e.id) < (?::bigint, ?::bigint)", (query.since, *query.before)
        return events_among(connection, filters, *place, query.limit, _NEWEST_FIRST)


def events_among(
    connection: Connection,
    filters: dict[str, object],
    place: str,
    bounds: tuple[object, ...],
    limit: int,
    order: str = "e.id",
) -> list[StoredEvent]:
    """The first events in this order that pass the filters, within the bounds of the place."""
    statement = _PAGE.format(filters=" AND ".join([*filters, place]), order=order)
    return [_plain(row) for row in connection.execute(statement, (*filters.values(), *bounds, limit)).fetchall()]


def filters_of(connection: Connection, project_id: int, query: PageQuery) -> dict[str, object] | None:
    """Conditions and their values; None when nothing can match."""
    texts = (query.event_name, query.external_id, query.install_id, query.source)
    users = {folded(user) for user in (query.user_id, query.external_id) if user is not None}
    if len(users) > 1 or any("\0" in text for text in texts if text):  # no stored text has a NUL
        return None
    filters: dict[str, object] = {"e.project_id = ?": project_id}
    filters |= {is_id("e.external_id", user): user for user in users}
    if query.event_name is not None:
        names = "SELECT id FROM event_names WHERE project_id = ? AND name = ?"
        found = connection.execute(names, (project_id, query.event_name)).fetchall()
        if not found:
            return None
        filters["e.name_id = ?"] = found[0][0]
    if query.install_id is not None:
        filters[is_id("e.install_id", query.install_id)] = folded(query.install_id)
    if query.source is not None:
        filters["e.origin_id IN (SELECT id FROM origins WHERE source = ?)"] = query.source
    return filters


def folded(text: str) -> str:
    """The id as it is compared: a canonical UUID in lower case, any other as it is."""
    return text.lower() if is_uuid(text) else text


def is_id(column: str, text: str) -> str:
    """That a column is this id, folded: two spellings of one UUID are one id (contract 8), others are exact."""
    return f"lower({column}) = ?" if is_uuid(text) else f"{column} = ?"


def _plain(row: tuple[Any, ...]) -> StoredEvent:
    number, key, name, source, install_id, external_id, session, is_integer, *rest = row
    return StoredEvent(
        number, event_id_of(key), name, source, install_id, external_id, int(session) if is_integer else session, *rest
    )
