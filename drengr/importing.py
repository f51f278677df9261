"""Rows → events → short transactions, with exact totals: the loop behind whole files, over HTTP and by command
(contract 5).
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, NamedTuple, Protocol

import orjson

from drengr.events.event import Context, Event
from drengr.files.broken import BrokenFile, Enough
from drengr.files.reader import Batch, Limits
from drengr.sources import MAX_TOLD_KEYS, Mapped, read_batch
from drengr.sources.guess import guess_cause

MAX_REASONS = 10


class Settings(Protocol):
    """The settings in force, as drengr.config has them."""

    def __getitem__(self, name: str) -> Any: ...


def limits_of(config: Settings) -> Limits:
    """The operator's limits for one upload or file."""
    return Limits(
        line_bytes=config["DRENGR_MAX_LINE_BYTES"],
        file_bytes=config["DRENGR_MAX_FILE_BYTES"],
        zip_members=config["DRENGR_MAX_ZIP_MEMBERS"],
        ratio=config["DRENGR_MAX_RATIO"],
    )


class Fruitless(BrokenFile):
    """The file was read to its end and is not what was asked for: no row in it, no row of it an event, or rows missing.

    Nothing fails in silence: whoever deletes a file after its import must not lose it to a vendor's error page.
    """


class Added(Protocol):
    """What became of the events of one write."""

    @property
    def inserted(self) -> int: ...

    @property
    def duplicates(self) -> int: ...

    @property
    def refused(self) -> Mapping[int, str]: ...

    @property
    def keep_days(self) -> int | None: ...


class _Taken(NamedTuple):
    """One batch of what waits."""

    first: int  # place of its first event among those that wait
    rows: int
    skipped: list[int]  # positions of the rows that are no event, ascending
    place: Callable[[int], str]


@dataclass(slots=True)
class Waiting:
    """What is read and waits for its transaction."""

    events: list[Event] = field(default_factory=list)
    rows: int = 0
    dropped: Counter[str] = field(default_factory=Counter)  # rows that are no event, by the words of contract 10
    problems: Counter[tuple[str, str]] = field(default_factory=Counter)  # the same by (word, event name)
    changed: Counter[str] = field(default_factory=Counter)  # events that lost something, by the words of contract 10
    reasons: list[str] = field(default_factory=list)  # of the first skipped rows
    notes: Counter[str] = field(default_factory=Counter)  # what could not be read of events, and of how many
    dropped_keys: Counter[tuple[str, str]] = field(default_factory=Counter)  # (full key, sensitive word in it)
    batches: list[_Taken] = field(default_factory=list)

    def take(self, mapped: Mapped, rows: int, place: Callable[[int], str]) -> None:
        """Add what became of so many rows.

        place  text before the reason of the row at a position in the batch
        """
        self.batches.append(_Taken(len(self.events), rows, [row.position for row in mapped.skipped], place))
        self.events += mapped.events
        self.rows += rows
        self.dropped.update(mapped.dropped)
        self.problems.update(mapped.problems)
        self.changed.update(mapped.changed)
        told = mapped.skipped[: MAX_REASONS - len(self.reasons)]
        self.reasons += [f"{place(row.position)}: {row.reason}" for row in told]
        self.notes.update(mapped.notes)
        add_keys(self.dropped_keys, mapped.dropped_keys)

    def refused_problems(self, added: Added) -> Counter[tuple[str, str]]:
        """The events that the project takes no more by (word of contract 10, event name)."""
        return Counter((word, self.events[place].event_name) for place, word in added.refused.items())

    def refused_reasons(self, added: Added) -> list[str]:
        """Why the first of them were skipped."""
        told = islice(added.refused.items(), MAX_REASONS)
        return [f"{self._place(index)}: {_why_refused(word, added.keep_days)}" for index, word in told]

    def _place(self, index: int) -> str:
        """Text before the reason of an event's row."""
        batch = next(each for each in reversed(self.batches) if each.first <= index)
        skipped = set(batch.skipped)
        events = (position for position in range(batch.rows) if position not in skipped)
        return batch.place(next(islice(events, index - batch.first, None)))


def _why_refused(word: str, keep_days: int | None) -> str:
    return "its person was erased" if word == "erased" else f"older than the {keep_days} days that are kept"


