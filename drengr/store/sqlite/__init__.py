"""The store in one SQLite file: who reads it, who writes it. All of SQLite's SQL is in this folder."""

import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, closing

from drengr.admin.exports import ExportQuery
from drengr.admin.questions import CountQuery, PageQuery
from drengr.admin.shown import StoredEvent
from drengr.events.event import Event
from drengr.people.erasures import By, Erasure
from drengr.people.questions import Who
from drengr.store import imports
from drengr.store.erasures import Begun
from drengr.store.imports import ImportRun
from drengr.store.removal_verbs import RemovalVerbs
from drengr.store.removing import Remover
from drengr.store.results import (
    FIRST_DAY,
    Access,
    Account,
    Added,
    Arrivals,
    Backup,
    Compacted,
    Condition,
    Counted,
    HourIds,
    LedgerDay,
    NewProject,
    Problem,
    Progress,
    Project,
    Restored,
    Slice,
    Upgrade,
    Wrong,
    WrongAccount,
    WrongPeople,
    WrongTotal,
)
from drengr.store.sql import Statements
from drengr.store.sqlite import (
    backup,
    checked,
    compacting,
    condition,
    count,
    erasing,
    export,
    heartbeat,
    history,
    ledger,
    migrate,
    place,
    quota,
    read,
    repeats,
    restoring,
    totals,
)
from drengr.store.sqlite.database import Database
from drengr.store.sqlite.deadlines import deadline
from drengr.store.sqlite.group_commit import GroupCommit
from drengr.store.sqlite.people import proof
from drengr.store.sqlite.people.verbs import PeopleVerbs
from drengr.store.sqlite.raising import store_errors
from drengr.store.sqlite.write import EventWriter
from drengr.store.verb import verb


