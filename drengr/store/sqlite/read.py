"""The log, newest first, a page at a time (contract 6)."""

from itertools import chain
from typing import Any

import orjson

from drengr.admin.questions import PageQuery
from drengr.admin.shown import StoredEvent
from drengr.store.names import name_code
from drengr.store.results import Arrivals
from drengr.store.sqlite.database import Database
from drengr.store.sqlite.packing import folded_id, packed_id, plain_id
from drengr.store.sqlite.people.who import number_of

# CROSS JOIN, NOT INDEXED: the events come out of an index in the order wanted, the words are looked up by id for each.
_EVENTS = """
SELECT e.id, e.event_id, n.name, o.source, i.install_id, i.external_id, e.session_id,
       e.occurred_at, e.received_at, e.dims, e.measures, e.properties
FROM semantic_events AS e
CROSS JOIN event_names AS n NOT INDEXED ON n.id = e.name_id
CROSS JOIN origins AS o NOT INDEXED ON o.id = e.origin_id
CROSS JOIN identities AS i NOT INDEXED ON i.id = e.identity_id
WHERE {filters}
"""
_PAGE = _EVENTS + "AND {place} ORDER BY e.occurred_at DESC, e.id DESC LIMIT ?"
_BY_IDS = _EVENTS.format(filters="e.id IN (SELECT value FROM json_each(?))")
# In the order of storing. The + keeps the planner off every index but the row's own number.
_ARRIVALS = _EVENTS + "AND e.id > ? AND e.id <= ? ORDER BY e.id LIMIT ?"

# Of one identity, newest first; nothing of the rows is read unless a filter needs it.
_PLACES_OF_ONE = """
SELECT e.occurred_at, e.id FROM semantic_events AS e INDEXED BY events_by_identity_and_time
WHERE e.identity_id = ? AND {filters} AND {place} ORDER BY e.occurred_at DESC, e.id DESC LIMIT ?
"""
# Of so many identities that to ask for each would take longer than to read all their places.
_PLACES_OF_MANY = """
SELECT e.occurred_at, e.id FROM identities AS i
CROSS JOIN semantic_events AS e INDEXED BY events_by_identity_and_time ON e.identity_id = i.id
WHERE {filters} ORDER BY e.occurred_at DESC, e.id DESC LIMIT ?
"""
_FEW_IDENTITIES = 300

# A row-value comparison (occurred_at, id) < (?, ?) would say the same in one, but SQLite searches an index by its first
# half only: it would walk through every earlier row of that millisecond, 100,000 of them after an import of dates.
_SAME_MILLISECOND = "e.occurred_at = ? AND e.id < ?"
_EARLIER = "e.occurred_at >= ? AND e.occurred_at < ?"

Filter = tuple[str, tuple[Any, ...]]  # a condition, its parameters
Row = tuple[Any, ...]
Place = tuple[int, int]  # occurred_at, id


def event_page(database: Database, project_id: int, query: PageQuery) -> list[StoredEvent]:
    """The events that the query asks for, newest first; of one millisecond, the last stored first."""
    filters = row_filters(database, project_id, query)
    whose = identity_filters(database, project_id, query)
    if filters is None or whose is None:
        return []
    if whose:
        return newest_of(database, joined(whose), filters, query)
    rows: list[Row] = []
    for statement, parameters in page_statements(project_id, filters, query):
        if len(rows) < query.limit:
            # No snapshot is needed: what is stored between the two has a larger id than the first could find.
            rows += database.read(statement, (*parameters, query.limit - len(rows)))
    return [_plain(row) for row in rows]


def page_statements(project_id: int, filters: list[Filter], query: PageQuery) -> list[Filter]:
    """(SQL, its parameters but the limit) whose rows, one after the other, are the page.

    Two after a cursor: the rest of its millisecond, and what is earlier.
    """
    # A name belongs to one project. The + keeps the planner off the project's own index, which ties with the name's in
    # its eyes: a name's events are fewer than a project's.
    project = "+e.project_id = ?" if query.event_name is not None else "e.project_id = ?"
    words, values = joined([(project, (project_id,)), *filters])
    return [(_PAGE.format(filters=words, place=place), (*values, *bounds)) for place, bounds in places_of(query)]


