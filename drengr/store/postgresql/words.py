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

# Each with each: planned in a quarter of the time that a join with the pairs takes.
_FIND_NAMES = """
SELECT project_id, name, id FROM event_names WHERE project_id = ANY(?::bigint[]) AND name = ANY(?::text[])
"""
_FIND_ORIGINS = """
SELECT source, app_package, id FROM origins WHERE source = ANY(?::text[]) AND coalesce(app_package, '') = ANY(?::text[])
"""
_MAKE_NAMES = """
INSERT INTO event_names (project_id, name) SELECT * FROM unnest(?::bigint[], ?::text[])
ON CONFLICT (project_id, name) DO NOTHING
"""
_MAKE_ORIGINS = """
INSERT INTO origins (source, app_package) SELECT * FROM unnest(?::text[], ?::text[])
ON CONFLICT (source, coalesce(app_package, ''), (app_package IS NULL)) DO NOTHING
"""


def questions(words: Iterable[Word]) -> tuple[Statement, Statement]:
    """What finds those of these words that are known, and maybe others."""
    names, origins = _of_each_kind(set(words))
    projects, texts = {project for project, _ in names}, {name for _, name in names}
    sources, packages = {source for source, _ in origins}, {package or "" for _, package in origins}
    return (
        Statement(_FIND_NAMES, (arrays.numbers(projects), arrays.texts(texts))),
        Statement(_FIND_ORIGINS, (arrays.texts(sources), arrays.texts(packages))),
    )


def codes(connection: Connection, words: Iterable[Word], found: Iterable[tuple[Any, ...]]) -> Codes:
    """The number of each word. New ones are made in one order, so that writers wait in no circle.

    found  what the questions answered
    """
    known = _known(found)
    if missing := set(words) - known.keys():
        names, origins = _columns(missing)
        connection.execute(_MAKE_NAMES, names)
        connection.execute(_MAKE_ORIGINS, origins)
        for statement in questions(missing):  # which see what others made meanwhile
            known |= _known(connection.execute(*statement))
    return known


def _known(rows: Iterable[tuple[Any, ...]]) -> Codes:
    return {(first, text): number for first, text, number in rows}


def _of_each_kind(words: set[Word]) -> tuple[list[Word], list[Word]]:
    """The names and the origins, each in the order of their keys."""
    names = sorted(word for word in words if isinstance(word[0], int))
    origins = sorted((word for word in words if isinstance(word[0], str)), key=lambda word: (word[0], word[1] or ""))
    return names, origins


def _columns(words: set[Word]) -> tuple[tuple[str, str], tuple[str, str]]:
    """The columns of names and of origins."""
    names, origins = _of_each_kind(words)
    return (
        (arrays.numbers(project_id for project_id, _ in names), arrays.texts(name for _, name in names)),
        (arrays.texts(source for source, _ in origins), arrays.texts(package for _, package in origins)),
    )
