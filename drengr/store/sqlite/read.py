"""The log, newest first, a page at a time (contract 6)."""
from typing import Any

from drengr.admin.questions import PageQuery
from drengr.admin.shown import StoredEvent
from drengr.admin.words import is_uuid
from drengr.store.names import name_code
from drengr.store.results import Arrivals
from drengr.store.sqlite.database import Database
from drengr.store.sqlite.packing import packed_id, plain_id

# CROSS JOIN, NOT INDEXED: the events come out of an index in the order wanted, the words are looked up by id for each.
_PAGE = """
SELECT e.id, e.event_id, n.name, o.source, e.install_id, e.external_id, e.session_id,
       e.occurred_at, e.received_at, e.dims, e.measures, e.properties
FROM semantic_events AS e
CROSS JOIN event_names AS n NOT INDEXED ON n.id = e.name_id
CROSS JOIN origins AS o NOT INDEXED ON o.id = e.origin_id
WHERE {filters} AND {place}
ORDER BY e.occurred_at DESC, e.id DESC
LIMIT ?
"""

# In the order of storing. The + keeps the planner off every index but the row's own number.
_ARRIVALS = """
SELECT e.id, e.event_id, n.name, o.source, e.install_id, e.external_id, e.session_id,
       e.occurred_at, e.received_at, e.dims, e.measures, e.properties
FROM semantic_events AS e
CROSS JOIN event_names AS n NOT INDEXED ON n.id = e.name_id
CROSS JOIN origins AS o NOT INDEXED ON o.id = e.origin_id
WHERE e.id > ? AND e.id <= ? AND {filters}
ORDER BY e.id
LIMIT ?
"""

# A row-value comparison (occurred_at, id) < (?, ?) would say the same in one, but SQLite searches an index by its first
# half only: it would walk through every earlier row of that millisecond, 100,000 of them after an import of dates.
_SAME_MILLISECOND = "e.occurred_at = ? AND e.id < ?"
_EARLIER = "e.occurred_at >= ? AND e.occurred_at < ?"
# Two spellings of one canonical UUID are one id (contract 8): in lower case it lies packed, in another as text. Other
# ids are exact; NOCASE beside it lets them find the same index. An id has so few events that the planner prefers the
# index for users to the one for names, where an operator made it (see schema.sql).
_ID_IN_EVERY_CASE = "likelihood({column} COLLATE NOCASE IN (?, ?), 0.00001)"
_EXACT_ID = "likelihood({column} COLLATE NOCASE = ?, 0.00001) AND {column} = ?"

Filter = tuple[str, tuple[Any, ...]]  # a condition, its parameters


def event_page(database: Database, project_id: int, query: PageQuery) -> list[StoredEvent]:
    """The events that the query asks for, newest first; of one millisecond, the last stored first."""
    rows: list[tuple[Any, ...]] = []
    for statement, parameters in page_statements(database, project_id, query):
        if len(rows) < query.limit:
            # No snapshot is needed: what is stored between the two has a larger id than the first could find.
            rows += database.read(statement, (*parameters, query.limit - len(rows)))
    return [_plain(row) for row in rows]


def page_statements(database: Database, project_id: int, query: PageQuery) -> list[tuple[str, tuple[Any, ...]]]:
    """(SQL, its parameters but the limit) whose rows, one after the other, are the page.

    Empty when the filters can match nothing; two after a cursor: the rest of its millisecond, and what is earlier.
    """
    filters: list[Filter] = [("e.project_id = ?", (project_id,))]
    users = {_folded(wanted) for wanted in (query.user_id, query.external_id) if wanted is not None}
    if len(users) > 1:
        return []
    filters += [is_id("e.external_id", user) for user in users]
    if query.event_name is not None:
        name_id = name_code(database, project_id, query.event_name)
        if name_id is None:
            return []
        if not users:
            # A name belongs to one project. The + keeps the planner off the project's own index, which ties with the
            # name's in its eyes: a user's events are fewer than a name's, a name's fewer than a project's.
            filters = [("+e.project_id = ?", (project_id,))]
        filters.append(("e.name_id = ?", (name_id,)))
    if query.install_id is not None:
        filters.append(is_id("e.install_id", query.install_id))
    if query.source is not None:
        filters.append(("o.source = ?", (query.source,)))
    places = [(_EARLIER, (query.since, query.before.occurred_at))]
    if query.before.id > 0 and query.before.occurred_at >= query.since:
        places.insert(0, (_SAME_MILLISECOND, query.before))
    words, values = joined(filters)
    return [(_PAGE.format(filters=words, place=place), (*values, *bounds)) for place, bounds in places]


def arrivals(database: Database, project_id: int, after_id: int, query: PageQuery) -> Arrivals:
    """The first `query.limit` events stored after that id, in the order of storing; the query's times do not count."""
    newest = last_id(database)
    filters: list[Filter] = [("+e.project_id = ?", (project_id,))]
    filters += [is_id("+e.external_id", who) for who in (query.user_id, query.external_id) if who is not None]
    if query.install_id is not None:
        filters.append(is_id("+e.install_id", query.install_id))
    exact = (("n.name = ?", query.event_name), ("o.source = ?", query.source))
    filters += [(condition, (value,)) for condition, value in exact if value is not None]
    words, values = joined(filters)
    rows = database.read(_ARRIVALS.format(filters=words), (after_id, newest, *values, query.limit))
    return Arrivals([_plain(row) for row in rows], rows[-1][0] if len(rows) == query.limit else max(newest, after_id))


def _folded(text: str) -> str:
    return text.lower() if is_uuid(text) else text


def is_id(column: str, text: str) -> Filter:
    """That a packed column is this id."""
    if is_uuid(text):
        return _ID_IN_EVERY_CASE.format(column=column), (packed_id(text.lower()), text)
    return _EXACT_ID.format(column=column), (text, text)


def joined(filters: list[Filter]) -> tuple[str, tuple[Any, ...]]:
    """(all the conditions as one, their parameters)."""
    return " AND ".join(condition for condition, _ in filters), tuple(value for _, given in filters for value in given)


def last_id(database: Database) -> int:
    """The id of the event stored last; 0 when there is none."""
    return int(database.read("SELECT ifnull(max(id), 0) FROM semantic_events")[0][0])


def _plain(row: tuple[Any, ...]) -> StoredEvent:
    event_id, name, source, install_id, external_id, *rest = row[1:]
    return StoredEvent(row[0], plain_id(event_id), name, source, plain_id(install_id), plain_id(external_id), *rest)
