"""What a project takes no more: events of people who were erased, and events older than it keeps (contract 9).

Whether an event is refused is decided inside the transaction that would store it, so that every worker refuses from the
same moment. Most events cost one comparison: only those that occurred before the project's newest erasure, or that a
trusted server posts with an id, are looked up by it.
"""

from collections.abc import Mapping, Sequence
from hashlib import blake2b
from typing import Any, NamedTuple

from drengr.events.event import Event
from drengr.events.properties import changed_by
from drengr.events.times import DAY_MS
from drengr.people.questions import Who, folded
from drengr.people.tombstones import Tombstone
from drengr.store.results import Account
from drengr.store.sql import Reader, Rows, Statements

LONGEST_PAUSE_MS = 31 * DAY_MS  # between two looks at the clock; past that it is not believed
_HASH_BYTES = 16
_LOWEST = -(2**62)

FLOOR = "SELECT keep_days, checked_at, is_stopped, looked_up_before, has_admin_ids FROM floors WHERE project_id = ?"
_ERASED_AT = "SELECT erased_at FROM tombstones WHERE project_id = ? AND person = ?"
_IS_REMOVED = "SELECT 1 FROM removed_ids WHERE project_id = ? AND event = ?"
KEY = "SELECT key FROM hash_key"
_RAISE = """
INSERT INTO floors (project_id, is_stopped, looked_up_before, has_admin_ids) VALUES (?, 0, ?, ?)
ON CONFLICT (project_id) DO UPDATE SET
  looked_up_before = CASE WHEN floors.looked_up_before > excluded.looked_up_before THEN floors.looked_up_before
    ELSE excluded.looked_up_before END,
  has_admin_ids = CASE WHEN excluded.has_admin_ids = 1 THEN 1 ELSE floors.has_admin_ids END
"""
_ENTOMB = """
INSERT INTO tombstones (project_id, person, erased_at) VALUES (?, ?, ?)
ON CONFLICT (project_id, person) DO UPDATE SET
  erased_at = CASE WHEN tombstones.erased_at > excluded.erased_at THEN tombstones.erased_at ELSE excluded.erased_at END
"""
_FORBID = """
INSERT INTO removed_ids (project_id, event, is_erased) VALUES (?, ?, ?)
ON CONFLICT (project_id, event) DO UPDATE SET
  is_erased = CASE WHEN excluded.is_erased = 1 THEN 1 ELSE removed_ids.is_erased END
"""


class Hashes:
    """What stands for ids where they must not be readable: keyed, different in each project and database."""

    def __init__(self, key: bytes, project_id: int) -> None:
        self._key = bytes(key)
        self._project = str(project_id).encode()

    @classmethod
    def of(cls, connection: Statements, project_id: int) -> "Hashes":
        """With the database's own key."""
        return cls(connection.execute(KEY).fetchall()[0][0], project_id)

    def person(self, who: Who) -> bytes:
        """Of a user or a device; two spellings of one canonical UUID are one."""
        return self._hash(who.kind, folded(who.id))

    def event(self, event_id: str) -> bytes:
        """Of an event_id, as it was sent."""
        return self._hash("event", event_id)

    def _hash(self, kind: str, text: str) -> bytes:
        words = b"\0".join((self._project, kind.encode(), text.encode()))
        return blake2b(words, digest_size=_HASH_BYTES, key=self._key).digest()


class Refused(NamedTuple):
    """Events that a project takes no more."""

    why: Mapping[int, str]  # by their place among the events of the write: "too_old" | "erased"
    keep_days: int | None  # how long the project keeps events


NOTHING_REFUSED = Refused({}, None)


class Floors:
    """What projects take no more, as one transaction sees it."""

    def __init__(self, connection: Statements, rows: Mapping[int, Sequence[Any]] | None = None) -> None:
        """rows: of projects that were asked for already, by `FLOOR`."""
        self._connection = connection
        self._rows = dict(rows or {})

    def refused(self, project_id: int, events: Sequence[Event], now_ms: int) -> Refused:
        """Which of the events are not taken."""
        if project_id not in self._rows:
            self._rows[project_id] = self._connection.execute(FLOOR, (project_id,)).fetchall()
        if not self._rows[project_id]:
            return NOTHING_REFUSED
        keep_days, checked_at, is_stopped, looked_up_before, has_admin_ids = self._rows[project_id][0]
        oldest = oldest_kept(keep_days, checked_at, is_stopped, now_ms)
        why: dict[int, str] = {}
        suspects = []
        for place, event in enumerate(events):
            if event.occurred_at < oldest:
                why[place] = "too_old"
            elif event.occurred_at < looked_up_before or (has_admin_ids and event.source == "admin" and event.event_id):
                suspects.append(place)
        if suspects:
            tombs = _Tombstones(self._connection, project_id)
            why |= {place: "erased" for place in suspects if tombs.hold(events[place])}
        return Refused(why, keep_days)