@dataclass(slots=True)
class Tally:
    """Totals of what is stored; imported + skipped + duplicates = rows."""

    rows: int = 0
    imported: int = 0
    skipped: int = 0
    duplicates: int = 0
    reasons: list[str] = field(default_factory=list)  # the first MAX_REASONS
    notes: Counter[str] = field(default_factory=Counter)
    dropped_keys: Counter[tuple[str, str]] = field(default_factory=Counter)
    refused: int = 0  # of the skipped: events of people who were erased, and older ones than are kept

    def after(self, waiting: Waiting, added: Added) -> "Tally":
        """These totals once the events that waited are stored."""
        return self.plus(
            Tally(
                waiting.rows,
                added.inserted,
                waiting.dropped.total() + len(added.refused),
                added.duplicates,
                waiting.reasons + waiting.refused_reasons(added),
                waiting.notes,
                waiting.dropped_keys,
                len(added.refused),
            )
        )

    def plus(self, other: "Tally") -> "Tally":
        """Both together."""
        keys = self.dropped_keys.copy()
        add_keys(keys, other.dropped_keys)
        return Tally(
            self.rows + other.rows,
            self.imported + other.imported,
            self.skipped + other.skipped,
            self.duplicates + other.duplicates,
            (self.reasons + other.reasons)[:MAX_REASONS],
            self.notes + other.notes,
            keys,
            self.refused + other.refused,
        )


def add_keys(counts: Counter[tuple[str, str]], more: Counter[tuple[str, str]]) -> None:
    """Add the counts of dropped keys; a file that invents keys must not fill the memory."""
    for key, count in more.items():
        if key in counts or len(counts) < MAX_TOLD_KEYS:
            counts[key] += count


def count_name(names: Counter[tuple[str, str]], event: Event) -> None:
    """Count an event of a dry run under (its name as stored, as it came); of a file that invents names, the first."""
    original = event.event_name
    if '"_source_event_name":' in event.dims:
        original = orjson.loads(event.dims).get("_source_event_name", original)
    if (event.event_name, original) in names or len(names) < MAX_TOLD_KEYS:
        names[event.event_name, original] += 1


class Import:
    """One file or upload on its way into the store.

    put     stores the events in one transaction and says what became of them; it is given the totals before, so that
            it can keep those after in the same transaction
    place   text before a reason: `event 4` over HTTP, a file and its line on the command line
    rows_at_once  how many rows one transaction should have now: few while live events wait for their turn
    tally   of an earlier run that went so far with the same file
    """

    def __init__(
        self,
        context: Context,
        put: Callable[[Waiting, Tally], Added],
        place: Callable[[int, int], str],
        tally: Tally | None = None,
        *,
        rows_at_once: Callable[[], int],
    ) -> None:
        self._context = context
        self._rows_at_once = rows_at_once
        self._put = put
        self._place = place
        self.tally = tally or Tally()
        self._waiting = Waiting()
        self._guess: str | None = None  # why the first rows are no events

    def run(self, batches: Iterable[Batch]) -> Iterator[Tally]:
        """The totals after every batch. What was read before an error is stored, then the error goes on.

        Raises  BrokenFile, Enough, Fruitless at the end, and whatever `put` raises
        """
        try:
            for batch in batches:
                if batch.rows:
                    self._read(batch)
                yield self.tally
        except (BrokenFile, Enough):
            self._store()
            raise
        self._store()
        yield self.tally
        self.check_fruits()

    def check_fruits(self) -> None:
        """Raises Fruitless when no row so far is an event."""
        if not self.tally.rows:
            raise Fruitless("there is not a single row in it")
        if self.tally.skipped - self.tally.refused == self.tally.rows:
            why = f": {self._guess}" if self._guess else f", for example {self.tally.reasons[0]}"
            raise Fruitless(f"not one of its {self.tally.rows:,} rows is an event{why}")

    def _read(self, batch: Batch) -> None:
        begun = 0
        while begun < len(batch.rows):
            most = self._rows_at_once()
            end = begun + max(1, most - self._waiting.rows)
            self._map(batch.rows[begun:end], batch.places[begun:end])
            begun = end
            if self._waiting.rows >= most:
                self._store()

    def _map(self, rows: list[Any], places: Sequence[int]) -> None:
        mapped = read_batch(rows, self._context)
        first = self.tally.rows + self._waiting.rows
        if first == 0 and not mapped.events:
            self._guess = guess_cause(rows, self._context)
        self._waiting.take(mapped, len(rows), lambda position: self._place(first + position, places[position]))

    def _store(self) -> None:
        if not self._waiting.rows:
            return
        self.tally = self.tally.after(self._waiting, self._put(self._waiting, self.tally))
        self._waiting = Waiting()
