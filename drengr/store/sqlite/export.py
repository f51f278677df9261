"""Events in the order of their ids, a slice at a time, so that no reader holds up a checkpoint (contract 9)."""

from contextlib import closing

from drengr.admin.exports import ExportQuery, WholeEvent
from drengr.store.names import name_code
from drengr.store.results import HourIds, Slice
from drengr.store.sqlite.database import Database
from drengr.store.sqlite.packing import folded_id, packed_id, plain_id
from drengr.store.sqlite.people.who import number_of
from drengr.store.sqlite.read import Filter, joined

_MOST_ROWS = 2000
_MOST_BYTES = 4 * 1024 * 1024
_MOST_LOOKED_AT = 20_000  # ids: a project with few events among many must not read for long either
_HOURS_LOOKED_AT = 200_000

# The + keeps the planner off every index but the row's own number.
_SLICE = """
SELECT e.id, e.event_id, n.name, o.source, o.app_package, i.install_id, i.external_id, e.session_id,
       e.occurred_at, e.received_at, e.dims, e.measures, e.properties
FROM semantic_events AS e
CROSS JOIN event_names AS n NOT INDEXED ON n.id = e.name_id
CROSS JOIN origins AS o NOT INDEXED ON o.id = e.origin_id
CROSS JOIN identities AS i NOT INDEXED ON i.id = e.identity_id
WHERE e.id > ? AND e.id <= ? AND {filters}
ORDER BY e.id
LIMIT ?
"""
_HOURS = """
SELECT received_at / 3600000, min(id), max(id) FROM semantic_events
WHERE id > ? AND id <= ? AND +project_id = ? AND received_at >= ? AND received_at < ?
GROUP BY 1
"""


def events_after(database: Database, project_id: int, query: ExportQuery, after_id: int, last_id: int) -> Slice:
    """The next of the project's events with these ids that the query asks for, and how far they go."""
    filters = _filters(database, project_id, query)
    end_id = min(last_id, after_id + _MOST_LOOKED_AT)
    if filters is None:
        return Slice([], last_id)
    words, values = joined(filters)
    events, size = [], 0
    connection = database.reading_connection()
    with closing(connection.execute(_SLICE.format(filters=words), (after_id, end_id, *values, _MOST_ROWS))) as rows:
        for number, event_id, name, source, package, install_id, external_id, *rest in rows:
            ids = plain_id(install_id), plain_id(external_id)
            events.append(WholeEvent(number, plain_id(event_id), name, source, package, *ids, *rest))
            size += sum(len(bag) for bag in rest[-3:] if bag)
            if size > _MOST_BYTES:
                return Slice(events, number)
    return Slice(events, end_id if len(events) < _MOST_ROWS else events[-1].id)


def hours_after(database: Database, project_id: int, received: range, after_id: int, last_id: int) -> HourIds:
    """In which hours the next of the project's events with these ids were received, and how far they go."""
    end_id = min(last_id, after_id + _HOURS_LOOKED_AT)
    rows = database.read(_HOURS, (after_id, end_id, project_id, received.start, received.stop))
    return HourIds({hour: (first, last) for hour, first, last in rows}, end_id)


def _filters(database: Database, project_id: int, query: ExportQuery) -> list[Filter] | None:
    """Conditions and their values; None when nothing can match."""
    filters: list[Filter] = [("+e.project_id = ?", (project_id,))]
    if query.event_name is not None:
        name_id = name_code(database, project_id, query.event_name)
        if name_id is None:
            return None
        filters.append(("+e.name_id = ?", (name_id,)))
    if query.external_id is not None:
        number = number_of(database, project_id, folded_id(packed_id(query.external_id)), is_device=False)
        if number is None:
            return None
        filters.append(("i.person_id = ?", (number,)))
    if query.install_id is not None:
        number = number_of(database, project_id, folded_id(packed_id(query.install_id)), is_device=True)
        if number is None:
            return None
        filters.append(("i.device_id = ? AND i.user_id IS NULL", (number,)))
    if query.since is not None:
        filters.append(("+e.occurred_at >= ?", (query.since,)))
    if query.until is not None:
        filters.append(("+e.occurred_at <= ?", (query.until,)))
    if query.received is not None:
        filters.append(("e.received_at >= ? AND e.received_at < ?", (query.received.start, query.received.stop)))
    return filters
