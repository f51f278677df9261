"""Where events are put away and asked for. Everything outside this folder knows the verbs of Store, the values of
`results` and one exception, StoreError; only the folders below know SQL, connections and where the data lies.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Protocol

from drengr.admin.exports import ExportQuery
from drengr.admin.questions import CountQuery, PageQuery
from drengr.admin.shown import StoredEvent
from drengr.events.event import Event
from drengr.store.errors import Busy, DatabaseError, NoRoom, StoreError, TooLong, UnknownProject, Unreachable
from drengr.store.following import Place, place_of, place_text
from drengr.store.imports import ImportRun, ImportStore, PastImport
from drengr.store.opening import back_up, compact, exists, open_store, planned_upgrade, restore, upgrade
from drengr.store.people import PeopleStore
from drengr.store.removals import Keeping, RemovalStore, UnderWay
from drengr.store.results import (
    FIRST_DAY,
    NO_PROJECT,
    Access,
    Account,
    Added,
    Arrivals,
    Backup,
    Compacted,
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
from drengr.store.tombstones import TombstoneStore

__all__ = [
    "NO_PROJECT", "Access", "Account", "Added", "Arrivals", "Backup", "Busy", "Compacted", "Condition", "Counted",
    "DatabaseError", "HourIds", "ImportRun", "Keeping", "Key", "LedgerDay", "NewProject", "NoRoom", "PastImport",
    "Place", "Problem", "Progress", "Project", "Restored", "Session", "Slice", "Store", "StoreError", "TooLong",
    "UnderWay", "UnknownProject", "Unreachable", "Upgrade", "Wrong", "WrongAccount", "WrongPeople", "WrongTotal",
    "back_up", "compact", "exists", "open_store", "place_of", "place_text", "planned_upgrade", "restore", "upgrade",
]  # fmt: skip


class Store(PeopleStore, RemovalStore, TombstoneStore, ImportStore, Protocol):
    """The verbs. Every one of them raises StoreError when the database cannot do it now."""

    # Projects and keys ------------------------------------------------------------------------------------------------

    def make_project(self, name: str) -> NewProject:
        """A project with one key of each kind. Raises ValueError when the name is blank, too long or taken."""

    def rename_project(self, project: Project, name: str) -> None:
        """The project has this name from now on. Raises ValueError when it is blank, too long or taken."""

    def make_default_project(self) -> NewProject | None:
        """The project `default` when there is no project at all; None when there is one, whoever made it."""

    def projects(self) -> list[Project]:
        """Every project, oldest first."""

    def find_project(self, name_or_uuid: str | None) -> Project:
        """The project with this name or id; without either, the only one. Raises UnknownProject."""

    def make_key(self, project: Project, kind: str) -> str:
        """A new key of the project, in full. kind: "publishable" | "secret"."""

    def all_keys(self, project: Project | None = None) -> list[Key]:
        """Every key, or those of one project, oldest first; secret ones without the keys themselves."""

    def find_key(self, key_or_id: str) -> Key | None:
        """The key that has this id, or is this key, good or not."""

    def revoke_key(self, key_or_id: str, at_ms: int | None = None) -> bool:
        """The key that has this id, or is this key, opens nothing from that moment on; without one, from now on. False
        when there is none that is good until then.
        """

    def note_uses(self, uses: Mapping[str, int]) -> None:
        """When keys were used, epoch ms by key; kept to the hour."""

    def project_of_key(self, key: object, kind: str) -> Project | None:
        """The project that the key opens; None when it is unknown, revoked by now, of the other kind, or no text."""

    def owner_of_key(self, key: object) -> tuple[Project, str] | None:
        """(the project, the kind) of a key that was ever made, revoked ones too; None for any other."""

    def sender(self, key: object, now_ms: int) -> tuple[Project | None, int]:
        """(the project that a publishable key opens, events it stored through the acceptor this UTC day)."""

    # Events -----------------------------------------------------------------------------------------------------------

    def add(
        self, project_id: int, events: list[Event], account: Account | None = None, *, metered: bool = False
    ) -> Added:
        """Store the events that are not here yet; the first copy of an event_id stays.

        account  what the rows were that these events come from, for the ledger; None: an event a row, all good
        metered  count what is stored against the project's daily quota
        """

    def add_history(
        self,
        project_id: int,
        events: list[Event],
        file_key: str | None = None,
        progress: Callable[[Added], Progress] | None = None,
        account: Account | None = None,
        run: ImportRun | None = None,
    ) -> Added:
        """As add, with more patience; the file's progress is kept in the same transaction, and what it brought.

        run  the file or upload, to be undone as a whole; None: none of it will be
        """

    def history_rows(self) -> int:
        """How many rows one add_history should have now: few while others wait for their turn to write."""

    def progress_of(self, project_id: int, file_key: str) -> Progress | None:
        """How far an earlier run came with this file; None when it never began, or ended well."""

    def forget_progress(self, project_id: int, file_keys: Iterable[str]) -> None:
        """The run that these files belong to is over: the next one begins at row one again."""

    def known_event_ids(self, project_id: int, event_ids: Sequence[str]) -> int:
        """How many of these ids, all different, the project has an event with."""

    def page(self, project_id: int, query: PageQuery) -> list[StoredEvent]:
        """The events that the query asks for, newest first; of one millisecond, the last stored first."""

    def count(self, project_id: int, query: CountQuery) -> Counted:
        """The number of events in the window, and how they spread over days or names."""

    def last_id(self) -> int:
        """The id of the event stored last, of whatever project, to look on from; 0 when there is none."""

    def arrivals(self, project_id: int, after_id: int, query: PageQuery) -> Arrivals:
        """The first `query.limit` events stored after that id, in the order of storing; the query's times do not count.

        after_id  `seen_id` of the last look, or last_id() at the first: that very object, for a store may keep more in
                  it than the number (PostgreSQL: smaller ids that may still be committed)
        """

    def events_after(self, project_id: int, query: ExportQuery, after_id: int, last_id: int) -> Slice:
        """The next events that the query asks for among those ids, in the order of their ids; it may be that there is
        none yet: read on from `seen_id` until that is `last_id`.
        """

    def hours_after(self, project_id: int, received: range, after_id: int, last_id: int) -> HourIds:
        """In which hours the next events among those ids were received, in the same way.

        received  epoch ms
        """

    def names_near(self, project_id: int, name: str) -> list[str]:
        """Up to three event names of the project that look like this one, the most alike first."""

    # The ledger -------------------------------------------------------------------------------------------------------

    def note(self, counted: Mapping[tuple[int, int, str], Mapping[str, int]], problems: list[Problem]) -> None:
        """Add to the ledger what brought no event: by (project, UTC day, door) the columns, {"refused_bad_key": 3}."""

    def ledger(self, project_id: int | None, first_day: int, last_day: int) -> list[LedgerDay]:
        """The lines of these days, inclusive, by project, day and door; None: all projects and NO_PROJECT."""

    def problems(self, project_id: int | None) -> list[Problem]:
        """What was dropped and refused, last seen first; None: of all projects and of none."""

    # Settings that shape events ---------------------------------------------------------------------------------------

    def rules(self) -> dict[str, str]:
        """The settings that shape events, by name, as they were last saved; empty when they never were."""

    def save_rules(self, wanted: dict[str, str]) -> None:
        """These and no others, from now on. Nothing is written when they are there already."""

    # Who is signed in to the page -------------------------------------------------------------------------------------

    def signing_secret(self) -> bytes:
        """What the page signs its cookies with; made at random with the database."""

    def make_link(self, project_ids: Sequence[int], at_ms: int) -> str:
        """What a new link holds, which opens these projects: once, within ten minutes."""

    def begin_session_by_link(self, link: str, earlier: str | None, at_ms: int) -> str | None:
        """The token of a new session that the link opens; None when it was used, is too old, or never was one.

        earlier  the token of the session that the browser has: what it opens stays open, in the new one; it is over
        """

    def begin_session_by_key(self, key: str, earlier: str | None, at_ms: int) -> str | None:
        """The same of a secret key; None when it opens nothing."""

    def session(self, token: str, at_ms: int) -> Session | None:
        """The session with this token and the projects it opens; None when it ended: signed out, not used for 30 days,
        its key revoked.
        """

    def sessions(self, project_id: int, at_ms: int) -> list[Session]:
        """The sessions that open this project, last used first; of what else they open nothing is said."""

    def note_session_use(self, session_id: int, at_ms: int) -> None:
        """The session was used."""

    def end_session(self, token: str) -> None:
        """This session is over."""

    def end_sessions(self, project_id: int) -> None:
        """Every session that opens this project is over, and so is every unused link to it."""

    # The database itself ----------------------------------------------------------------------------------------------

    def database_id(self) -> str:
        """32 hex digits, made at random with the database; its copies and backups have the same."""

    def prove_writable(self) -> None:
        """Write and commit a line. Raises what a client's write would raise now."""

    def faults(self) -> list[str]:
        """What the database itself finds wrong: damaged pages, rows that point nowhere."""

    def wrong_totals(self, first_day: int = FIRST_DAY) -> list[Wrong]:
        """Every hour that differs from its events, every day that differs from its hours, every line of the ledger that
        does not fit its events or whose sum is wrong; from that UTC day on. What is kept for people: all of it when
        that day is FIRST_DAY.
        """

    def repair(self, wrong: list[Wrong]) -> None:
        """Count these anew; totals in one transaction that is as short as they are few."""

    def condition(self) -> Condition:
        """Sizes, room, and what else the machine tells of the database; takes no lock and reads no event."""

    def quick_check(self, seconds: float) -> list[str] | None:
        """The database's own findings; None when they were not there in time."""

    def limited(self, seconds: float) -> AbstractContextManager[object]:
        """What this thread asks inside takes no longer than that together. Raises TooLong from the verb that is asked
        then; funnel and retention have a limit of their own and do not belong inside.
        """

    def observe_commits(self, observe: Callable[[float], None]) -> None:
        """Call this with the seconds that each transaction took."""

    def close(self) -> None:
        """Close every connection, and let go of the database."""
