"""Put events away: one statement a group, which keeps the totals too (contract 13: writing).

The locks of all transactions are taken in one order, or they would wait for each other in a circle: new names, new
origins, new persons, new identities, events, hours, days, what an import notes, ledger, usage; each of them in the
order of its keys.
"""

import time
from collections import Counter
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import psycopg

from drengr.events.event import Event
from drengr.log import faults
from drengr.store import floors
from drengr.store.additions import Addition
from drengr.store.entries import Entries
from drengr.store.postgresql import arrays, ledger, words
from drengr.store.postgresql.connections import Connection, Statement
from drengr.store.postgresql.database import (
    ASK_AGAIN_S,
    LONG_WRITE_S,
    WRITE_S,
    Answers,
    Database,
    EventRow,
    LostCommit,
    again,
    commit,
)
from drengr.store.postgresql.followers import MARK
from drengr.store.postgresql.group_commit import GroupCommit, Ticket
from drengr.store.postgresql.packing import dedup_key
from drengr.store.postgresql.people import identities
from drengr.store.postgresql.totals import COUNTED
from drengr.store.results import Account, Added

_LEADERS = 3  # transactions of live events at once; more of them only wait for the same disk

_COLUMNS = {
    "project_id": "bigint", "dedup_key": "bytea", "name_id": "bigint", "origin_id": "bigint", "identity_id": "bigint",
    "session_id": "text", "session_is_integer": "boolean", "occurred_at": "bigint",
    "received_at": "bigint", "dims": "json", "measures": "json", "properties": "json",
}  # fmt: skip


# Rows come in the order of their keys, their ids in the order of their places in the requests.
_INSERT = f"""
WITH mark AS MATERIALIZED ({MARK}), drawn AS MATERIALIZED (
  SELECT array_agg(nextval('event_ids')) AS ids FROM mark, generate_series(1, ?::integer)
), new AS (
  INSERT INTO semantic_events (id, {", ".join(_COLUMNS)})
  SELECT drawn.ids[r.place], {", ".join(f"r.{column}" for column in _COLUMNS)}
  FROM drawn, unnest(?::integer[], {", ".join(f"?::{kind}[]" for kind in _COLUMNS.values())})
    AS r (place, {", ".join(_COLUMNS)})
  ON CONFLICT (project_id, dedup_key) DO NOTHING
  RETURNING id, project_id, name_id, occurred_at
), {COUNTED.format(rows="new", events="count(*)")}
SELECT d.place, d.id FROM drawn, unnest(drawn.ids) WITH ORDINALITY AS d (id, place) JOIN new USING (id) ORDER BY d.place
"""
_ADD_TO_USAGE = """
INSERT INTO live_usage (project_id, day, slot, events) VALUES {rows}
ON CONFLICT (project_id, day, slot) DO UPDATE SET events = live_usage.events + excluded.events
"""
Rows = list[tuple[Any, ...]]
Alongside = Callable[[Connection, Added, list[int]], object]


class EventWriter:
    """Adds events; safe to call from many threads, processes and machines at once."""

    def __init__(self, database: Database, leaders: int = _LEADERS) -> None:
        self._database = database
        self._live = GroupCommit(self._lead, leaders)
        self.observe: Callable[[float], None] = lambda seconds: None

    def add(self, project_id: int, events: list[Event], account: Account | None, *, metered: bool) -> Added:
        """Store the events that are not here yet; the first copy of an event_id stays.

        Raises  StoreError, psycopg.Error: then nothing is stored
        """
        addition = Addition(project_id, events, account, metered, None)
        if not events and not addition.account.received:
            return Added(0, 0)
        return self._live.run(addition, len(events), time.monotonic() + WRITE_S)

    def add_history(
        self,
        project_id: int,
        events: list[Event],
        account: Account | None = None,
        *,
        alongside: Alongside | None = None,
    ) -> Added:
        """The same in a transaction of its own that may take longer.

        alongside  called in it with the connection, what became of the events, and the ids of those that were not here
        """
        addition = Addition(project_id, events, account, False, alongside)
        if not events and alongside is None and not addition.account.received:
            return Added(0, 0)
        return self._stored([addition], time.monotonic() + LONG_WRITE_S, slow=True)[0]

    def _lead(self, deadline: float, take: Callable[[], list[Ticket[Addition]]]) -> None:
        group: list[Ticket[Addition]] = []

        def additions() -> list[Addition]:
            if not group:  # else it is tried again
                group.extend(take())
            return [ticket.work for ticket in group]

        try:
            results = self._stored(additions, deadline)
        except psycopg.Error:
            if len(group) < 2:
                raise
            self._store_each(group, deadline)  # one of them has what no column takes: its neighbours are stored
            return
        for ticket, result in zip(group, results, strict=True):
            ticket.result = result

    def _store_each(self, group: list[Ticket[Addition]], deadline: float) -> None:
        for ticket in group:
            try:
                ticket.result = self._stored([ticket.work], deadline)[0]
            except Exception as error:
                ticket.error = error

    def _stored(
        self, additions: list[Addition] | Callable[[], list[Addition]], deadline: float, *, slow: bool = False
    ) -> list[Added]:
        """What became of each, all in one transaction, committed."""
        return again(lambda: self._stored_once(additions, deadline, slow), deadline)

    def _stored_once(
        self, additions: list[Addition] | Callable[[], list[Addition]], deadline: float, slow: bool
    ) -> list[Added]:
        members: list[Addition] = []

        def asked() -> list[Statement]:
            members[:] = additions if isinstance(additions, list) else additions()
            return _questions(members)

        try:
            with self._database.writing(deadline, slow=slow, first=asked) as (connection, answers):
                begun = time.perf_counter()
                results, end = self._put(connection, members, answers)
                _commit(connection, end)
                self.observe(time.perf_counter() - begun)
        except LostCommit as lost:
            self._database.find_out(lost, deadline + ASK_AGAIN_S)
        return results

    def _put(self, connection: Connection, additions: list[Addition], answers: Answers) -> tuple[list[Added], "_End"]:
        """(what became of each, what is still to be written). answers: those of `_questions`."""
        *floor_rows, names, origins, identities_found = answers
        known = floors.Floors(connection, dict(zip(_projects(additions), floor_rows, strict=True)))
        for addition in additions:
            addition.look_up(known)
        events = [(addition.project_id, event) for addition in additions for event in addition.taken]
        ids, row = _insert(connection, events, names + origins, identities_found)
        entries, usage, results, own_ids, first = Entries(), Counter[tuple[int, int]](), [], [], 1
        for addition in additions:
            new = [(ids[place], event.received_at, event.source)
                   for place, event in enumerate(addition.taken, first) if place in ids]  # fmt: skip
            first += len(addition.taken)
            added = Added(len(new), len(addition.taken) - len(new), *addition.refused)
            own_ids.append([number for number, *_ in new])
            addition.enter(entries, added, own_ids[-1], partial(iter, new))
            if addition.metered and new:
                usage[addition.usage_day] += len(new)
            results.append(added)
        for addition, added, those in zip(additions, results, own_ids, strict=True):
            if addition.alongside is not None:
                addition.alongside(connection, added, those)
        return results, _End(row, ledger.addition(entries, connection.slot), usage)


