"""Removals: events that go, some at a time (contract 9): the one way in which events are deleted.

A removal is a row that says which events; whatever process goes on with it takes some, with all that counts them, in
one short transaction after the other, and lets live requests pass between. It may be killed at any moment: what it had
not taken is there, and whoever comes next goes on. What is older than a project keeps needs no row: its time says it.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any, Protocol

import orjson

from drengr.events.times import DAY_MS
from drengr.log import faults
from drengr.store import floors
from drengr.store.clock import now_ms
from drengr.store.errors import Busy
from drengr.store.removal_rows import EVER, NEVER, Removal, end, filters, for_ever
from drengr.store.tombstones import Forbidden

_SLICE_S = 0.010
_FEWEST, _MOST = 10, 5_000  # events of a slice
_LEFT_MS = 3_000  # after so long without work on it a removal is anybody's
_LOOK_EVERY_MS = 60_000  # at the clock

_UNFINISHED = "SELECT id, project_id, why, began_at, bound, condition, worked_at FROM removals ORDER BY id"
_CLAIM = "UPDATE removals SET worked_at = ? WHERE id = ? AND worked_at = ?"
_WORKED = "UPDATE removals SET worked_at = ?, events = events + ? WHERE id = ?"
_ERASED_SO_FAR = "UPDATE erasures SET events = events + ? WHERE removal_id = ?"
_KEPT = """
SELECT project_id, keep_days, checked_at, is_stopped FROM floors WHERE keep_days IS NOT NULL ORDER BY project_id
"""
_LOOKED = """
UPDATE floors SET checked_at = ?, is_stopped = ? WHERE project_id = ? AND coalesce(checked_at, 0) = ? AND is_stopped = 0
"""

_ERASING = """
SELECT e.id, g.is_named, g.identity_id FROM erasing AS g
CROSS JOIN semantic_events AS e
WHERE g.removal_id = ? AND e.identity_id = g.identity_id AND {bound}
ORDER BY g.is_named, g.identity_id LIMIT ?
"""
_ERASED = """
DELETE FROM erasing WHERE removal_id = ? AND (is_named < ? OR (is_named = ? AND identity_id < ?))
"""
_EXPIRED = "SELECT id FROM semantic_events WHERE project_id = ? AND occurred_at < ? ORDER BY occurred_at LIMIT ?"
_DELETED = """
SELECT e.id, e.occurred_at FROM semantic_events AS e CROSS JOIN origins AS o
WHERE o.id = e.origin_id AND e.project_id = ? AND e.occurred_at >= ? AND e.occurred_at <= ? AND {bound}{filters}
ORDER BY e.occurred_at LIMIT ?
"""
_UNDOING = """
SELECT e.id FROM import_ids AS r CROSS JOIN semantic_events AS e
WHERE r.project_id = ? AND r.number = ? AND e.id BETWEEN r.first_id AND r.last_id
ORDER BY r.first_id, e.id LIMIT ?
"""
_UNDONE = "DELETE FROM import_ids WHERE project_id = ? AND number = ? AND first_id <= ? AND last_id <= ?"

After = tuple[str, tuple[Any, ...]]  # a statement for when some events are gone, and its parameters


class Parts(Protocol):
    """What of it is another thing on each store."""

    bound: str  # SQL: that an event `e` was there before the removal's `bound`, which is its parameter
    settles_ms: int  # so long after a removal began may transactions end that began before it

    def read(self, sql: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """All rows of a query."""

    def write(self, work: Callable[[Any], Any], rows: int) -> Any:
        """What `work(connection)` returned, once its transaction is committed."""

    def remove(self, connection: Any, ids: Sequence[int], why: Any) -> int:
        """How many events of these ids there were; they are gone, and nothing counts them any more."""

    def others_wait(self) -> bool:
        """Whether somebody else has been waiting to write lately."""

    def entombed(self, project_id: int, after_person: int) -> Iterator[Forbidden]:
        """See drengr.store.tombstones.forbidden."""

    def stored_in_spite(self, project_id: int, after_id: int, before: int) -> Iterator[tuple[list[int], int]]:
        """(events that tombstones forbid, of some ids after that one; the last of these ids), up to the newest.

        before  epoch ms: only those that occurred earlier
        """

    def drop(self, project_id: int) -> None:
        """Delete what a project has besides events and removals, but not the project itself."""

    def clean(self, *, anew: bool) -> bool:
        """Give room back and overwrite what is left of rows that are gone; whether that is done.

        anew  also where only making the whole database anew does it, if that is soon done
        """


class Remover:
    """Goes on with what is to go. One a store; its methods may be called from any thread."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._row_s = 0.0005  # what one event takes
        self._expiring: set[int] = set()  # projects with events that this process lets expire now
        self._from: dict[int, int] = {}  # by removal, the occurred_at, or person, up to which nothing is left

    def go_on(self, seconds: float, only: int | None = None) -> bool:
        """Work for about so long; whether nothing is left that this process has to do.

        only  the removal to go on with; None: all, and what is older than is kept
        """
        deadline, is_done = time.monotonic() + seconds, True
        for number, project_id, why, began_at, bound, condition, worked_at in self._parts.read(_UNFINISHED):
            removal = Removal(number, project_id, why, began_at, bound, orjson.loads(condition), worked_at)
            if only in (None, number):
                is_done = self._claim(removal) and self._finish(removal, deadline) and is_done
        if only is None:
            for project_id, keep_days, checked_at, is_stopped in self._parts.read(_KEPT):
                if not is_stopped and self._looks_at_the_clock(project_id, checked_at):
                    is_done = self._expire(project_id, keep_days, deadline) and is_done
        return is_done

    def _claim(self, removal: Removal) -> bool:
        """Whether nobody else is at it."""
        now = now_ms()
        if 0 <= now - removal.worked_at < _LEFT_MS:
            return False
        return self._changes(_CLAIM, now, removal.id, removal.worked_at)

    def _finish(self, removal: Removal, deadline: float) -> bool:
        """Whether all of its events are gone, for good."""
        is_settled = now_ms() >= removal.began_at + self._parts.settles_ms  # what a pass that begins now sees, it ends
        while True:
            ids, after = self._next(removal, is_settled)
            if not ids:
                break
            try:
                self._take(removal, ids, after)
            except Busy:  # somebody stores events of these very people: what is left goes later
                deadline = 0.0
            if time.monotonic() > deadline:
                self._changes(_WORKED, now_ms() - _LEFT_MS, 0, removal.id)
                return False
        if is_settled and removal.is_of_all:
            self._parts.drop(removal.project_id)
        is_clean = is_settled and self._parts.clean(anew=removal.why == "erased")
        if not (is_clean and self._parts.write(partial(end, removal=removal), 1)):
            self._changes(_WORKED, now_ms() - _LEFT_MS, 0, removal.id)
            return False
        return True

    def _next(self, removal: Removal, is_settled: bool) -> tuple[list[int], After | None]:
        """(some of its events; what is to be done when they are gone)."""
        if removal.is_of_entombed:
            return self._next_entombed(removal), None
        if removal.why == "erased":
            rows = self._parts.read(_ERASING.format(bound=self._parts.bound), (removal.id, removal.bound, self._most()))
            if not rows:
                return self._next_unseen(removal) if is_settled else [], None
            return [row[0] for row in rows], (_ERASED, (removal.id, rows[-1][1], rows[-1][1], rows[-1][2]))
        if removal.why == "undone":
            key = removal.project_id, removal.condition["import"]
            ids = [row[0] for row in self._parts.read(_UNDOING, (*key, self._most()))]
            return ids, (_UNDONE, (*key, ids[-1], ids[-1])) if ids else None
        wanted = removal.condition
        words, values = filters(wanted)
        since = max(wanted.get("since", EVER), self._from.get(removal.id, EVER))
        span = since, wanted.get("until", NEVER), removal.bound
        sql = _DELETED.format(bound=self._parts.bound, filters=words)
        rows = self._parts.read(sql, (removal.project_id, *span, *values, self._most()))
        if rows:
            self._from[removal.id] = rows[0][1]
        elif self._from.pop(removal.id, None) is not None:
            return self._next(removal, is_settled)  # from the start: an older event may have been stored meanwhile
        return [row[0] for row in rows], None

    def _next_unseen(self, removal: Removal) -> list[int]:
        """Some events of transactions that looked for the tombstone before it was there, whatever ids they brought."""
        if removal.unseen_after is None:
            return []
        begin = self._from.get(removal.id, removal.unseen_after)
        for ids, last_id in self._parts.stored_in_spite(removal.project_id, begin, removal.began_at):
            if ids:
                return ids[: self._most()]
            self._from[removal.id] = last_id
        self._from.pop(removal.id, None)
        return []

    def _next_entombed(self, removal: Removal) -> list[int]:
        for found in self._parts.entombed(removal.project_id, self._from.get(removal.id, 0)):
            if found.ids:
                return found.ids[: self._most()]
            self._from[removal.id] = found.last_person
        self._from.pop(removal.id, None)
        return []

    def _take(self, removal: Removal, ids: list[int], after: After | None) -> None:
        def take(connection: Any) -> None:
            never_again = for_ever(connection, ids, removal)
            floors.forbid(connection, removal.project_id, never_again, is_erased=removal.why == "erased")
            events = self._parts.remove(connection, ids, removal.why)
            connection.execute(_WORKED, (now_ms(), events, removal.id))
            if removal.why == "erased":
                connection.execute(_ERASED_SO_FAR, (events, removal.id))
            if after is not None:
                connection.execute(*after)

        self._slice(take, len(ids))

    def _expire(self, project_id: int, keep_days: int, deadline: float) -> bool:
        """Whether nothing of the project is older than it keeps, and nothing of that is left in the file."""
        while ids := [row[0] for row in self._parts.read(_EXPIRED, (project_id, oldest(keep_days), self._most()))]:

            def take(connection: Any, ids: list[int] = ids) -> None:
                floors.forbid(connection, project_id, for_ever(connection, ids, None), is_erased=False)
                self._parts.remove(connection, ids, "expired")

            self._expiring.add(project_id)
            self._slice(take, len(ids))
            if time.monotonic() > deadline:
                return False
        if project_id in self._expiring and not self._parts.clean(anew=False):
            return False
        self._expiring.discard(project_id)
        return True

    def _looks_at_the_clock(self, project_id: int, checked_at: int | None) -> bool:
        """Whether this process is the one to let events expire now: one a minute, and only while the clock goes on.

        It goes on until nothing is too old, or another looks at the clock. Once that jumped nothing expires any more.
        """
        now, before = now_ms(), checked_at or 0
        if floors.jumped(checked_at, now):
            self._changes(_LOOKED, before, 1, project_id, before)
            faults.warning(
                "The clock is %d days away from when it was looked at last: nothing expires in the project numbered %d"
                " until `drengr project keep` is given again.", abs(now - before) // DAY_MS, project_id,
            )  # fmt: skip
            return False
        if now - before < _LOOK_EVERY_MS:
            return project_id in self._expiring
        is_ours = self._changes(_LOOKED, now, 0, project_id, before)
        if not is_ours:
            self._expiring.discard(project_id)
        return is_ours

    def _changes(self, sql: str, *parameters: int) -> bool:
        """Whether the statement changed a row."""
        return bool(self._parts.write(lambda connection: connection.execute(sql, parameters).rowcount, 1))

    def _slice(self, take: Callable[..., None], rows: int) -> None:
        """One transaction, and a pause in which others have their turn."""
        begun = time.perf_counter()
        self._parts.write(take, rows)
        took = time.perf_counter() - begun
        self._row_s = max(took / rows, 1e-6)
        if self._parts.others_wait():
            time.sleep(2 * took)

    def _most(self) -> int:
        return min(max(int(_SLICE_S / self._row_s), _FEWEST), _MOST)


def oldest(keep_days: int) -> int:
    """What occurred earlier, epoch ms, is older than so many days now."""
    return now_ms() - keep_days * DAY_MS
