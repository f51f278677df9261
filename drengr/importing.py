"""Rows → events → short transactions, with exact totals: the loop behind whole files, over HTTP and by command."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

from drengr.events.event import Context, Event
from drengr.files.json_rows import BrokenFile
from drengr.files.reader import Batch, Limits
from drengr.sources import MAX_TOLD_KEYS, SOURCES, read_batch

MAX_REASONS = 10
TRANSACTION_ROWS = 5000  # some 50 to 100 ms, which live events may have to wait for; 2,000 cost a tenth more


def limits_of(config: Mapping[str, object]) -> Limits:
    """The operator's limits for one upload or file."""
    return Limits(
        line_bytes=config["DRENGR_MAX_LINE_BYTES"],
        file_bytes=config["DRENGR_MAX_FILE_BYTES"],
        zip_members=config["DRENGR_MAX_ZIP_MEMBERS"],
        ratio=config["DRENGR_MAX_RATIO"],
    )


class Added(Protocol):
    """What became of the events of one write."""

    inserted: int
    duplicates: int


@dataclass(slots=True)
class Tally:
    """Totals so far; imported + skipped + duplicates = rows."""

    rows: int = 0
    imported: int = 0
    skipped: int = 0
    duplicates: int = 0
    reasons: list[str] = field(default_factory=list)  # the first MAX_REASONS

    def with_skipped(self, rows: int, reasons: Sequence[str]) -> "Tally":
        """These totals once `rows` more are read, of which the reasons' were skipped."""
        kept = self.reasons + list(reasons[: MAX_REASONS - len(self.reasons)])
        return replace(self, rows=self.rows + rows, skipped=self.skipped + len(reasons), reasons=kept)

    def with_added(self, added: Added) -> "Tally":
        """These totals once the events of the rows are stored."""
        return replace(
            self, imported=self.imported + added.inserted, duplicates=self.duplicates + added.duplicates
        )

    def plus(self, other: "Tally") -> "Tally":
        """Both together."""
        return Tally(
            self.rows + other.rows,
            self.imported + other.imported,
            self.skipped + other.skipped,
            self.duplicates + other.duplicates,
        )


class Import:
    """One file or upload on its way into the store.

    put     stores events in one transaction and says what became of them; it is given the totals as they are without
            these events' own fate, so that it can keep them in the same transaction
    place   text before a reason: `event 4` over HTTP, a file and its line on the command line
    """

    def __init__(
        self,
        context: Context,
        put: Callable[[list[Event], Tally], Added],
        place: Callable[[int, int], str],
        tally: Tally | None = None,
    ) -> None:
        self._context = context
        self._put = put
        self._place = place
        self.tally = tally or Tally()  # of what is stored
        self._ahead = self.tally  # with what is read and waits for the next transaction
        self._waiting: list[Event] = []
        self.notes: Counter[str] = Counter()  # of rows read, as Mapped has them
        self.dropped_keys: Counter[tuple[str, str]] = Counter()

    def run(self, batches: Iterable[Batch]) -> Iterator[Tally]:
        """The totals after every batch. What was read before an error is stored, then the error goes on.

        Raises  BrokenFile, and whatever `put` raises
        """
        try:
            for batch in batches:
                self._read(batch)
                if self._ahead.rows - self.tally.rows >= TRANSACTION_ROWS:
                    self._store()
                yield self.tally
        except BrokenFile:
            self._store()
            raise
        self._store()
        yield self.tally

    def _read(self, batch: Batch) -> None:
        if not batch.rows:
            return
        mapped = read_batch(batch.rows, self._context)
        first = self._ahead.rows
        if first == 0 and not mapped.events:
            self._check_source(batch.rows)
        texts = [""] * len(mapped.skipped)
        for index, (position, _, reason) in enumerate(mapped.skipped[:MAX_REASONS]):
            texts[index] = f"{self._place(first + position, batch.places[position])}: {reason}"
        self._ahead = self._ahead.with_skipped(len(batch.rows), texts)
        self._waiting += mapped.events
        self.notes.update(mapped.notes)
        for key, count in mapped.dropped_keys.items():
            if key in self.dropped_keys or len(self.dropped_keys) < MAX_TOLD_KEYS:
                self.dropped_keys[key] += count

    def _store(self) -> None:
        if self._ahead.rows == self.tally.rows:
            return
        self.tally = self._ahead = self._ahead.with_added(self._put(self._waiting, self._ahead))
        self._waiting = []

    def _check_source(self, rows: list[object]) -> None:
        """Raises BrokenFile when no row is an event, but most are one of another source."""
        for source in SOURCES:
            if source in (self._context.source, "generic"):
                continue
            mapped = read_batch(rows, replace(self._context, source=source))
            if len(mapped.events) * 2 > len(rows):
                raise BrokenFile(f"its rows are not of source {self._context.source}; they look like {source}")
