"""Words that repeat in every event, names by project and the origins of events: found, or made where they are new.

Nothing is remembered from one transaction to the next: a number would mean another word, or none, once somebody put
an earlier state of the database back. To ask costs one statement a group of requests.
"""

from collections.abc import Iterable
from typing import Any

from drengr.store.postgresql import arrays
from drengr.store.postgresql.connections import Connection, Statement

Word = tuple[Any, ...]  # of a name (project_id, name), of an origin (source, app_package)
Codes = dict[Word, int]

_FIND = """
SELECT NULL, n.project_id, n.name, n.id FROM unnest(?::bigint[], ?::text[]) AS asked (project_id, name)
JOIN event_names AS n USING (project_id, name)
UNION ALL
SELECT o.source, NULL, o.app_package, o.id FROM unnest(?::text[], ?::text[]) AS asked (source, app_package)
JOIN origins AS o ON o.source = asked.source AND o.app_package IS NOT DISTINCT FROM asked.app_package
"""
_MAKE_NAMES = """
INSERT INTO event_names (project_id, name) SELECT * FROM unnest(?::bigint[], ?::text[])
ON CONFLICT (project_id, name) DO NOTHING
"""
_MAKE_ORIGINS = """
INSERT INTO origins (source, app_package) SELECT * FROM unnest(?::text[], ?::text[])
ON CONFLICT (source, coalesce(app_package, ''), (app_package IS NULL)) DO NOTHING
"""


def question(words: Iterable[Word]) -> Statement:
    """What finds those of these words that are known."""
    names, origins = _columns(set(words))
    return Statement(_FIND, (*names, *origins))


def codes(connection: Connection, words: Iterable[Word], found: Iterable[tuple[Any, ...]]) -> Codes:
    """The number of each word. New ones are made in one order, so that writers wait in no circle.

    found  what the question answered
    """
    known = _known(found)
    if missing := set(words) - known.keys():
        names, origins = _columns(missing)
        connection.execute(_MAKE_NAMES, names)
        connection.execute(_MAKE_ORIGINS, origins)
        known |= _known(connection.execute(*question(missing)))  # which sees what others made meanwhile
    return known


def _known(rows: Iterable[tuple[Any, ...]]) -> Codes:
    return {(project_id if source is None else source, text): number for source, project_id, text, number in rows}


def _columns(words: set[Word]) -> tuple[tuple[str, str], tuple[str, str]]:
    """The columns of names and of origins, each in the order of their keys."""
    names = sorted(word for word in words if isinstance(word[0], int))
    origins = sorted((word for word in words if isinstance(word[0], str)), key=lambda word: (word[0], word[1] or ""))
    return (
        (arrays.numbers(project_id for project_id, _ in names), arrays.texts(name for _, name in names)),
        (arrays.texts(source for source, _ in origins), arrays.texts(package for _, package in origins)),
    )
