"""How many people did some things one after the other (contract 8): the events of these names, in the order of time.

Each name's events come out of its index in that order; they are read in blocks, and cut so that one block lies wholly
before the next. So neither the file nor this process ever sorts or holds all of them.
"""

import sqlite3
from array import array
from bisect import bisect_left
from collections.abc import Callable, Iterator
from itertools import compress
from operator import itemgetter

from drengr.events.times import DAY_MS
from drengr.people.funnels import Block, names_of, reached_in_blocks
from drengr.people.questions import FunnelQuery
from drengr.store.names import name_code
from drengr.store.sqlite.database import Database
from drengr.store.sqlite.deadlines import deadline

_BLOCK = 500  # events of one name: what the processor's cache holds; 5,000 took a third longer
_AT_ONCE = 500_000  # people of the first step: past that the events are read again for each so many
_NO_NAME = -1

_EVENTS = """
SELECT occurred_at, identity_id FROM semantic_events INDEXED BY events_by_name_and_time
WHERE name_id = ? AND occurred_at >= ? AND occurred_at <= ? ORDER BY occurred_at
"""
_OWNERS = "SELECT id, person_id FROM identities INDEXED BY identities_by_person WHERE person_id > 0"
_LAST_IDENTITY = "SELECT ifnull(max(id), 0) FROM identities"
_EVENTS_OF_DAYS = """
SELECT ifnull(sum(events), 0) FROM day_totals
WHERE project_id = ? AND day >= ? AND day <= ? AND name_id = ?
"""
_PEOPLE = "SELECT ifnull(sum(people), 0) FROM day_people WHERE project_id = ? AND gap = 0"

Row = tuple[int, int]  # occurred_at, identity


def funnel(database: Database, project_id: int, query: FunnelQuery) -> list[int]:
    """How many people reached each step. Raises TooLong past the deadline."""
    with database.snapshot() as connection, deadline(connection) as check:
        names = [name_code(database, project_id, name) for name in names_of(query)]
        if names[0] is None:
            return [0] * len(query.steps)
        owner_of = _owners(connection)
        parts = _parts(connection, project_id, names[0], query)
        counted = [
            reached_in_blocks(query, _blocks(connection, names, query, owner_of, parts, part, check))
            for part in range(parts)
        ]
        return [sum(people) for people in zip(*counted, strict=True)]


def _parts(connection: sqlite3.Connection, project_id: int, name_id: int, query: FunnelQuery) -> int:
    """In how many parts the people must be taken, for their number is what memory grows with."""
    days = query.since // DAY_MS, query.until // DAY_MS
    (events,) = connection.execute(_EVENTS_OF_DAYS, (project_id, *days, name_id)).fetchone()
    (people,) = connection.execute(_PEOPLE, (project_id,)).fetchone()
    return 1 + int(min(events, people)) // _AT_ONCE


def _owners(connection: sqlite3.Connection) -> "array[int]":
    """The person of each identity by its number; 0: nobody."""
    (last,) = connection.execute(_LAST_IDENTITY).fetchone()
    owner_of = array("q", bytes(8 * (last + 1)))
    for identity, person in connection.execute(_OWNERS):
        owner_of[identity] = person
    return owner_of


def _blocks(
    connection: sqlite3.Connection,
    names: list[int | None],
    query: FunnelQuery,
    owner_of: "array[int]",
    parts: int,
    part: int,
    check: Callable[[], None],
) -> Iterator[Block]:
    """The events of every name; of those people only whose number leaves `part` when divided by `parts`."""
    window = query.since, query.until + query.within_ms
    cursors = [connection.execute(_EVENTS, (name_id or _NO_NAME, *window)) for name_id in names]
    for block in _cut(cursors):
        check()
        columns = []
        for rows in block:
            times = [occurred_at for occurred_at, _ in rows]
            people = [owner_of[identity] for _, identity in rows]
            if parts > 1:
                ours = [person % parts == part for person in people]
                times, people = list(compress(times, ours)), list(compress(people, ours))
            columns.append((times, people))
        yield columns


def _cut(cursors: list[sqlite3.Cursor]) -> Iterator[list[list[Row]]]:
    """The rows of all cursors, each in order of time; what comes at one time is never torn apart."""
    at = itemgetter(0)
    blocks: list[list[Row]] = [[] for _ in cursors]
    is_open = [True] * len(cursors)
    edge = -(2**63)  # before it, everything was told
    while any(is_open):
        for number, cursor in enumerate(cursors):
            if is_open[number] and (not blocks[number] or at(blocks[number][-1]) <= edge):
                blocks[number] += (more := cursor.fetchmany(_BLOCK))
                is_open[number] = len(more) == _BLOCK
        # Of the last millisecond of a block there may be more to come.
        edge = min((at(block[-1]) for block, goes_on in zip(blocks, is_open, strict=True) if goes_on), default=2**63)
        ends = [bisect_left(block, edge, key=at) for block in blocks]
        yield [block[:end] for block, end in zip(blocks, ends, strict=True)]
        blocks = [block[end:] for block, end in zip(blocks, ends, strict=True)]