class _Asked(NamedTuple):
    """A database that is only read, in the place of a connection."""

    database: Reader

    def execute(self, sql: str, parameters: Sequence[Any] = (), /) -> Rows:
        rows = self.database.read(sql, tuple(parameters))
        return _Found(len(rows), rows)

    def executemany(self, sql: str, rows: list[Any], /) -> object:
        raise NotImplementedError


class _Found(NamedTuple):
    rowcount: int
    rows: list[Any]

    def fetchall(self) -> list[Any]:
        return self.rows


def would_refuse(database: Reader, project_id: int, events: Sequence[Event], now_ms: int) -> Refused:
    """Which of the events would not be taken now; nothing is written."""
    return Floors(_Asked(database)).refused(project_id, events, now_ms)


def account_of_taken(account: Account, taken: Sequence[Event]) -> Account:
    """The account of a write of which only these events are taken: of what was changed only they count."""
    return account._replace(changed=changed_by(event.changed for event in taken)) if account.changed else account


def oldest_kept(keep_days: int | None, checked_at: int | None, is_stopped: int, now_ms: int) -> int:
    """What occurred earlier, epoch ms, is not kept now."""
    if keep_days is None or is_stopped or jumped(checked_at, now_ms):
        return _LOWEST
    return now_ms - keep_days * DAY_MS


def jumped(checked_at: int | None, now_ms: int) -> bool:
    """Whether the clock is not to be believed, by the time of the last look at it."""
    return checked_at is not None and abs(now_ms - checked_at) > LONGEST_PAUSE_MS


class _Tombstones:
    """Look-ups of one request; what is asked twice is read once."""

    def __init__(self, connection: Statements, project_id: int) -> None:
        self._connection = connection
        self._project_id = project_id
        self._hashes = Hashes.of(connection, project_id)
        self._erased_at: dict[Who, int] = {}

    def hold(self, event: Event) -> bool:
        """Whether the event is one of somebody who was erased, or one that was removed for ever."""
        who = Who("user", event.external_id) if event.external_id is not None else None
        if who is None and event.install_id is not None:
            who = Who("device", event.install_id)
        if who is not None and event.occurred_at < self._when(who):
            return True
        if event.event_id is None:
            return False
        removed = self._project_id, self._hashes.event(event.event_id)
        return bool(self._connection.execute(_IS_REMOVED, removed).fetchall())

    def _when(self, who: Who) -> int:
        if who not in self._erased_at:
            rows = self._connection.execute(_ERASED_AT, (self._project_id, self._hashes.person(who))).fetchall()
            self._erased_at[who] = rows[0][0] if rows else _LOWEST
        return self._erased_at[who]


def entomb(connection: Statements, project_id: int, whom: Sequence[Who], erased_at: int) -> None:
    """From now on events of these people that occurred before are refused. Of several tombstones the newest holds."""
    hashes = Hashes.of(connection, project_id)
    connection.execute(_RAISE, (project_id, erased_at, 0))
    connection.executemany(_ENTOMB, sorted((project_id, hashes.person(who), erased_at) for who in set(whom)))


def forbid(
    connection: Statements, project_id: int, events: Sequence[tuple[str, int, str]], *, is_erased: bool
) -> None:
    """These events never come back, whatever their time: (event_id, occurred_at, source)."""
    if not events:
        return
    hashes = Hashes.of(connection, project_id)
    latest = max((at + 1 for _, at, source in events if source != "admin"), default=_LOWEST)
    connection.execute(_RAISE, (project_id, latest, int(any(source == "admin" for *_, source in events))))
    rows = {(project_id, hashes.event(event_id), int(is_erased)) for event_id, *_ in events}
    connection.executemany(_FORBID, sorted(rows))


def put_back(connection: Statements, project_id: int, saved: Sequence[Tombstone]) -> None:
    """What was saved holds again, beside what the database knows itself."""
    people = sorted((project_id, each.hash, each.value) for each in saved if each.kind == "person")
    events = sorted((project_id, each.hash, each.value) for each in saved if each.kind == "event")
    before = max((each.value for each in saved if each.kind != "event"), default=_LOWEST)
    connection.execute(_RAISE, (project_id, before, int(bool(events))))
    if people:
        connection.executemany(_ENTOMB, people)
    if events:
        connection.executemany(_FORBID, events)
