"""What one transaction adds to the ledger, counted before it is written (contract 10)."""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from drengr.events.event import Event
from drengr.events.outcomes import CHANGED, DROPPED, REFUSED, REMOVED, door_of
from drengr.events.times import DAY_MS
from drengr.store.results import Account

COUNTS = (
    "received", "stored", "duplicates",
    *(f"dropped_{reason}" for reason in DROPPED),
    *(f"changed_{how}" for how in CHANGED),
    *(f"removed_{how}" for how in REMOVED),
    *(f"refused_{reason}" for reason in REFUSED),
)  # fmt: skip
_AT = {name: index for index, name in enumerate(COUNTS)}

Key = tuple[int, int, str]  # project, UTC day since 1970, door


class Entries:
    """One line a (project, day, door), however many requests."""

    def __init__(self) -> None:
        self._counts: dict[Key, list[int]] = {}
        self._ids: dict[Key, tuple[int, int, int]] = {}

    def add(self, key: Key, account: Account, stored: int, duplicates: int, refused: Iterable[str] = ()) -> None:
        """Count one request's rows, and what became of them.

        refused  for each event that the project takes no more, why
        """
        counts = self._of(key)
        counts[0] += account.received
        counts[1] += stored
        counts[2] += duplicates
        for reason in refused:
            counts[_AT[f"dropped_{reason}"]] += 1
        for reason, rows in account.dropped.items():
            counts[_AT[f"dropped_{reason}"]] += rows
        for how, rows in account.changed.items():
            counts[_AT[f"changed_{how}"]] += rows

    def add_again(
        self,
        project_id: int,
        events: list[Event],
        account: Account,
        new: Iterable[tuple[int, int, str]],
        today: int,
        refused: Iterable[str] = (),
    ) -> None:
        """Count events that were stored before, each on the UTC day and door that it names, other rows today.

        events   those that the project takes
        new      (id, received_at, source) of those that were not here yet
        refused  for each that it takes no more, why
        """
        received = Counter((project_id, event.received_at // DAY_MS, door_of(event.source)) for event in events)
        stored: Counter[Key] = Counter()
        for number, received_at, source in new:
            key = project_id, received_at // DAY_MS, door_of(source)
            stored[key] += 1
            self.saw(key, number, number, received_at)
        for key, rows in received.items():
            self.add(key, Account(key[2], rows), stored[key], rows - stored[key])
        if account.received > len(events):
            others = account._replace(received=account.received - len(events))
            self.add((project_id, today, account.door), others, 0, 0, refused)

    def add_named(self, key: Key, counted: Mapping[str, int]) -> None:
        """Count by column, such as {"refused_bad_key": 3}."""
        counts = self._of(key)
        for name, number in counted.items():
            counts[_AT[name]] += number

    def saw(self, key: Key, first_id: int, last_id: int, received_at: int) -> None:
        """Note the ids of rows just inserted, and when they were received."""
        first, last, at = self._ids.get(key, (first_id, last_id, received_at))
        self._ids[key] = min(first, first_id), max(last, last_id), max(at, received_at)

    def rows(self) -> list[tuple[Any, ...]]:
        """(project, day, door, first_id, last_id, last_received_at, *COUNTS), in the order of their keys."""
        return [
            (*key, *self._ids.get(key, (None, None, None)), *counts) for key, counts in sorted(self._counts.items())
        ]

    def _of(self, key: Key) -> list[int]:
        counts = self._counts.get(key)
        if counts is None:
            counts = self._counts[key] = [0] * len(COUNTS)
        return counts
