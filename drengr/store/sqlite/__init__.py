"""The store in one SQLite file: who reads it, who writes it. All of SQLite's SQL is in this folder."""

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, closing

from drengr.admin.exports import ExportQuery
from drengr.admin.questions import CountQuery, PageQuery
from drengr.admin.shown import StoredEvent
from drengr.events.event import Event
from drengr.store import imports, names, projects, rules, sessions
from drengr.store.imports import ImportRun
from drengr.store.removing import Remover
from drengr.store.results import (
    FIRST_DAY,
    Access,
    Account,
    Added,
    Arrivals,
    Backup,
    Condition,
    Counted,
    HourIds,
    Key,
    LedgerDay,
    NewProject,
    Problem,
    Progress,
    Project,
    Restored,
    Session,
    Slice,
    Upgrade,
    Wrong,
    WrongAccount,
    WrongPeople,
    WrongTotal,
)
from drengr.store.sqlite import (
    backup,
    checked,
    condition,
    count,
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
from drengr.store.sqlite.erasing import SqliteParts
from drengr.store.sqlite.group_commit import GroupCommit
from drengr.store.sqlite.import_verbs import ImportVerbs
from drengr.store.sqlite.people import proof
from drengr.store.sqlite.people.verbs import PeopleVerbs
from drengr.store.sqlite.removal_verbs import RemovalVerbs
from drengr.store.sqlite.verb import verb
from drengr.store.sqlite.write import EventWriter


class SqliteStore(PeopleVerbs, RemovalVerbs, ImportVerbs):
    """An open file with its one way to write. The verbs are explained at drengr.store.Store.

    path         of the SQLite file
    synchronous  "FULL" | "NORMAL"
    access       see drengr.store.open_store
    Raises       StoreError
    """

    @verb
    def __init__(self, path: str, synchronous: str = "FULL", access: Access = "write") -> None:
        self.database = Database(path, synchronous, access)
        self.commits = GroupCommit(self.database)
        self.events = EventWriter(self.database, self.commits)
        self.remover = Remover(SqliteParts(self.database, self.commits))

    @verb
    def make_project(self, name: str) -> NewProject:
        self.commits.run(history.leave_a_gap)
        return projects.make_project(self.commits, name)

    @verb
    def rename_project(self, project: Project, name: str) -> None:
        projects.rename_project(self.commits, project, name)

    @verb
    def make_default_project(self) -> NewProject | None:
        return projects.make_default_project(self.commits)

    @verb
    def projects(self) -> list[Project]:
        return [self.database.met(project) for project in projects.all_projects(self.database)]

    @verb
    def find_project(self, name_or_uuid: str | None) -> Project:
        return self.database.met(projects.find_project(self.database, name_or_uuid))

    @verb
    def make_key(self, project: Project, kind: str) -> str:
        return projects.make_key(self.commits, project, kind)

    @verb
    def all_keys(self, project: Project | None = None) -> list[Key]:
        return projects.all_keys(self.database, project)

    @verb
    def find_key(self, key_or_id: str) -> Key | None:
        return projects.find_key(self.database, key_or_id)

    @verb
    def revoke_key(self, key_or_id: str, at_ms: int | None = None) -> bool:
        return projects.revoke_key(self.commits, key_or_id, at_ms)

    @verb
    def note_uses(self, uses: Mapping[str, int]) -> None:
        projects.note_uses(self.commits, uses)

    @verb
    def project_of_key(self, key: object, kind: str) -> Project | None:
        project = projects.project_of_key(self.database, key, kind)
        return project and self.database.met(project)

    @verb
    def owner_of_key(self, key: object) -> tuple[Project, str] | None:
        return projects.owner_of_key(self.database, key)

    @verb
    def sender(self, key: object, now_ms: int) -> tuple[Project | None, int]:
        project, usage = quota.project_and_usage(self.database, key, now_ms)
        return project and self.database.met(project), usage

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
    def progress_of(self, project_id: int, file_key: str) -> Progress | None:
        return imports.progress_of(self.database, project_id, file_key)

    @verb
    def forget_progress(self, project_id: int, file_keys: Iterable[str]) -> None:
        imports.forget_progress(self.commits, project_id, file_keys)

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
    def names_near(self, project_id: int, name: str) -> list[str]:
        return names.names_near(self.database, project_id, name)

    @verb
    def database_id(self) -> str:
        return rules.database_id(self.database)

    @verb
    def rules(self) -> dict[str, str]:
        return rules.rules(self.database)

    @verb
    def save_rules(self, wanted: dict[str, str]) -> None:
        rules.save_rules(self.database, self.commits, wanted)

    @verb
    def signing_secret(self) -> bytes:
        return sessions.secret(self.database)

    @verb
    def make_link(self, project_ids: Sequence[int], at_ms: int) -> str:
        return sessions.make_link(self.commits, project_ids, at_ms)

    @verb
    def begin_session_by_link(self, link: str, earlier: str | None, at_ms: int) -> str | None:
        return sessions.begin_by_link(self.commits, link, earlier, at_ms)

    @verb
    def begin_session_by_key(self, key: str, earlier: str | None, at_ms: int) -> str | None:
        return sessions.begin_by_key(self.commits, key, earlier, at_ms)

    @verb
    def session(self, token: str, at_ms: int) -> Session | None:
        found = sessions.session_of(self.database, token, at_ms)
        return found and found._replace(projects=[self.database.met(project) for project in found.projects])

    @verb
    def sessions(self, project_id: int, at_ms: int) -> list[Session]:
        return sessions.sessions_of(self.database, project_id, at_ms)

    @verb
    def note_session_use(self, session_id: int, at_ms: int) -> None:
        sessions.note_use(self.commits, session_id, at_ms)

    @verb
    def end_session(self, token: str) -> None:
        sessions.end(self.commits, token)

    @verb
    def end_sessions(self, project_id: int) -> None:
        sessions.end_all(self.commits, project_id)

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


@verb
def upgrade(path: str, say: Callable[[str], object]) -> None:
    """See drengr.store.upgrade."""
    real = place.resolved(path)
    with place.in_plain_words(real), closing(place.UseLock(real)) as lock:
        migrate.make_ready(real, lock, "upgrade", say)


@verb
def back_up(path: str, target: str, keep: int | None) -> Backup:
    """See drengr.store.back_up."""
    database = Database(path, access="inspect")
    commits = GroupCommit(database)
    try:
        return backup.make(database, commits, target, keep)
    finally:
        database.close()
        commits.close()


@verb
def restore(path: str, source: str, say: Callable[[str], object], without_old: bool) -> Restored:
    """See drengr.store.restore."""
    return restoring.restore(place.resolved(path, may_be_damaged=True), source, say, without_old)
