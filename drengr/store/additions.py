"""The write of one request's events, as far as it is the same on both stores (contract 9, 10)."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeVar

from drengr.events.event import Event
from drengr.events.outcomes import door_of
from drengr.events.times import DAY_MS
from drengr.store import floors
from drengr.store.clock import now_ms
from drengr.store.entries import Entries
from drengr.store.results import Account, Added

T = TypeVar("T")
New = tuple[int, int, str]  # id, received_at, source of an event that was not here yet


class Addition:
    """The write of one request's events.

    account    what the rows were that these events come from; None: an event a row, all of them through one door
    metered    whether what is stored counts against the project's daily quota
    alongside  called in the same transaction with the connection, what became of the events, and their ids
    """

    def __init__(
        self,
        project_id: int,
        events: list[Event],
        account: Account | None,
        metered: bool,
        alongside: Callable[[Any, Added, Any], object] | None,
    ) -> None:
        self.project_id = project_id
        self.events = events
        self.account = account or Account(door_of(events[0].source) if events else "importer", len(events))
        self.metered = metered
        self.alongside = alongside
        self.taken = events  # those that the project takes
        self.refused = floors.NOTHING_REFUSED  # the others

    @property
    def usage_day(self) -> tuple[int, int]:
        """(project, UTC day) that what is stored counts on, against the quota."""
        return self.project_id, self.events[0].received_at // DAY_MS

    def look_up(self, known: floors.Floors) -> None:
        """Which of the events the project takes, as this transaction sees it."""
        self.refused = known.refused(self.project_id, self.events, now_ms())
        self.taken = self.without_refused(self.events)

    def without_refused(self, those: list[T]) -> list[T]:
        """Of something for each event, what is of those that are taken."""
        why = self.refused.why
        return [each for place, each in enumerate(those) if place not in why] if why else those

    def enter(self, entries: Entries, added: Added, ids: Sequence[int], new: Callable[[], Iterable[New]]) -> None:
        """Into the ledger.

        ids  from the first event inserted for this write to its last
        new  gives those events; asked for the rows of an export of ours, which name their day and door themselves
        """
        if not (self.events or self.account.received):
            return
        refused, account = self.refused.why.values(), self.account
        if refused:
            account = floors.account_of_taken(account, self.taken)
        if account.again:
            entries.add_again(self.project_id, self.taken, account, new(), now_ms() // DAY_MS, refused)
            return
        received_at = self.events[0].received_at if self.events else now_ms()
        key = self.project_id, received_at // DAY_MS, account.door
        entries.add(key, account, added.inserted, added.duplicates, refused)
        if added.inserted:
            entries.saw(key, ids[0], ids[-1], received_at)
