"""What `drengr import` says: how far it is, what became of each file, and of all of them."""

import json
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Protocol, TextIO, cast

import click

from drengr.cli.printing import say, shown
from drengr.importing import Tally

LINE_EVERY_S = 10.0  # without a terminal: a line now and then
_SHOWN = 50  # of names and of dropped keys


@dataclass(frozen=True, slots=True)
class Done:
    """What became of one file."""

    path: str
    tally: Tally
    files: int
    resumed_at: int
    failure: str  # empty when it went well

    def as_json(self) -> dict[str, Any]:
        """As `--json` prints it."""
        return {
            "path": self.path,
            **_counts(self.tally, self.files),
            "resumed_at": self.resumed_at,
            "errors": self.tally.reasons,
            "notes": [{"rows": rows, "note": note} for note, rows in self.tally.notes.most_common()],
            "failure": self.failure or None,
        }


class Progress(Protocol):
    """Told how far a file is: bytes, and rows of this run."""

    def __call__(self, position: int, rows: int) -> None: ...


@contextmanager
def told(label: str, size: int) -> Iterator[Progress]:
    """Tells of the progress on standard error: a bar on a terminal, else a line every LINE_EVERY_S seconds.

    size  of the file in bytes, 0 when it is not known
    """
    if sys.stderr is not None and sys.stderr.isatty():
        with _bar(label, size) as tell:
            yield tell
    else:
        yield _lines(label, size)


@contextmanager
def _bar(label: str, size: int) -> Iterator[Progress]:
    begun, at = time.monotonic(), 0

    def pace(rows_per_s: float | None) -> str:
        return f"{rows_per_s or 0:,.0f} rows/s"

    bar: Any = click.progressbar(
        length=size or 1, label=label, file=cast(TextIO, _Terminal()), show_eta=bool(size),
        show_percent=bool(size), item_show_func=pace, update_min_steps=1,
    )  # fmt: skip
    with bar:

        def tell(position: int, rows: int) -> None:
            nonlocal at
            bar.update(position - at if size else 0, rows / (time.monotonic() - begun + 1e-9))
            at = position

        yield tell


class _Terminal:
    """Standard error for the bar; one that went away stops nothing."""

    encoding = "utf-8"

    def write(self, text: str) -> None:
        say(text, err=True, end="")

    def flush(self) -> None:
        """Every write is."""

    def isatty(self) -> bool:
        return True


def _lines(label: str, size: int) -> Progress:
    begun = last = time.monotonic()

    def tell(position: int, rows: int) -> None:
        nonlocal last
        now = time.monotonic()
        if now - last >= LINE_EVERY_S:
            last = now
            part = f", {position * 100 // size} %" if size else ""
            say(f"{label}: {rows:,} rows in {now - begun:.0f} s{part}", err=True)

    return tell


# Each file, and all of them -------------------------------------------------------------------------------------------


def tell_file(done: Done, verb: str) -> None:
    """What became of a file."""
    path, tally = shown(done.path), done.tally
    if done.resumed_at:
        say(f"{path}: went on after row {done.resumed_at:,}, where an earlier run stopped")
    say(f"{path}: {_sum(tally, verb)}")
    for reason in tally.reasons:
        say(f"  skipped {shown(reason)}")
    if tally.skipped > len(tally.reasons):
        say(f"  … and {tally.skipped - len(tally.reasons):,} more")
    for note, rows in tally.notes.most_common():
        say(f"  {rows:,} rows: {shown(note)}")


def tell_all(files: list[Done], verb: str, names: Counter[tuple[str, str]] | None) -> None:
    """The totals; names are those of a dry run."""
    total = _total(files)
    say(f"Total: {sum(done.files for done in files)} data files, {_sum(total, verb)}.")
    if names is not None:
        say("Nothing was stored; which rows repeat others is only known when they are.")
    if names:
        say("Event names (original kept in dims._source_event_name where it differs):")
        for (name, original), count in names.most_common(_SHOWN):
            say(f"  {count:>9,}  {name}" + (f"  from {_quoted(original)}" if original != name else ""))
        _tell_more(names)
    if total.dropped_keys:
        say("Property keys dropped as sensitive (spare one with DRENGR_ALLOWED_KEYS):")
        for (path, word), count in total.dropped_keys.most_common(_SHOWN):
            say(f"  {count:>9,}  {shown(path)}  holds {_quoted(word)}")
        _tell_more(total.dropped_keys)


def tell_json(files: list[Done], exit_code: int, names: Counter[tuple[str, str]] | None) -> None:
    """The same as one JSON object."""
    total = _total(files)
    answer: dict[str, Any] = {
        "files": [done.as_json() for done in files],
        "total": _counts(total, sum(done.files for done in files)),
        "dropped_keys": [
            {"key": key, "word": word, "count": count} for (key, word), count in total.dropped_keys.most_common()
        ],
        "dry_run": names is not None,
        "exit_code": exit_code,
    }
    if names is not None:
        answer["names"] = [
            {"event_name": name, "original": original, "events": count}
            for (name, original), count in names.most_common()
        ]
    say(json.dumps(answer))


def _total(files: list[Done]) -> Tally:
    total = Tally()
    for done in files:
        total = total.plus(done.tally)
    return total


def _counts(tally: Tally, files: int) -> dict[str, Any]:
    return {
        "rows": tally.rows,
        "imported": tally.imported,
        "duplicates": tally.duplicates,
        "skipped": tally.skipped,
        "files": files,
    }


def _sum(tally: Tally, verb: str) -> str:
    parts = f"{tally.imported:,} {verb} + {tally.duplicates:,} duplicates + {tally.skipped:,} skipped"
    return f"{tally.rows:,} rows = {parts}"


def _quoted(text: str) -> str:
    return f"'{shown(text)}'"


def _tell_more(counted: Counter[Any]) -> None:
    if len(counted) > _SHOWN:
        say(f"  … and {len(counted) - _SHOWN:,} more")
