"""What a store answers: plain values, the same from every store."""

from collections.abc import Mapping
from typing import Literal, NamedTuple

from drengr.admin.exports import WholeEvent
from drengr.admin.shown import StoredEvent
from drengr.events.outcomes import CHANGED, DROPPED, REFUSED, REMOVED
from drengr.events.times import HOUR_MS, day_text, iso_text

# upgrade  as write, and bring an older database up to date: who starts the service
# write    read and write; a missing database is made, an older one refused
# read     read a database that is there, also without the right to write in its folder; an older one is refused
# inspect  as read, of any version up to this one
Access = Literal["upgrade", "write", "read", "inspect"]


class Upgrade(NamedTuple):
    """What bringing an older database up to date takes."""

    steps: tuple[str, ...]
    bytes: int  # of the database now
    needed_bytes: int  # of room in its folder, for a copy and for the work
    free_bytes: int
    minutes: int  # about

    def __str__(self) -> str:
        return (
            f"{len(self.steps)} steps ({self.steps[0]} to {self.steps[-1]}), {self.bytes / 1e6:,.1f} MB,"
            f" about {self.minutes} min; needs {self.needed_bytes / 1e6:,.1f} MB of room,"
            f" {self.free_bytes / 1e6:,.1f} MB are free."
        )


class Project(NamedTuple):
    """One tenant."""

    id: int
    uuid: str
    name: str


class NewProject(NamedTuple):
    """A project just made, with its first keys in full: the only time they are seen."""

    project_id: str
    publishable_key: str
    secret_key: str


class Key(NamedTuple):
    """One key as lists show it."""

    id: int
    project: str
    kind: str
    hint: str
    key: str | None  # in full, of publishable keys that are not too old
    created_at: int  # epoch ms
    last_used_at: int | None  # epoch ms, start of the hour; None: never
    revoked_at: int | None  # epoch ms; ahead of now: it was rotated and is good until then

    def is_good(self, now_ms: int) -> bool:
        """Whether it opens anything at that moment."""
        return self.revoked_at is None or self.revoked_at > now_ms


class Session(NamedTuple):
    """Somebody who is signed in to the page."""

    id: int
    kind: str  # "key" | "link": how it began
    created_at: int  # epoch ms
    last_used_at: int  # epoch ms, now and then
    key_id: int | None  # of the key it ends with; None: opened by a link
    hint: str | None  # of that key
    projects: list[Project]  # that it opens, by name


class Added(NamedTuple):
    """What became of the events of one write."""

    inserted: int
    duplicates: int
    refused: Mapping[int, str] = {}  # place among the events of the write → "too_old" | "erased"
    keep_days: int | None = None  # what is too old for the project


class Arrivals(NamedTuple):
    """What was stored after an id, oldest first, and where to look on from."""

    events: list[StoredEvent]
    seen_id: int  # every event up to this id was looked at


class Slice(NamedTuple):
    """Some events in the order of their ids, and where to read on from."""

    events: list[WholeEvent]
    seen_id: int  # every event up to this id was looked at


class HourIds(NamedTuple):
    """The smallest and the largest id of the events received in an hour, by its number since 1970."""

    ids: dict[int, tuple[int, int]]
    seen_id: int  # every event up to this id was looked at


class Counted(NamedTuple):
    """What a count found; buckets are (key, events), in the contract's order, when they were asked for."""

    total: int
    buckets: list[tuple[str, int]] | None


class Progress(NamedTuple):
    """How far one file has come."""

    rows: int
    imported: int
    skipped: int
    duplicates: int
    reasons: str  # JSON array
    number: int | None = None  # of the import; None: begun before imports had numbers


class WrongTotal(NamedTuple):
    """A total that is not the number of its events."""

    unit: str  # "hour" | "day"
    project_id: int
    name_id: int
    number: int  # of the hour or the day since 1970
    kept: int  # what the total says
    counted: int  # what it ought to say
    project: str
    event_name: str

    def __str__(self) -> str:
        when = iso_text(self.number * HOUR_MS)[:16] if self.unit == "hour" else day_text(self.number)
        counted = "events" if self.unit == "hour" else "sum of its hours"
        return (
            f'{self.unit} {when}, project {self.project}, event "{self.event_name}":'
            f" total {self.kept}, {counted} {self.counted}"
        )


