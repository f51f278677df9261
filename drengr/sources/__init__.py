"""Vendors' rows → events. One vendor = one file here and one line in SOURCES; the key is the `source` of a request."""

from collections import Counter
from collections.abc import Iterable
from datetime import UTC, tzinfo
from typing import NamedTuple
from zoneinfo import ZoneInfo

from drengr.events.event import BadRow, Code, Context, Event, Unreadable, event_of
from drengr.events.jsontext import clean_text
from drengr.events.properties import changed_by
from drengr.sources import amplitude, amplitude_http, drengr, ga4, generic, mixpanel, posthog

MAX_TOLD_KEYS = 10_000  # different dropped keys of a batch that are told
MAX_TOLD_KEY = 200  # characters
MAX_APP_PACKAGE = 255  # characters
MOST_NAMED = 50  # skipped rows of a batch whose events' names are told
_COUNTED_AT_ONCE = 5_000  # counting the dropped keys row by row was an eighth more work

SOURCES = {
    "amplitude": amplitude,
    "mixpanel": mixpanel,
    "posthog": posthog,
    "ga4": ga4,
    "generic": generic,
}
# The acceptor's rows come without a `source`; Drengr's own export is taken by the command alone.
READERS = {**SOURCES, amplitude_http.SOURCE: amplitude_http, drengr.SOURCE: drengr}
STORED_SOURCES = (amplitude_http.SOURCE, *SOURCES, "admin")  # what the column `source` may hold (contract 2)


class BadSource(ValueError):
    """There is no such source; the text lists those there are."""


def checked_source(name: object) -> str:
    """The name, exact and case-sensitive. Raises BadSource."""
    if not isinstance(name, str) or name not in SOURCES:
        raise BadSource(f"unknown source: it must be one of {', '.join(SOURCES)} (exact, lower-case)")
    return name


def checked_mapping(source: str, mapping: object) -> dict[str, str]:
    """The mapping as the source wants it; empty for those that need none. Raises generic.BadMapping."""
    return generic.checked_mapping(mapping) if source == generic.SOURCE else {}


class BadPackage(ValueError):
    """The app_package cannot be kept; the text says what it may be."""


def checked_package(package: object) -> str | None:
    """The app_package as it is stored; None where nothing is said. Raises BadPackage."""
    if package is None:
        return None
    if not isinstance(package, str) or len(package) > MAX_APP_PACKAGE:
        raise BadPackage(f"app_package must be text of at most {MAX_APP_PACKAGE} characters")
    return clean_text(package) or None


class BadZone(ValueError):
    """There is no such time zone; the text says what is one."""


def checked_zone(name: str | None) -> tzinfo:
    """The time zone of times that name none, by its IANA name; UTC for None. Raises BadZone."""
    if name is None:
        return UTC
    try:
        return ZoneInfo(name)
    except (ValueError, LookupError, OSError):  # OSError: a folder of zones, such as "America"
        raise BadZone("unknown time zone: it must be an IANA name, such as America/Los_Angeles") from None


class Skipped(NamedTuple):
    """A row that is no event."""

    position: int  # in the batch
    code: Code
    reason: str  # one short clause that holds no property value
    event_name: str = ""  # as it would be stored


class Mapped(NamedTuple):
    """What became of a batch of rows: each is one of `events` or of `skipped`. Plain values, fit for pickle."""

    events: list[Event]
    skipped: list[Skipped]
    notes: Counter[str]  # what could not be read of rows that are events all the same, and of how many
    dropped_keys: Counter[tuple[str, str]]  # (full key, sensitive word in it), when the context wants them

    @property
    def dropped(self) -> Counter[str]:
        """How many rows are no event, by the words of contract 10."""
        return Counter(row.code for row in self.skipped)

    @property
    def problems(self) -> Counter[tuple[str, str]]:
        """The same by (word, event name); of many in one batch, names are not told apart."""
        named: Counter[tuple[str, str]] = Counter((row.code, row.event_name) for row in self.skipped[:MOST_NAMED])
        named.update((row.code, "") for row in self.skipped[MOST_NAMED:])
        return named

    @property
    def changed(self) -> Counter[str]:
        """How many of the events lost something on the way, by the words of contract 10."""
        return changed_by(event.changed for event in self.events)


def read_batch(rows: Iterable[object], context: Context) -> Mapped:
    """The events of the rows, and all that there is to say about the others.

    rows  parsed values of clean text, as drengr.events.jsontext gives them, or Unreadable
    """
    if context.source == drengr.SOURCE:
        return _read_again(rows)
    reading_of = READERS[context.source].reading_of
    mapped = Mapped([], [], Counter(), Counter())
    dropped: list[str] = []
    for position, row in enumerate(rows):
        if not isinstance(row, dict):
            reason = row.reason if isinstance(row, Unreadable) else "not an object"
            mapped.skipped.append(Skipped(position, "unreadable", reason))
            continue
        reading = reading_of(row, context)
        try:
            mapped.events.append(event_of(reading, context, dropped))
        except BadRow as bad:
            mapped.skipped.append(Skipped(position, bad.code, str(bad), bad.event_name))
            continue
        if reading.notes:
            mapped.notes.update(reading.notes)
        if len(dropped) > _COUNTED_AT_ONCE or (dropped and not context.names_dropped_keys):
            _count_keys(dropped, mapped.dropped_keys, context)
    _count_keys(dropped, mapped.dropped_keys, context)
    return mapped


def _read_again(rows: Iterable[object]) -> Mapped:
    """The same of rows that were events already."""
    mapped = Mapped([], [], Counter(), Counter())
    for position, row in enumerate(rows):
        try:
            if not isinstance(row, dict):
                raise BadRow("unreadable", row.reason if isinstance(row, Unreadable) else "not an object")
            mapped.events.append(drengr.stored_event(row, STORED_SOURCES))
        except BadRow as bad:
            mapped.skipped.append(Skipped(position, bad.code, str(bad), bad.event_name))
    return mapped


def _count_keys(paths: list[str], counts: Counter[tuple[str, str]], context: Context) -> None:
    """Empty the list, and count what is in it when that is wanted."""
    if paths and context.names_dropped_keys:
        for path, count in Counter(paths).items():
            key = path[:MAX_TOLD_KEY], context.sensitive.word_in(path) or ""
            if key in counts or len(counts) < MAX_TOLD_KEYS:  # a client that invents keys must not fill the memory
                counts[key] += count
    paths.clear()
