"""The event as it is stored, and the rules every door shares: name, identity, session, dedup id (contract 2, 3)."""

import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, tzinfo
from functools import lru_cache
from hashlib import sha256
from typing import Literal, NamedTuple
from uuid import uuid4

from drengr.events.jsontext import LongInteger, is_integer
from drengr.events.properties import MAX_VALUE, TIMES_REPLACED, SensitiveKeys, dims_and_measures
from drengr.events.times import BadTime, in_window, time_text

MAX_NAME = 64
MAX_EVENT_ID = 255

_OUTSIDE_NAME = re.compile("[^a-z0-9_]+")


Code = Literal["unreadable", "no_name", "no_id", "bad_time"]  # why a row is no event: the words of contract 10


class BadRow(Exception):
    """This row is no event; the reason is one short clause that holds no property value.

    event_name  as it would be stored, empty when the row has none
    """

    def __init__(self, code: Code, reason: str, event_name: str = "") -> None:
        super().__init__(reason)
        self.code: Code = code
        self.event_name = event_name


class Unreadable:
    """Stands for a row that cannot be read; the reason quotes nothing of it."""

    __slots__ = ("reason",)

    def __init__(self, reason: str) -> None:
        self.reason = reason


class Event(NamedTuple):
    """Ready to store: the columns of contract 2, without id and project."""

    event_id: str | None
    event_name: str
    source: str
    app_package: str | None
    install_id: str | None
    external_id: str | None
    session_id: str | int | None
    occurred_at: int  # epoch ms UTC
    received_at: int  # epoch ms UTC
    dims: str  # JSON object of strings
    measures: str  # JSON object of finite numbers
    properties: str | None = None  # JSON object, admin door only
    changed: int = 0  # not stored, for the ledger: the bits of properties.CHANGES that apply to this event


@dataclass(frozen=True, slots=True)
class Context:
    """What a mapping needs beside the row itself."""

    source: str
    now_ms: int  # receive time, epoch ms UTC
    sensitive: SensitiveKeys
    app_package: str | None = None
    mapping: dict[str, str] = field(default_factory=dict)  # generic only
    time_zone: tzinfo = UTC  # of times that name none, and of mixpanel's seconds
    live: bool = False  # the acceptor: a time that cannot be used becomes now_ms instead of a skipped row
    old_names: bool = False  # the acceptor: rows of the older SDKs' form
    keep_fields: tuple[str, ...] = ()  # the acceptor: fields beside the properties that are kept as such
    names_dropped_keys: bool = False  # whether the keys that are dropped as sensitive are wanted, for a report


@dataclass(slots=True)
class Reading:
    """What a vendor's file reads off one row, before the rules that all vendors share."""

    name: object
    time: object  # as in the row: part of the derived dedup id
    occurred_at: Callable[[], int]  # epoch ms UTC of `time`; raises BadTime
    anonymous_id: object = None
    user_id: object = None
    event_id: object = None
    session_id: object = None
    os: object = None
    device_model: object = None
    app_version: object = None
    event_properties: dict[str, object] | None = None
    user_properties: dict[str, object] | None = None
    kept_fields: dict[str, object] | None = None  # come after the properties
    notes: Sequence[str] = ()  # what of the row could not be read, though it is an event


def event_of(reading: Reading, context: Context, dropped: list[str] | None = None) -> Event:
    """The event that a reading stands for.

    dropped  gets the keys that are dropped as sensitive
    Raises  BadRow when it has no name, no id, or (history only) no time in the window of contract 3.4
    Source  contract 3, in this order: name, identity, time, dedup id, dims and measures
    """
    raw_name = reading.name
    if not isinstance(raw_name, str) or isinstance(raw_name, LongInteger) or not raw_name.strip():
        raise BadRow("no_name", _name_problem(raw_name))
    name, source_name = normal_name(raw_name)
    external_id = id_text(reading.user_id)
    install_id = id_text(reading.anonymous_id) or external_id
    if install_id is None:
        raise BadRow("no_id", f"missing user or device id for event {_quoted(raw_name)}{_why_no_id(reading)}", name)
    occurred_at = _occurred_at(reading, raw_name, context)
    dims, measures, changed = dims_and_measures(
        (("", reading.event_properties), ("user.", reading.user_properties), ("", reading.kept_fields)),
        _system_dims(reading, source_name),
        context.sensitive,
        dropped,
    )
    return Event(
        event_id=_event_id(reading, install_id, raw_name, timed=occurred_at is not None),
        event_name=name,
        source=context.source,
        app_package=context.app_package,
        install_id=install_id,
        external_id=external_id,
        session_id=session(reading.session_id),
        occurred_at=context.now_ms if occurred_at is None else occurred_at,
        received_at=context.now_ms,
        dims=dims,
        measures=measures,
        changed=changed | TIMES_REPLACED if occurred_at is None else changed,
    )


def _name_problem(name: object) -> str:
    if name is None or (isinstance(name, str) and not isinstance(name, LongInteger)):
        return "missing event name"
    kind = "an object" if isinstance(name, dict) else "an array" if isinstance(name, list) else "a number"
    return f"event name is {'a boolean' if isinstance(name, bool) else kind}, not text"


