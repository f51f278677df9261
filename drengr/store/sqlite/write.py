"""Put events away: one literal statement, executed many times in a transaction that keeps the totals too."""

import sqlite3
from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any, TypeVar

from drengr.events.event import Event
from drengr.events.times import HOUR_MS
from drengr.store import floors
from drengr.store.additions import Addition
from drengr.store.entries import Entries
from drengr.store.results import Account, Added
from drengr.store.sqlite import ledger
from drengr.store.sqlite.database import Database
from drengr.store.sqlite.group_commit import GroupCommit
from drengr.store.sqlite.packing import packed_event_id, packed_id
from drengr.store.sqlite.people import day_sets
from drengr.store.sqlite.people.identities import Identities, Pair
from drengr.store.sqlite.people.stored import note_stored
from drengr.store.sqlite.words import Codes, TransactionCodes

_MOST_REMEMBERED = 50_000  # names and origins: a client that invents names must not fill the memory

_INSERT = """
INSERT INTO semantic_events (project_id, event_id, name_id, origin_id, session_id, occurred_at, received_at, dims,
                             measures, properties, identity_id)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (project_id, event_id) WHERE event_id IS NOT NULL DO NOTHING
"""
_LAST_ID = "SELECT ifnull(max(id), 0) FROM semantic_events"
_STORED_AFTER = "SELECT id, identity_id, project_id, name_id, occurred_at FROM semantic_events WHERE id > ? ORDER BY id"
_NEW = """
SELECT e.id, e.received_at, o.source FROM semantic_events AS e JOIN origins AS o ON o.id = e.origin_id
WHERE e.id >= ? AND e.id < ?
"""
_ADD_TO_DAY = """
INSERT INTO day_totals (project_id, day, name_id, events) VALUES (?, ?, ?, ?)
ON CONFLICT (project_id, day, name_id) DO UPDATE SET events = events + excluded.events
"""
_ADD_TO_HOUR = """
INSERT INTO hour_totals (project_id, hour, name_id, events) VALUES (?, ?, ?, ?)
ON CONFLICT (project_id, hour, name_id) DO UPDATE SET events = events + excluded.events
"""
_ADD_TO_USAGE = """
INSERT INTO live_usage (project_id, day, events) VALUES (?, ?, ?)
ON CONFLICT (project_id, day) DO UPDATE SET events = events + excluded.events
"""

_R = TypeVar("_R")
Row = tuple[Pair, tuple[Any, ...]]  # the event's ids; all that _INSERT wants but the number of their identity
Alongside = Callable[[sqlite3.Connection, Added, range], object]


class EventWriter:
    """Adds events; safe to call from many threads and processes at once."""

    def __init__(self, database: Database, commits: GroupCommit) -> None:
        self._database = database
        self._commits = commits

    def add(
        self,
        project_id: int,
        events: list[Event],
        account: Account | None = None,
        *,
        metered: bool = False,
        alongside: Alongside | None = None,
    ) -> Added:
        """Store the events that are not here yet; the first copy of an event_id stays.

        account    what the rows were that these events come from; None: an event a row, all of them through one door
        metered    count what is stored against the project's daily quota
        alongside  called in the same transaction, with the connection, what became of the events, and from which id to
                   which they lie; called again when that had to be rolled back because of a neighbour
        Raises     Busy, DatabaseError, sqlite3.Error, what `alongside` raises: then nothing is stored
        """
        if not events and alongside is None and not (account and account.received):
            return Added(0, 0)
        addition = _Addition(self, project_id, events, account, metered, alongside)
        added: Added = self._commits.run(addition, len(events))
        addition.remember()
        return added

    @property
    def codes(self) -> Codes:
        """Of names and origins that are known; another dict once the file was put back to another state."""
        assert self._database.history is not None  # else the transaction had not begun
        return self._database.history.codes


