"""Tombstones, in a database that was restored: how they come into it, and which events they forbid (contract 9, 13).

An event is forbidden when its person was erased and it occurred before, or had been received before, whatever its time.
"""

from collections.abc import Callable, Iterator, Sequence
from hashlib import blake2b
from typing import Any, NamedTuple, Protocol

from drengr.people.questions import Who
from drengr.people.tombstones import Tombstone
from drengr.store import floors
from drengr.store.sql import Reader

_PAGE = 5_000
_PAGES = {
    "person": "SELECT person, erased_at FROM tombstones WHERE project_id = ? AND person > ? ORDER BY person LIMIT ?",
    "event": "SELECT event, is_erased FROM removed_ids WHERE project_id = ? AND event > ? ORDER BY event LIMIT ?",
}
_FLOOR = "SELECT looked_up_before FROM floors WHERE project_id = ? AND looked_up_before > 0"
_CHECKED = b"which key this is"

_PEOPLE_AT_ONCE = 200
_PEOPLE = "SELECT id, is_device, person FROM persons WHERE project_id = ? AND id > ? ORDER BY id LIMIT ?"
_ERASED_AT = "SELECT person, erased_at FROM tombstones WHERE project_id = ? AND person IN ({places})"
_EVENTS = """
SELECT e.id FROM identities AS i CROSS JOIN semantic_events AS e
WHERE {whose} AND e.identity_id = i.id AND (e.occurred_at < ? OR e.received_at <= ?)
"""
_OF_DEVICE = "i.device_id = ? AND i.user_id IS NULL"

Read = Callable[[str, Sequence[Any]], list[tuple[Any, ...]]]


class TombstoneStore(Protocol):
    """The verbs of `drengr tombstones`. Every one of them raises StoreError when the database cannot do it now."""

    def key_check(self) -> str:
        """Tells whether hashes were made with the key of this database, and not what it is."""

    def tombstones_after(self, project_id: int, last: Tombstone) -> list[Tombstone]:
        """The next ones of the project; none: that was all."""

    def put_tombstones(self, project_id: int, saved: Sequence[Tombstone]) -> None:
        """What these forbid is not taken any more."""

    def erase_entombed(self, project_id: int) -> int:
        """Whatever the project's tombstones forbid is to go: the number of the removal, for `go_on_removing`."""


class Forbidden(NamedTuple):
    """Events that some people must not have."""

    ids: list[int]
    last_person: int  # the number of the last who was looked at


def check_of(key: bytes) -> str:
    """See TombstoneStore.key_check."""
    return blake2b(_CHECKED, digest_size=8, key=bytes(key)).hexdigest()


def after(database: Reader, project_id: int, last: Tombstone) -> list[Tombstone]:
    """See TombstoneStore.tombstones_after."""
    for kind in ("person", "event") if last.kind == "person" else ("event",) if last.kind == "event" else ():
        begin = last.hash if kind == last.kind else b""
        rows = database.read(_PAGES[kind], (project_id, begin, _PAGE))
        if rows:
            return [Tombstone(kind, bytes(hash_), value) for hash_, value in rows]
    floor = database.read(_FLOOR, (project_id,)) if last.kind != "floor" else []
    return [Tombstone("floor", b"", row[0]) for row in floor]


def forbidden(
    read: Read, of_user: str, plain: Callable[[Any], str | None], project_id: int, after_person: int = 0
) -> Iterator[Forbidden]:
    """Of all people with a larger number, some at a time.

    of_user  SQL: that an identity `i` is one of the user whose number is its parameter
    plain    a person's id, of how it is kept
    """
    hashes, last = floors.Hashes(read(floors.KEY, ())[0][0], project_id), after_person
    while people := read(_PEOPLE, (project_id, last, _PEOPLE_AT_ONCE)):
        last = people[-1][0]
        by_hash = {
            hashes.person(Who("device" if is_device else "user", plain(kept) or "")): (number, is_device)
            for number, is_device, kept in people
        }
        erased = read(_ERASED_AT.format(places=", ".join("?" * len(by_hash))), (project_id, *by_hash))
        ids = []
        for hash_, at in erased:
            number, is_device = by_hash[bytes(hash_)]
            sql = _EVENTS.format(whose=_OF_DEVICE if is_device else of_user)
            ids += [row[0] for row in read(sql, (number, at, at))]
        yield Forbidden(ids, last)
