"""Rows of Drengr's own export, as NDJSON: events that were stored once, and are stored again as they were (contract 9).

Nothing is mapped: names, ids, times, source, dims, measures and properties are taken column for column. Only `id` and
`project` are new. By command only: who holds a key of one project must not choose when an event was received.
"""

from collections.abc import Sequence
from typing import TypeGuard

import orjson

from drengr.events.event import MAX_EVENT_ID, BadRow, Event, id_text
from drengr.events.jsontext import LongInteger, is_integer, is_measure
from drengr.events.times import iso_text

SOURCE = "drengr"
NEEDED = ("event_name", "occurred_at", "install_id", "external_id")

_TEXTS = ("event_id", "app_package", "install_id", "external_id")  # or null


def stored_event(row: dict[str, object], sources: Sequence[str]) -> Event:
    """The event that a row of the export is.

    sources  those that stored events have
    Raises   BadRow when a column is missing or of another type
    """
    for column in (*_TEXTS, "session_id", "properties"):
        if column not in row:
            raise _bad(column, "is missing")
    name, source, session_id = row.get("event_name"), row.get("source"), row["session_id"]
    if not _is_text(name):
        raise BadRow("no_name", "missing event name")
    if source not in sources:
        raise _bad("source", f"is none of {', '.join(sources)}")
    texts = {column: row[column] for column in _TEXTS}
    for column, text in texts.items():
        if not (text is None or _is_text(text)):
            raise _bad(column, "is no text")
    event_id, app_package, install_id, external_id = (text if _is_text(text) else None for text in texts.values())
    if event_id is not None and len(event_id) > MAX_EVENT_ID:
        raise _bad("event_id", f"is longer than {MAX_EVENT_ID} characters")
    if id_text(install_id) is None and id_text(external_id) is None:
        raise BadRow("no_id", "missing user or device id", name)
    if not (session_id is None or _is_text(session_id) or is_integer(session_id)):
        raise _bad("session_id", "is neither text nor a whole number")
    return Event(
        event_id,
        name,
        str(source),
        app_package,
        install_id,
        external_id,
        session_id,
        _time(row, "occurred_at"),
        _time(row, "received_at"),
        _dims(row.get("dims")),
        _measures(row.get("measures")),
        _properties(row["properties"]),
    )


def column_kind(header: str, mapping: dict[str, str]) -> str:
    """What a CSV cell under this header holds: text, which is no exact form; no record of a CSV is an event."""
    return "text"


def _bad(column: str, why: str) -> BadRow:
    return BadRow("unreadable", f"{column} {why}: not a row of Drengr's export in NDJSON")


def _is_text(value: object) -> TypeGuard[str]:
    return type(value) is str and value != ""  # a LongInteger was a number


def _time(row: dict[str, object], column: str) -> int:
    ms = row.get(column)
    if not is_integer(ms):
        raise _bad(column, "is no whole number of milliseconds")
    try:
        iso_text(ms)
    except OverflowError:
        raise _bad(column, "lies outside the years 1 to 9999") from None
    return ms


def _dims(bag: object) -> str:
    if not isinstance(bag, dict) or any(type(value) is not str for value in bag.values()):
        raise _bad("dims", "is no object of texts")
    return orjson.dumps(bag).decode()


def _measures(bag: object) -> str:
    if not isinstance(bag, dict) or not all(map(is_measure, bag.values())):
        raise _bad("measures", "is no object of numbers")
    return orjson.dumps(bag).decode()


def _properties(bag: object) -> str | None:
    if bag is None:
        return None
    if not isinstance(bag, dict):
        raise _bad("properties", "is no object")
    try:
        return orjson.dumps(bag, default=_digits, option=orjson.OPT_PASSTHROUGH_SUBCLASS).decode()
    except TypeError:
        raise _bad("properties", "is nested too deep") from None


def _digits(value: object) -> orjson.Fragment:
    """An integer past 64 bits, as it was posted."""
    if isinstance(value, LongInteger):
        return orjson.Fragment(str(value))
    raise TypeError