class _Addition(Addition):
    """One that packs its rows while others may hold the turn."""

    def __init__(
        self,
        writer: EventWriter,
        project_id: int,
        events: list[Event],
        account: Account | None,
        metered: bool,
        alongside: Alongside | None,
    ) -> None:
        super().__init__(project_id, events, account, metered, alongside)
        self.writer = writer
        self.learned: Codes = {}
        self._known = writer.codes
        try:
            self._rows: list[Row] | None = rows_of(project_id, events, self._known)
        except KeyError:  # a name or an origin is new
            self._rows = None

    def __call__(self, connection: sqlite3.Connection) -> Added:
        self.look_up(floors.Floors(connection))
        rows = self.rows(connection, self.learned)
        inserted, ids = _insert(connection, rows)
        if self.metered and inserted:
            _meter(connection, Counter({self.usage_day: inserted}))
        added = Added(inserted, len(rows) - inserted, *self.refused)
        entries = Entries()
        self._enter(connection, entries, added, ids)
        connection.executemany(ledger.ADD, entries.rows())
        return self._ended(connection, added, ids)

    @staticmethod
    def together(connection: sqlite3.Connection, additions: "list[_Addition]") -> list[Added] | None:
        """All of them with the statements of one; None when there are repeats, whose requests must be told apart."""
        rows: list[Row] = []
        usage: Counter[tuple[int, int]] = Counter()
        learned: Codes = {}
        known = floors.Floors(connection)
        for addition in additions:
            addition.look_up(known)
            rows += addition.rows(connection, learned)
            if addition.metered and addition.taken:
                usage[addition.usage_day] += len(addition.taken)
        inserted, ids = _insert(connection, rows, all_or_none=True)
        if inserted < len(rows):
            return None
        _meter(connection, usage)
        entries, first_id = Entries(), ids.start
        results = [Added(len(addition.taken), 0, *addition.refused) for addition in additions]
        own_ids = []
        for addition, added in zip(additions, results, strict=True):
            own_ids.append(range(first_id, first_id + added.inserted))
            addition._enter(connection, entries, added, own_ids[-1])
            first_id = own_ids[-1].stop
        connection.executemany(ledger.ADD, entries.rows())
        for addition, added, those in zip(additions, results, own_ids, strict=True):
            addition._ended(connection, added, those)
        for addition in additions:  # only now: had it been undone, the new codes would mean nothing
            addition.learned = learned
        return results

    def _enter(self, connection: sqlite3.Connection, entries: Entries, added: Added, ids: range) -> None:
        self.enter(entries, added, ids, lambda: connection.execute(_NEW, (ids.start, ids.stop)))

    def _ended(self, connection: sqlite3.Connection, added: Added, ids: range) -> Added:
        if self.alongside is not None:
            self.alongside(connection, added, ids)
        return added

    def rows(self, connection: sqlite3.Connection, learned: Codes) -> list[Row]:
        """What is to be inserted; codes of new names and origins are made, and noted in `learned`.

        Rows that were packed before the turn are good while their codes still hold.
        """
        if self._rows is not None and self._known is self.writer.codes:
            return self.without_refused(self._rows)
        self._rows, self._known = None, self.writer.codes
        return rows_of(self.project_id, self.taken, TransactionCodes(connection, self._known, learned))

    def remember(self) -> None:
        """Keep the codes that were learned, now that the rows that define them are committed."""
        if len(self._known) > _MOST_REMEMBERED:
            self._known.clear()
        self._known.update(self.learned)


class _Pairs(dict[tuple[str | None, str | None], Pair]):
    """(install_id, external_id) as they are stored; most events share them with others of their request."""

    def __init__(self, project_id: int) -> None:
        self._project_id = project_id

    def __missing__(self, ids: tuple[str | None, str | None]) -> Pair:
        pair = self[ids] = (self._project_id, packed_id(ids[0]), packed_id(ids[1]))
        return pair


def rows_of(project_id: int, events: list[Event], codes: Codes) -> list[Row]:
    """The events as _INSERT wants them. Raises KeyError for a name or an origin that `codes` does not know."""
    pairs = _Pairs(project_id)
    return [
        (
            pairs[event.install_id, event.external_id],
            (
                project_id,
                packed_event_id(event.event_id),
                codes[project_id, event.event_name],
                codes[event.source, event.app_package],
                event.session_id,
                event.occurred_at,
                event.received_at,
                event.dims,
                event.measures,
                event.properties,
            ),
        )
        for event in events
    ]


def _insert(connection: sqlite3.Connection, rows: list[Row], *, all_or_none: bool = False) -> tuple[int, range]:
    """How many of the rows were not here yet, and their ids from the first to the last; totals and people are kept.

    all_or_none  the transaction is rolled back when there are repeats: nothing needs to be kept then
    """
    identities = Identities(connection, (pair for pair, _ in rows))
    numbers = [identities[pair] for pair, _ in rows]
    (before,) = connection.execute(_LAST_ID).fetchone()
    complete = ((*row, number) for (_, row), number in zip(rows, numbers, strict=True))  # one by one: less to collect
    inserted = connection.executemany(_INSERT, complete).rowcount
    if inserted == len(rows):
        (last_id,) = connection.execute("SELECT last_insert_rowid()").fetchone()
        ids = range(last_id - inserted + 1, last_id + 1)
        times = [row[5] for _, row in rows]
        _add_to_totals(connection, ((row[0], row[2], row[5]) for _, row in rows))
    elif all_or_none:
        return inserted, range(0)
    else:  # a repeat takes an id too, which is nobody's
        stored = connection.execute(_STORED_AFTER, (before,)).fetchall()
        ids = range(stored[0][0], stored[-1][0] + 1) if stored else range(0)
        numbers = [row[1] for row in stored]
        times = [row[4] for row in stored]
        _add_to_totals(connection, (row[2:] for row in stored))
    events = zip(numbers, times, strict=True)
    note_stored(connection, identities, events, before, with_repeats=inserted < len(rows))
    return inserted, ids


def _add_to_totals(connection: sqlite3.Connection, inserted: Iterable[tuple[int, int, int]]) -> None:
    """Count (project_id, name_id, occurred_at) of the rows really inserted."""
    hours = Counter((project_id, occurred_at // HOUR_MS, name_id) for project_id, name_id, occurred_at in inserted)
    days: Counter[tuple[int, int, int]] = Counter()
    for (project_id, hour, name_id), count in hours.items():
        days[project_id, hour // 24, name_id] += count
    connection.executemany(_ADD_TO_HOUR, [(*key, count) for key, count in hours.items()])
    connection.executemany(_ADD_TO_DAY, [(*key, count) for key, count in days.items()])
    day_sets.drop(connection, [(project_id, name_id, day) for project_id, day, name_id in days])


def _meter(connection: sqlite3.Connection, usage: Counter[tuple[int, int]]) -> None:
    """Count (project_id, day) against the quota. A fault here must let the events in: it is undone alone."""
    try:
        connection.executemany(_ADD_TO_USAGE, [(*key, count) for key, count in usage.items()])
    except sqlite3.DatabaseError:
        if not connection.in_transaction:
            raise
