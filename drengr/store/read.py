"""The log, newest first, a page at a time (contract 6)."""

from drengr.admin_event import StoredEvent
from drengr.admin_query import PageQuery
from drengr.store.database import Database
from drengr.store.packing import packed_id, plain_id

# CROSS JOIN keeps the order: the events come out of an index as they are wanted, the words are looked up for each.
_PAGE = """
SELECT e.id, e.event_id, n.name, o.source, e.install_id, e.external_id, e.session_id,
       e.occurred_at, e.received_at, e.dims, e.measures, e.properties
FROM semantic_events AS e
CROSS JOIN event_names AS n ON n.id = e.name_id
CROSS JOIN origins AS o ON o.id = e.origin_id
WHERE {filters} AND e.occurred_at >= ? AND (e.occurred_at, e.id) < (?, ?)
ORDER BY e.occurred_at DESC, e.id DESC
LIMIT ?
"""


def event_page(database: Database, project_id: int, query: PageQuery) -> list[StoredEvent]:
    """The events that the query asks for, newest first; of one millisecond, the last stored first."""
    statement, parameters = page_statement(database, project_id, query)
    return [_plain(row) for row in database.read(statement, parameters)] if statement else []


def page_statement(database: Database, project_id: int, query: PageQuery) -> tuple[str, tuple]:
    """The SQL of a page and its parameters; no SQL when the event name was never seen."""
    filters: dict[str, object] = {"e.project_id = ?": project_id}
    for external_id in (query.user_id, query.external_id):
        if external_id is not None:
            filters[f"{'+' * ('e.external_id = ?' in filters)}e.external_id = ?"] = packed_id(external_id)
    if query.event_name is not None:
        name_id = name_code(database, project_id, query.event_name)
        if name_id is None:
            return "", ()
        if "e.external_id = ?" not in filters:
            # A name belongs to one project. The + keeps the planner off the project's own index, which ties with the
            # name's in its eyes: a user's events are fewer than a name's, a name's fewer than a project's.
            filters = {"+e.project_id = ?": project_id}
        filters["e.name_id = ?"] = name_id
    if query.install_id is not None:
        filters["e.install_id = ?"] = packed_id(query.install_id)
    if query.source is not None:
        filters["o.source = ?"] = query.source
    return _PAGE.format(filters=" AND ".join(filters)), (*filters.values(), query.since, *query.before, query.limit)


def name_code(database: Database, project_id: int, name: str) -> int | None:
    """The id of an event name, None when the project has no such event."""
    found = database.read("SELECT id FROM event_names WHERE project_id = ? AND name = ?", (project_id, name))
    return found[0][0] if found else None


def _plain(row: tuple) -> StoredEvent:
    event_id, name, source, install_id, external_id, *rest = row[1:]
    return StoredEvent(row[0], plain_id(event_id), name, source, plain_id(install_id), plain_id(external_id), *rest)