class _End(NamedTuple):
    """What goes with a COMMIT."""

    row: EventRow | None  # an event that was inserted
    account: str  # SQL for the ledger
    usage: Counter[tuple[int, int]]  # against the quota, by (project_id, day)


def _projects(additions: list[Addition]) -> list[int]:
    return sorted({addition.project_id for addition in additions})


def _questions(additions: list[Addition]) -> list[Statement]:
    """What is asked of a group before anything is stored: what its projects take, which words and ids are known."""
    events = [(addition.project_id, event) for addition in additions for event in addition.events]
    return [
        *(Statement(floors.FLOOR, (project_id,)) for project_id in _projects(additions)),
        *words.questions(word for row in events for word in _words(*row)),
        identities.question(_pair(*row) for row in events),
    ]


def _insert(
    connection: Connection, events: list[tuple[int, Event]], words_found: Rows, identities_found: Rows
) -> tuple[dict[int, int], EventRow | None]:
    """(place → id of the events that were not here yet, places counted from 1; one of them); they are inserted and
    counted.
    """
    if not events:
        return {}, None
    codes = words.codes(connection, (word for row in events for word in _words(*row)), words_found)
    numbers = identities.Identities(connection, (_pair(*row) for row in events), identities_found)
    rows = [
        (
            project_id,
            dedup_key(event.event_id),
            codes[project_id, event.event_name],
            codes[event.source, event.app_package],
            numbers.numbers[_pair(project_id, event)],
            None if event.session_id is None else str(event.session_id),
            None if event.session_id is None else isinstance(event.session_id, int),
            event.occurred_at,
            event.received_at,
            event.dims,
            event.measures,
            event.properties,
            place,
        )
        for place, (project_id, event) in enumerate(events, 1)
    ]
    rows.sort(key=_key)
    *columns, places = zip(*rows, strict=True)
    written = [arrays.WRITE[kind](column) for kind, column in zip(_COLUMNS.values(), columns, strict=True)]
    slot = connection.slot
    ids = dict(connection.execute(_INSERT, (len(rows), arrays.numbers(places), *written, slot, slot)).fetchall())
    numbers.drop_unused(numbers.numbers[_pair(*events[place - 1])] for place in ids)
    return ids, next(((*_key(row), ids[row[-1]]) for row in rows if row[-1] in ids), None)


def _words(project_id: int, event: Event) -> tuple[words.Word, words.Word]:
    return (project_id, event.event_name), (event.source, event.app_package)


def _pair(project_id: int, event: Event) -> identities.Pair:
    return project_id, event.install_id, event.external_id


def _key(row: tuple[Any, ...]) -> tuple[int, bytes]:
    return row[0], row[1]


def _commit(connection: Connection, end: _End) -> None:
    """Write the end and commit, in one message. A fault of the quota must let the events in: it is undone alone."""
    account = [Statement(end.account)] if end.account else []
    if not end.usage:
        return commit(connection, end.row, account)
    rows = ", ".join(f"({project}, {day}, {connection.slot}, {n})" for (project, day), n in sorted(end.usage.items()))
    counted = Statement("SAVEPOINT usage"), Statement(_ADD_TO_USAGE.format(rows=rows))
    try:
        commit(connection, end.row, (*account, *counted))
    except psycopg.Error as error:
        try:
            connection.execute("ROLLBACK TO SAVEPOINT usage")
        except psycopg.Error:
            raise error from None  # it was the ledger's: there is no such savepoint yet
        faults.warning("The daily quota cannot be counted (%s); events are let in.", type(error).__name__)
        commit(connection, end.row)
