"""The store in PostgreSQL: any number of processes and machines write to it (contract 13)."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from uuid import uuid4

from drengr.admin.exports import ExportQuery
from drengr.admin.questions import CountQuery, PageQuery
from drengr.admin.shown import StoredEvent
from drengr.events.event import Event
from drengr.people.erasures import By, Erasure
from drengr.people.questions import Who
from drengr.store import imports, projects
from drengr.store.clock import now_ms
from drengr.store.erasures import Begun
from drengr.store.errors import StoreError
from drengr.store.imports import ImportRun
from drengr.store.postgresql import (
    count,
    erasing,
    export,
    followers,
    ledger,
    quota,
    read,
    schema,
    statistics,
    totals,
)
from drengr.store.postgresql.connections import Connection
from drengr.store.postgresql.database import LONG_WRITE_S, READ_S, Database
from drengr.store.postgresql.packing import dedup_key
from drengr.store.postgresql.people import proof
from drengr.store.postgresql.people.verbs import PeopleVerbs
from drengr.store.postgresql.sentences import store_errors
from drengr.store.postgresql.write import EventWriter
from drengr.store.removal_verbs import RemovalVerbs
from drengr.store.removing import Remover
from drengr.store.results import (
    FIRST_DAY,
    Access,
    Account,
    Added,
    Arrivals,
    Condition,
    Counted,
    HourIds,
    LedgerDay,
    NewProject,
    Problem,
    Progress,
    Project,
    Slice,
    Upgrade,
    Wrong,
    WrongAccount,
    WrongPeople,
    WrongTotal,
)
from drengr.store.sql import Statements
from drengr.store.verb import verb

_HISTORY_ROWS = 5000  # of one transaction: writers here do not wait for each other

_BEAT = """
INSERT INTO heartbeat (process, written_at) VALUES (?, ?)
ON CONFLICT (process) DO UPDATE SET written_at = excluded.written_at
"""
_FORGET_BEATS = """
DELETE FROM heartbeat WHERE process IN (SELECT process FROM heartbeat WHERE written_at < ? FOR UPDATE SKIP LOCKED)
"""
_REMEMBERED_MS = 86_400_000  # since the last beat of a process
_KNOWN = "SELECT count(*) FROM semantic_events WHERE project_id = ? AND dedup_key = ANY (?)"
_SIZE = "SELECT pg_database_size(current_database())"


class PostgresqlStore(PeopleVerbs, RemovalVerbs):
    """A database with this process's connections. The verbs are explained at drengr.store.Store.

    url          libpq's
    synchronous  "FULL" | "NORMAL"
    access       see drengr.store.open_store
    connections  the most that this process may hold
    """

    database: Database
    commits: Database

    def __init__(self, url: str, synchronous: str, access: Access, connections: int) -> None:
        self._access: Access = access
        self.database = self.commits = Database(url, connections, synchronous)
        self.events = EventWriter(self.database, leaders=max(1, min(3, connections // 2)))
        self.remover = Remover(erasing.PostgresqlParts(self.database))
        self._process = str(uuid4())
        self._is_ready = False
        self._history_rows = 0  # stored since the planner's statistics were looked at

    @contextmanager
    def store_errors(self) -> Iterator[None]:
        """The same, once the tables are known to be there."""
        self.make_ready()
        with store_errors():
            yield

    def make_ready(self) -> None:
        """Make the tables, or bring them up to date, as far as the access goes. Raises StoreError."""
        if not self._is_ready:
            with store_errors():
                schema.make_ready(self.database, self._access)
            self._is_ready = True

    def has_tables(self) -> bool:
        """Whether there is anything to ask. Makes nothing."""
        with store_errors():
            return schema.has_tables(self.database)

    def planned_upgrade(self) -> Upgrade | None:
        """What bringing the tables up to date takes."""
        with store_errors():
            steps = schema.pending_steps(self.database)
            size = self.database.read(_SIZE)[0][0]
        return Upgrade(tuple(steps), size, 0, 0, 1) if steps else None

    @verb
    def make_default_project(self) -> NewProject | None:
        if projects.all_projects(self.database):  # a standby cannot write, and need not
            return None
        return super().make_default_project()

    @verb
    def sender(self, key: object, now_ms: int) -> tuple[Project | None, int]:
        return quota.project_and_usage(self.database, key, now_ms)

    @verb
    def add(
        self, project_id: int, events: list[Event], account: Account | None = None, *, metered: bool = False
    ) -> Added:
        return self.events.add(project_id, events, account, metered=metered)

    @verb
    def add_history(
        self,
        project_id: int,
        events: list[Event],
        file_key: str | None = None,
        progress: Callable[[Added], Progress] | None = None,
        account: Account | None = None,
        run: ImportRun | None = None,
    ) -> Added:
        added = imports.add_history(self.events.add_history, project_id, events, account, file_key, progress, run)
        self._history_rows += added.inserted
        if self._history_rows >= statistics.NEW_ROWS:
            self._history_rows = 0
            with suppress(StoreError), store_errors():  # the rows are stored all the same
                statistics.refresh(self.database)
        return added

    def history_rows(self) -> int:
        return _HISTORY_ROWS

    @verb
    def known_event_ids(self, project_id: int, event_ids: Sequence[str]) -> int:
        keys = [dedup_key(event_id) for event_id in event_ids]
        return int(self.database.read(_KNOWN, (project_id, keys), READ_S)[0][0])

    @verb
    def page(self, project_id: int, query: PageQuery) -> list[StoredEvent]:
        return read.event_page(self.database, project_id, query)

    @verb
    def count(self, project_id: int, query: CountQuery) -> Counted:
        return count.count_events(self.database, project_id, query)

    @verb
    def arrivals(self, project_id: int, after_id: int, query: PageQuery) -> Arrivals:
        return followers.arrivals(self.database, project_id, after_id, query)

    @verb
    def events_after(self, project_id: int, query: ExportQuery, after_id: int, last_id: int) -> Slice:
        return export.events_after(self.database, project_id, query, after_id, last_id)

    @verb
    def hours_after(self, project_id: int, received: range, after_id: int, last_id: int) -> HourIds:
        return export.hours_after(self.database, project_id, received, after_id, last_id)

    @verb
    def last_id(self) -> int:
        return followers.here(self.database)

    @verb
    def would_erase(self, project_id: int, who: Who, by: By) -> Erasure:
        return erasing.would_erase(self.database, project_id, who, by)

    def _begin_erasure(self, project_id: int, who: Who, by: By, requester: str | None) -> Begun:
        return erasing.erase(self.database, project_id, who, by, requester)

    def _bound(self, connection: Statements) -> int:
        return now_ms()

    def copies(self) -> list[str]:
        return []

    def leaves_traces(self) -> bool:
        return False  # what VACUUM leaves is the operator's

    @verb
    def prove_writable(self) -> None:
        def beat(connection: Connection) -> None:
            connection.execute(_BEAT, (self._process, now_ms()))
            connection.execute(_FORGET_BEATS, (now_ms() - _REMEMBERED_MS,))

        self.database.run(beat)

    @verb
    def note(self, counted: Mapping[tuple[int, int, str], Mapping[str, int]], problems: list[Problem]) -> None:
        self.database.run(lambda connection: ledger.note(connection, counted, problems))

    @verb
    def ledger(self, project_id: int | None, first_day: int, last_day: int) -> list[LedgerDay]:
        return ledger.days(self.database, project_id, first_day, last_day)

    @verb
    def problems(self, project_id: int | None) -> list[Problem]:
        return ledger.problems(self.database, project_id)

    @verb
    def faults(self) -> list[str]:
        return totals.orphans(self.database)

    @verb
    def wrong_totals(self, first_day: int = FIRST_DAY) -> list[Wrong]:
        wrong: list[Wrong] = [*totals.wrong_totals(self.database, first_day)]
        wrong += ledger.wrong_accounts(self.database, first_day)
        if first_day == FIRST_DAY:
            wrong += proof.wrong_people(self.database)
        return wrong

    @verb
    def repair(self, wrong: list[Wrong]) -> None:
        totals.repair(self.database, [total for total in wrong if isinstance(total, WrongTotal)])
        if any(isinstance(account, WrongAccount) for account in wrong):
            self.database.run(ledger.repair_accounts, LONG_WRITE_S)
        if any(isinstance(people, WrongPeople) for people in wrong):
            self.database.run(proof.repair, LONG_WRITE_S)

    @verb
    def condition(self) -> Condition:
        size = self.database.read(_SIZE, seconds=READ_S)[0][0]
        return Condition({"db": size}, None, 0, None, False, [], [])

    def quick_check(self, seconds: float) -> list[str] | None:
        return []  # PostgreSQL checks its pages itself, with initdb --data-checksums

    def limited(self, seconds: float) -> AbstractContextManager[None]:
        return self.database.limited(seconds)

    def observe_commits(self, observe: Callable[[float], None]) -> None:
        self.events.observe = observe

    def close(self) -> None:
        self.database.close()
