"""Vendors' rows → events. One vendor = one file here and one line in SOURCES; the key is the `source` of a request."""

from collections.abc import Iterable

from drengr.events.event import BadRow, Context, Event, Unreadable
from drengr.sources import amplitude, ga4, generic, mixpanel, posthog

SOURCES = {
    "amplitude": amplitude,
    "mixpanel": mixpanel,
    "posthog": posthog,
    "ga4": ga4,
    "generic": generic,
}


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


def read_batch(rows: Iterable[object], context: Context) -> tuple[list[Event], list[tuple[int, str]]]:
    """(events, reasons): every row is either an event or a reason, which is (position in `rows`, text).

    rows  parsed values of clean text, as drengr.events.jsontext gives them
    """
    to_event = SOURCES[context.source].to_event
    events: list[Event] = []
    reasons: list[tuple[int, str]] = []
    for position, row in enumerate(rows):
        if not isinstance(row, dict):
            reasons.append((position, row.reason if isinstance(row, Unreadable) else "not an object"))
            continue
        try:
            events.append(to_event(row, context))
        except BadRow as bad:
            reasons.append((position, str(bad)))
    return events, reasons