class SqliteStore(PeopleVerbs, RemovalVerbs):
    """An open file with its one way to write. The verbs are explained at drengr.store.Store.

    path         of the SQLite file
    synchronous  "FULL" | "NORMAL"
    access       see drengr.store.open_store
    Raises       StoreError
    """

    database: Database
    commits: GroupCommit

    @store_errors()
    def __init__(self, path: str, synchronous: str = "FULL", access: Access = "write") -> None:
        self.database = Database(path, synchronous, access)
        self.commits = GroupCommit(self.database)
        self.events = EventWriter(self.database, self.commits)
        self.remover = Remover(erasing.SqliteParts(self.database, self.commits))

    def store_errors(self) -> AbstractContextManager[None]:
        return store_errors()

    def _met(self, project: Project) -> Project:
        return self.database.met(project)

    @verb
    def make_project(self, name: str) -> NewProject:
        self.commits.run(history.leave_a_gap)
        return super().make_project(name)

    @verb
    def sender(self, key: object, now_ms: int) -> tuple[Project | None, int]:
        project, usage = quota.project_and_usage(self.database, key, now_ms)
        return project and self._met(project), usage

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
        return imports.add_history(self.events.add, project_id, events, account, file_key, progress, run)

    def history_rows(self) -> int:
        return self.commits.pace.rows()

    @verb
    def known_event_ids(self, project_id: int, event_ids: Sequence[str]) -> int:
        return repeats.known_event_ids(self.database, project_id, event_ids)

    @verb
    def page(self, project_id: int, query: PageQuery) -> list[StoredEvent]:
        return read.event_page(self.database, project_id, query)

    @verb
    def count(self, project_id: int, query: CountQuery) -> Counted:
        return count.count_events(self.database, project_id, query)

    @verb
    def arrivals(self, project_id: int, after_id: int, query: PageQuery) -> Arrivals:
        return read.arrivals(self.database, project_id, after_id, query)

    @verb
    def events_after(self, project_id: int, query: ExportQuery, after_id: int, last_id: int) -> Slice:
        return export.events_after(self.database, project_id, query, after_id, last_id)

    @verb
    def hours_after(self, project_id: int, received: range, after_id: int, last_id: int) -> HourIds:
        return export.hours_after(self.database, project_id, received, after_id, last_id)

    @verb
    def last_id(self) -> int:
        return read.last_id(self.database)

    @verb
    def would_erase(self, project_id: int, who: Who, by: By) -> Erasure:
        return erasing.would_erase(self.database, project_id, who, by)

    def _begin_erasure(self, project_id: int, who: Who, by: By, requester: str | None) -> Begun:
        return erasing.erase(self.commits, project_id, who, by, requester)

    def _bound(self, connection: Statements) -> int:
        return erasing.newest_id(connection)

    @verb
    def copies(self) -> list[str]:
        return erasing.copies(self.database)

    def leaves_traces(self) -> bool:
        return not erasing.is_soon_made_anew(self.database.path)

    @verb
    def prove_writable(self) -> None:
        heartbeat.prove_writable(self.database, self.commits)

    @verb
    def note(self, counted: Mapping[tuple[int, int, str], Mapping[str, int]], problems: list[Problem]) -> None:
        self.commits.run(lambda connection: ledger.note(connection, counted, problems))

    @verb
    def ledger(self, project_id: int | None, first_day: int, last_day: int) -> list[LedgerDay]:
        return ledger.days(self.database, project_id, first_day, last_day)

    @verb
    def problems(self, project_id: int | None) -> list[Problem]:
        return ledger.problems(self.database, project_id)

    @verb
    def faults(self) -> list[str]:
        return totals.faults_of_file(self.database)

    @verb
    def wrong_totals(self, first_day: int = FIRST_DAY) -> list[Wrong]:
        wrong: list[Wrong] = [*checked.wrong_totals(self.database, first_day)]
        if checked.has_people(self.database):
            wrong += proof.wrong_people(self.database, first_day)
        return wrong

    @verb
    def repair(self, wrong: list[Wrong]) -> None:
        totals.repair(self.commits, [total for total in wrong if isinstance(total, WrongTotal)])
        if any(isinstance(account, WrongAccount) for account in wrong):
            self.commits.run(ledger.repair_accounts)
        if any(isinstance(people, WrongPeople) for people in wrong):
            self.commits.run(proof.repair)

    @verb
    def condition(self) -> Condition:
        return condition.condition(self.database)

    @verb
    def quick_check(self, seconds: float) -> list[str] | None:
        return condition.quick_check(self.database, seconds)

    def limited(self, seconds: float) -> AbstractContextManager[object]:
        return deadline(self.database.reading_connection(), seconds)

    def observe_commits(self, observe: Callable[[float], None]) -> None:
        self.commits.observe = observe

    def close(self) -> None:
        self.database.close()
        self.commits.close()


def is_there(path: str) -> bool:
    """See drengr.store.exists."""
    return os.path.exists(place.resolved(path))


def planned_upgrade(path: str) -> Upgrade | None:
    """See drengr.store.planned_upgrade."""
    real = place.resolved(path)
    with place.in_plain_words(real):
        return migrate.plan(real)


@store_errors()
def upgrade(path: str, say: Callable[[str], object]) -> None:
    """See drengr.store.upgrade."""
    real = place.resolved(path)
    with place.in_plain_words(real), closing(place.UseLock(real)) as lock:
        migrate.make_ready(real, lock, "upgrade", say)


@store_errors()
def back_up(path: str, target: str, keep: int | None) -> Backup:
    """See drengr.store.back_up."""
    database = Database(path, access="inspect")
    commits = GroupCommit(database)
    try:
        return backup.make(database, commits, target, keep)
    finally:
        database.close()
        commits.close()


@store_errors()
def restore(path: str, source: str, say: Callable[[str], object], without_old: bool) -> Restored:
    """See drengr.store.restore."""
    return restoring.restore(place.resolved(path, may_be_damaged=True), source, say, without_old)


def compact(path: str, say: Callable[[str], object]) -> Compacted:
    """See drengr.store.compact."""
    return compacting.compact(place.resolved(path), say)
