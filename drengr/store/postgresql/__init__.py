"""The store in PostgreSQL: any number of processes and machines write to it (contract 13)."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from uuid import uuid4

from drengr.admin.exports import ExportQuery
from drengr.admin.questions import CountQuery, PageQuery
from drengr.admin.shown import StoredEvent
from drengr.events.event import Event
from drengr.store import imports, names, projects, rules, sessions
from drengr.store.clock import now_ms
from drengr.store.imports import ImportRun
from drengr.store.postgresql import count, export, followers, ledger, quota, read, schema, totals
from drengr.store.postgresql.connections import Connection
from drengr.store.postgresql.database import LONG_WRITE_S, READ_S, Database
from drengr.store.postgresql.erasing import PostgresqlParts
from drengr.store.postgresql.import_verbs import ImportVerbs
from drengr.store.postgresql.packing import dedup_key
from drengr.store.postgresql.people import proof
from drengr.store.postgresql.people.verbs import PeopleVerbs
from drengr.store.postgresql.removal_verbs import RemovalVerbs
from drengr.store.postgresql.verb import in_plain_words, verb
from drengr.store.postgresql.write import EventWriter
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
    Key,
    LedgerDay,
    NewProject,
    Problem,
    Progress,
    Project,
    Session,
    Slice,
    Upgrade,
    Wrong,
    WrongAccount,
    WrongPeople,
    WrongTotal,
)

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


class PostgresqlStore(PeopleVerbs, RemovalVerbs, ImportVerbs):
    """A database with this process's connections. The verbs are explained at drengr.store.Store.

    url          libpq's
    synchronous  "FULL" | "NORMAL"
    access       see drengr.store.open_store
    connections  the most that this process may hold
    """

    def __init__(self, url: str, synchronous: str, access: Access, connections: int) -> None:
        self._access: Access = access
        self.database = self.commits = Database(url, connections, synchronous)
        self.events = EventWriter(self.database, leaders=max(1, min(3, connections // 2)))
        self.remover = Remover(PostgresqlParts(self.database))
        self._process = str(uuid4())
        self._is_ready = False

    def make_ready(self) -> None:
        """Make the tables, or bring them up to date, as far as the access goes. Raises StoreError."""
        if not self._is_ready:
            with in_plain_words():
                schema.make_ready(self.database, self._access)
            self._is_ready = True

    def has_tables(self) -> bool:
        """Whether there is anything to ask. Makes nothing."""
        with in_plain_words():
            return schema.has_tables(self.database)

    def planned_upgrade(self) -> Upgrade | None:
        """What bringing the tables up to date takes."""
        with in_plain_words():
            steps = schema.pending_steps(self.database)
            size = self.database.read(_SIZE)[0][0]
        return Upgrade(tuple(steps), size, 0, 0, 1) if steps else None

    @verb
    def make_project(self, name: str) -> NewProject:
        return projects.make_project(self.database, name)

    @verb
    def rename_project(self, project: Project, name: str) -> None:
        projects.rename_project(self.database, project, name)

    @verb
    def make_default_project(self) -> NewProject | None:
        if projects.all_projects(self.database):  # a standby cannot write, and need not
            return None
        return projects.make_default_project(self.database)

    @verb
    def projects(self) -> list[Project]:
        return projects.all_projects(self.database)

    @verb
    def find_project(self, name_or_uuid: str | None) -> Project:
        return projects.find_project(self.database, name_or_uuid)

    @verb
    def make_key(self, project: Project, kind: str) -> str:
        return projects.make_key(self.database, project, kind)

    @verb
    def all_keys(self, project: Project | None = None) -> list[Key]:
        return projects.all_keys(self.database, project)

    @verb
    def find_key(self, key_or_id: str) -> Key | None:
        return projects.find_key(self.database, key_or_id)

    @verb
    def revoke_key(self, key_or_id: str, at_ms: int | None = None) -> bool:
        return projects.revoke_key(self.database, key_or_id, at_ms)

    @verb
    def note_uses(self, uses: Mapping[str, int]) -> None:
        projects.note_uses(self.database, uses)

    @verb
    def project_of_key(self, key: object, kind: str) -> Project | None:
        return projects.project_of_key(self.database, key, kind)

    @verb
    def owner_of_key(self, key: object) -> tuple[Project, str] | None:
        return projects.owner_of_key(self.database, key)

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
        return imports.add_history(self.events.add_history, project_id, events, account, file_key, progress, run)

    def history_rows(self) -> int:
        return _HISTORY_ROWS

    @verb
    def progress_of(self, project_id: int, file_key: str) -> Progress | None:
        return imports.progress_of(self.database, project_id, file_key)

    @verb
    def forget_progress(self, project_id: int, file_keys: Iterable[str]) -> None:
        imports.forget_progress(self.database, project_id, file_keys)

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
        rules.save_rules(self.database, self.database, wanted)

    @verb
    def signing_secret(self) -> bytes:
        return sessions.secret(self.database)

    @verb
    def make_link(self, project_ids: Sequence[int], at_ms: int) -> str:
        return sessions.make_link(self.database, project_ids, at_ms)

    @verb
    def begin_session_by_link(self, link: str, earlier: str | None, at_ms: int) -> str | None:
        return sessions.begin_by_link(self.database, link, earlier, at_ms)

    @verb
    def begin_session_by_key(self, key: str, earlier: str | None, at_ms: int) -> str | None:
        return sessions.begin_by_key(self.database, key, earlier, at_ms)

    @verb
    def session(self, token: str, at_ms: int) -> Session | None:
        return sessions.session_of(self.database, token, at_ms)

    @verb
    def sessions(self, project_id: int, at_ms: int) -> list[Session]:
        return sessions.sessions_of(self.database, project_id, at_ms)

    @verb
    def note_session_use(self, session_id: int, at_ms: int) -> None:
        sessions.note_use(self.database, session_id, at_ms)

    @verb
    def end_session(self, token: str) -> None:
        sessions.end(self.database, token)

    @verb
    def end_sessions(self, project_id: int) -> None:
        sessions.end_all(self.database, project_id)

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
        return Condition({"db": size}, None, 0, None, [], [])

    def quick_check(self, seconds: float) -> list[str] | None:
        return []  # PostgreSQL checks its pages itself, with initdb --data-checksums

    def limited(self, seconds: float) -> AbstractContextManager[None]:
        return self.database.limited(seconds)

    def observe_commits(self, observe: Callable[[float], None]) -> None:
        self.events.observe = observe

    def close(self) -> None:
        self.database.close()
