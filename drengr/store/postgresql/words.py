"""Words that repeat in every event: names by project, and the origins of events, made where they are new."""

from collections.abc import Callable
from typing import Any

from drengr.store.postgresql import arrays
from drengr.store.postgresql.connections import Connection

Word = tuple[Any, ...]  # of a name (project_id, name), of an origin (source, app_package)
Codes = dict[Word, int]

_NAMES = """
INSERT INTO event_names (project_id, name) SELECT * FROM unnest(?::bigint[], ?::text[])
ON CONFLICT (project_id, name) DO NOTHING
"""
_NAME_CODES = """
SELECT n.project_id, n.name, n.id FROM event_names AS n
JOIN unnest(?::bigint[], ?::text[]) AS asked (project_id, name) USING (project_id, name)
"""
_ORIGINS = """
INSERT INTO origins (source, app_package) SELECT * FROM unnest(?::text[], ?::text[])
ON CONFLICT (source, coalesce(app_package, ''), (app_package IS NULL)) DO NOTHING
"""
_ORIGIN_CODES = """
SELECT o.source, o.app_package, o.id FROM origins AS o
JOIN unnest(?::text[], ?::text[]) AS asked (source, app_package)
  ON o.source = asked.source AND o.app_package IS NOT DISTINCT FROM asked.app_package
"""


def codes(connection: Connection, missing: set[tuple[Any, ...]]) -> Codes:
    """The codes of these names and origins, made where they are new."""
    names = sorted(key for key in missing if isinstance(key[0], int))
    origins = sorted((key for key in missing if isinstance(key[0], str)), key=lambda key: (key[0], key[1] or ""))
    found: Codes = {}
    if names:
        found |= _made(connection, names, arrays.numbers, _NAMES, _NAME_CODES)
    if origins:
        found |= _made(connection, origins, arrays.texts, _ORIGINS, _ORIGIN_CODES)
    return found


def _made(
    connection: Connection, keys: list[tuple[Any, ...]], first: Callable[[Any], str], make: str, find: str
) -> Codes:
    owners, words = zip(*keys, strict=True)
    columns = first(owners), arrays.texts(words)
    connection.execute(make, columns)
    return {tuple(row[:2]): row[2] for row in connection.execute(find, columns).fetchall()}