FIRST_DAY = -719_162  # 0001-01-01, in days since 1970: no event is older
NO_PROJECT = 0  # what belongs to no project: requests with an unknown key, or none


class Account(NamedTuple):
    """What the rows of one request were, but for how many are stored and how many were here already."""

    door: str  # one of events.outcomes.DOORS
    received: int  # rows as they came, counted before they were read
    dropped: Mapping[str, int] = {}  # by reason, see events.outcomes.DROPPED
    changed: Mapping[str, int] = {}  # see events.outcomes.CHANGED
    # Events that were stored before: each counts on the day and door that it names itself, other rows on this day.
    again: bool = False


class LedgerDay(NamedTuple):
    """One line of the ledger: what came to a project through a door on a UTC day, and what became of it."""

    project_id: int  # or NO_PROJECT
    day: int  # since 1970
    door: str
    first_id: int | None  # of its events
    last_id: int | None
    last_received_at: int | None  # epoch ms
    counts: Mapping[str, int]  # received, stored, duplicates, dropped_…, changed_…, removed_…, refused_…

    def by(self, kind: str) -> dict[str, int]:
        """The counts of one kind by reason: "dropped" | "changed" | "removed" | "refused"."""
        reasons = {"dropped": DROPPED, "changed": CHANGED, "removed": REMOVED, "refused": REFUSED}[kind]
        return {reason: self.counts[f"{kind}_{reason}"] for reason in reasons}


class Problem(NamedTuple):
    """Why rows were dropped or requests refused: one a combination of its first seven fields. Never a value."""

    project_id: int  # or NO_PROJECT
    door: str
    reason: str
    event_name: str  # as in contract 3.1; empty for none
    sdk: str
    sdk_version: str
    key_hint: str  # of an unknown key, else empty
    count: int  # type: ignore[assignment]  # a tuple's method of that name is not missed
    first_at: int  # epoch ms
    last_at: int  # epoch ms


class WrongAccount(NamedTuple):
    """A line of the ledger that does not fit the events, or itself."""

    project_id: int
    project: str | None
    day: int
    door: str
    kept: int  # events there should be: stored - removed
    counted: int  # events there are
    received: int
    explained: int  # stored + duplicates + dropped

    def __str__(self) -> str:
        where = f"ledger {day_text(self.day)}, project {self.project or '-'}, {self.door}"
        if self.kept != self.counted:
            return f"{where}: {self.kept} events by its count, {self.counted} in the file"
        return f"{where}: {self.received} rows received, {self.explained} explained"


class WrongPeople(NamedTuple):
    """Something kept for people that is not as the events say."""

    project_id: int
    project: str | None
    what: str
    rows: int

    def __str__(self) -> str:
        return f"people, project {self.project or '-'}: {self.rows} {self.what}"


Wrong = WrongTotal | WrongAccount | WrongPeople


class Backup(NamedTuple):
    """A backup that was made, and proved good."""

    path: str
    events: int
    bytes: int
    seconds: float
    not_noted: str | None  # why the database does not know of it
    removed: list[str]  # older backups


class Compacted(NamedTuple):
    """A database file that was made anew."""

    path: str
    bytes_before: int
    bytes: int
    seconds: float


class Restored(NamedTuple):
    """What lies in the database's place now."""

    path: str
    events: int
    bytes: int
    seconds: float
    set_aside: str | None  # where the database lies that was there; None: there was none
    kept: bool  # projects, keys and settings are those of the database that was there


class Condition(NamedTuple):
    """How the database is doing, as far as the machine can tell."""

    bytes: Mapping[str, int]  # by file: "db"; SQLite: "wal"
    disk_free_bytes: int | None  # None: its disk is another machine's
    last_backup_at: int  # epoch ms; 0: never
    network_share: str | None  # the type of the network file system it lies on
    alone_on_a_mount: bool  # the file itself is mounted, without those beside it
    open_to_others: list[str]  # files that other users of the machine can read
    not_writable: list[str]  # files that the owner of the folder cannot write