def _why_no_id(reading: Reading) -> str:
    if reading.notes:  # Mixpanel's ids lie inside the bag: one that cannot be read takes them away
        return f": {reading.notes[0]}"
    sent = (reading.anonymous_id, reading.user_id)
    is_there = any(each is not None and not isinstance(each, str) for each in sent)  # 12345.678, from a guessed type
    return ": an id must be text or a whole number" if is_there else ""


def _system_dims(reading: Reading, source_name: str | None) -> dict[str, str]:
    system = {}
    if (os := id_text(reading.os)) is not None:
        system["os"] = os
    if (device_model := id_text(reading.device_model)) is not None:
        system["device_model"] = device_model
    if (app_version := id_text(reading.app_version)) is not None:
        system["app_version"] = app_version
    if source_name is not None:
        system["_source_event_name"] = source_name
    return system


@lru_cache(maxsize=4096)
def _normal_name(raw: str) -> tuple[str, str | None]:
    name = _OUTSIDE_NAME.sub("_", raw.lower())[:MAX_NAME]
    return name, None if name == raw else raw[:MAX_VALUE]


def normal_name(raw: str) -> tuple[str, str | None]:
    """The stored name, and the original (cut to 256) when it differs, else None (contract 3.1).

    >>> normal_name("[Amplitude] Page Viewed")
    ('_amplitude_page_viewed', '[Amplitude] Page Viewed')
    >>> normal_name("order_completed")
    ('order_completed', None)
    """
    # A name of a megabyte is not worth remembering.
    return _normal_name(raw) if len(raw) <= MAX_VALUE else _normal_name.__wrapped__(raw)


def name_meant(name: str, is_stored: Callable[[str], bool]) -> str:
    """The stored name that somebody means: as given when there is such an event, else as contract 3.1 stores it.

    >>> name_meant("Order Completed", lambda name: False), name_meant("Order Completed", lambda name: True)
    ('order_completed', 'Order Completed')
    """
    stored, changed_from = normal_name(name)
    return name if changed_from is None or is_stored(name) else stored


def id_text(value: object) -> str | None:
    """The id as text; None when contract 3.5 calls it absent: neither text nor integer, or blank.

    >>> id_text(42), id_text("  "), id_text(True), id_text(1.5)
    ('42', None, None, None)
    """
    if isinstance(value, str):
        return value if value.strip() else None
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else None


def session(value: object) -> str | int | None:
    """The session id, text or integer as sent; Amplitude's -1 means none."""
    if isinstance(value, float) and value.is_integer():  # spreadsheets write 1795188904355.0
        value = int(value)
    if is_integer(value):
        return None if value == -1 else value
    return value if isinstance(value, str) and value.strip() and value != "-1" else None


def joined(name: object, version: object) -> str | None:
    """"name version", one alone if the other is missing.

    >>> joined("iOS", "17.4"), joined("iOS", None), joined(None, None)
    ('iOS 17.4', 'iOS', None)
    """
    first, second = id_or_number(name), id_or_number(version)
    return f"{first} {second}" if first and second else first or second


def id_or_number(value: object) -> str | None:
    """Text of a system field: versions arrive as text or as numbers (`"os_version": 15.1`)."""
    if isinstance(value, float) and math.isfinite(value):
        return repr(value)
    return id_text(value)


def short_event_id(text: str) -> str:
    """The vendor's id, or its sha256 when it is longer than 255 characters (contract 3.6)."""
    return text if len(text) <= MAX_EVENT_ID else sha256(text.encode()).hexdigest()


def derived_event_id(install_id: str, raw_name: str, raw_time: object) -> str:
    """Lower-case hex sha256 of the plain concatenation, the documents' formula to the letter (contract 3.6).

    >>> derived_event_id("u", "e", 1) == derived_event_id("u", "e", "1.0")
    True
    """
    return sha256(f"{install_id}{raw_name}{time_text(raw_time)}".encode()).hexdigest()


def _event_id(reading: Reading, install_id: str, raw_name: str, *, timed: bool) -> str:
    vendor_id = id_text(reading.event_id)
    if vendor_id is not None:
        return short_event_id(vendor_id)
    # Legacy @amplitude/node sends neither id nor time: hashing nothing would fold a user's events into one.
    return derived_event_id(install_id, raw_name, reading.time) if timed else str(uuid4())


def _occurred_at(reading: Reading, raw_name: str, context: Context) -> int | None:
    """Epoch ms inside the window; None when there is none and the event is live."""
    try:
        ms = reading.occurred_at()
        if in_window(ms, context.now_ms):
            return ms
        problem = "timestamp out of range"
    except BadTime:
        problem = "missing timestamp" if reading.time in (None, "") else "unreadable timestamp"
    if context.live:
        return None
    raise BadRow("bad_time", f"{problem} for event {_quoted(raw_name)}", normal_name(raw_name)[0])


def _quoted(name: str) -> str:
    return f'"{name[:MAX_NAME]}"'