def newest_of(database: Database, whose: Filter, filters: list[Filter], query: PageQuery) -> list[StoredEvent]:
    """The page of the events of some identities, however many others there are and however deep it lies.

    whose  condition on `identities AS i`
    """
    condition, values = whose
    few = f"SELECT i.id FROM identities AS i WHERE {condition} LIMIT ?"
    identities = [row[0] for row in database.read(few, (*values, _FEW_IDENTITIES + 1))]
    if len(identities) > _FEW_IDENTITIES:
        statements = [
            (_PLACES_OF_MANY.format(filters=words), given)
            for words, given in (joined([whose, *filters, place]) for place in places_of(query))
        ]
        places: list[Place] = []
        for statement, parameters in statements:
            places += database.read(statement, (*parameters, query.limit - len(places)))
        return events_at(database, places)
    # Each has to give a whole page, because nobody knows how they lie among each other.
    found = [
        database.read(statement, (*parameters, query.limit))
        for identity in identities
        for statement, parameters in places_of_one(identity, filters, query)
    ]
    return events_at(database, sorted(chain.from_iterable(found), reverse=True)[: query.limit])


def places_of_one(identity: int, filters: list[Filter], query: PageQuery) -> list[Filter]:
    """As page_statements, for the places of one identity's events in the log."""
    words, values = joined(filters)
    return [
        (_PLACES_OF_ONE.format(filters=words, place=place), (identity, *values, *bounds))
        for place, bounds in places_of(query)
    ]


def events_at(database: Database, places: list[Place]) -> list[StoredEvent]:
    """The events at these places in the log (occurred_at, id), in their order, but those that have gone meanwhile."""
    found = {row[0]: row for row in database.read(_BY_IDS, (orjson.dumps([number for _, number in places]).decode(),))}
    return [_plain(found[number]) for _, number in places if number in found]


def places_of(query: PageQuery) -> list[Filter]:
    """What lies before the query's position: the rest of its millisecond, and what is earlier."""
    places: list[Filter] = [(_EARLIER, (query.since, query.before.occurred_at))]
    if query.before.id > 0 and query.before.occurred_at >= query.since:
        places.insert(0, (_SAME_MILLISECOND, query.before))
    return places


def row_filters(database: Database, project_id: int, query: PageQuery) -> list[Filter] | None:
    """Conditions on `semantic_events AS e`; None when nothing can match."""
    filters: list[Filter] = []
    if query.event_name is not None:
        name_id = name_code(database, project_id, query.event_name)
        if name_id is None:
            return None
        filters.append(("e.name_id = ?", (name_id,)))
    if query.source is not None:
        filters.append(("e.origin_id IN (SELECT id FROM origins WHERE source = ?)", (query.source,)))
    return filters


def identity_filters(database: Database, project_id: int, query: PageQuery) -> list[Filter] | None:
    """Conditions on `identities AS i`, empty when the query names no id; None when nothing can match.

    Two spellings of one canonical UUID are one id, every other is exact (contract 8).
    """
    filters: list[Filter] = []
    for user in {folded_id(packed_id(wanted)) for wanted in (query.user_id, query.external_id) if wanted is not None}:
        number = number_of(database, project_id, user, is_device=False)
        if number is None or filters:  # nobody has two ids
            return None
        filters.append(("i.person_id = ? AND i.user_id = ?", (number, number)))
    if query.install_id is not None:
        number = number_of(database, project_id, folded_id(packed_id(query.install_id)), is_device=True)
        if number is None:
            return None
        filters.append(("i.device_id = ?", (number,)))
    return filters


def arrivals(database: Database, project_id: int, after_id: int, query: PageQuery) -> Arrivals:
    """The first `query.limit` events stored after that id, in the order of storing; the query's times do not count."""
    newest = last_id(database)
    filters = row_filters(database, project_id, query)
    whose = identity_filters(database, project_id, query)
    if filters is None or whose is None:  # until somebody of that name or id comes
        return Arrivals([], max(newest, after_id))
    project: Filter = ("+e.project_id = ?", (project_id,))
    words, values = joined([project, *((f"+{condition}", given) for condition, given in filters), *whose])
    rows = database.read(_ARRIVALS.format(filters=words), (*values, after_id, newest, query.limit))
    return Arrivals([_plain(row) for row in rows], rows[-1][0] if len(rows) == query.limit else max(newest, after_id))


def joined(filters: list[Filter]) -> Filter:
    """All the conditions as one."""
    words = " AND ".join(condition for condition, _ in filters) or "true"
    return words, tuple(value for _, given in filters for value in given)


def last_id(database: Database) -> int:
    """The id of the event stored last; 0 when there is none."""
    return int(database.read("SELECT ifnull(max(id), 0) FROM semantic_events")[0][0])


def _plain(row: Row) -> StoredEvent:
    event_id, name, source, install_id, external_id, *rest = row[1:]
    return StoredEvent(row[0], plain_id(event_id), name, source, plain_id(install_id), plain_id(external_id), *rest)
