"""The admin door's words for events: a posted body in, Events out; a stored event in, its JSON out (contract 6)."""

import json
import re
from typing import NamedTuple, NoReturn

import orjson

from drengr.event import MAX_EVENT_ID, Event
from drengr.jsontext import has_long_number, read_json
from drengr.properties import SensitiveKeys, dims_and_measures
from drengr.timeparse import BadTime, epoch_ms, iso_text

SOURCE = "admin"
MAX_SLOTS = 500

_UUID = re.compile("[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", re.IGNORECASE)
# An unescaped + in a query string arrives as a space: since=2026-04-23T14:02:11+02:00
_PLUS_LOST = re.compile(r"(\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d(?::\d\d(?:[.,]\d+)?)?) (\d\d(?::?\d\d)?)", re.ASCII)


class BadSlot(Exception):
    """This admin request ends: the contract's code, a sentence, and what goes into `details`."""

    def __init__(self, code: str, message: str, **details: object) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.details = details


class StoredEvent(NamedTuple):
    """An event as the list shows it, in the store's plain words."""

    id: int
    event_id: str | None
    event_name: str
    source: str
    install_id: str | None
    external_id: str | None
    session_id: str | int | None
    occurred_at: int  # epoch ms
    received_at: int  # epoch ms
    dims: str
    measures: str
    properties: str | None


def shown_event(event: StoredEvent) -> dict[str, object]:
    """The member of `data`; its properties are stored JSON that orjson writes as it is, unread."""
    return {
        "id": str(event.id),
        "app_user_id": event.external_id,
        "event_name": event.event_name,
        "properties": orjson.Fragment(event.properties or _merged(event.dims, event.measures)),
        "occurred_at": iso_text(event.occurred_at),
        "event_id": event.event_id,
        "install_id": event.install_id,
        "session_id": event.session_id,
        "source": event.source,
        "received_at": iso_text(event.received_at),
    }


def strict_json(body: bytes) -> object:
    """The value that the bytes hold; an integer past 64 bits is an orjson.Fragment of its digits.

    Raises  BadSlot INVALID_JSON: also for NaN, lone surrogates, invalid UTF-8, numbers that no double holds
    """
    try:
        if not has_long_number(body):
            return orjson.loads(body)
        value = json.loads(body.decode(), parse_int=_exact, parse_float=_finite, parse_constant=_refused)
        orjson.dumps(value)  # refuses the lone surrogates that Python's parser lets through
        return value
    except (ValueError, TypeError, RecursionError):
        raise BadSlot("INVALID_JSON", "the body is not valid JSON") from None


def posted_events(posted: object, now_ms: int, sensitive: SensitiveKeys) -> list[Event]:
    """The events of a single object, of {"events": […]} or of a bare array.

    now_ms  receive time, epoch ms
    Raises  BadSlot with the index of the first bad slot, or BATCH_TOO_LARGE
    """
    slots = posted
    if isinstance(posted, dict):
        slots = [posted] if posted.get("events") is None else posted["events"]
    elif not isinstance(posted, list):
        slots = [posted]
    if not isinstance(slots, list):
        raise BadSlot("INVALID_EVENT", "events is not an array", index=0)
    if len(slots) > MAX_SLOTS:
        raise BadSlot("BATCH_TOO_LARGE", f"at most {MAX_SLOTS} events fit in one request", max_events=MAX_SLOTS)
    return [_event(slot, index, now_ms, sensitive) for index, slot in enumerate(slots)]


def is_uuid(value: object) -> bool:
    """Whether the value is a UUID in its canonical 8-4-4-4-12 form, of any version, in any case."""
    return isinstance(value, str) and _UUID.fullmatch(value) is not None


def instant_ms(value: object) -> int:
    """Epoch ms of ISO-8601 text that lies within the years 1 to 9999 UTC, also with a space for an offset's `+`.

    Raises  BadTime

    >>> instant_ms("2026-04-23T16:02:11 02:00") == instant_ms("2026-04-23T14:02:11Z")
    True
    """
    if isinstance(value, str) and (match := _PLUS_LOST.fullmatch(value.strip())):
        value = "+".join(match.groups())
    ms = epoch_ms(value, "iso8601")
    try:
        iso_text(ms)
    except OverflowError as error:  # 0001-01-01T00:00+01:00 lies in the year 0
        raise BadTime(value) from error
    return ms


def _event(slot: object, index: int, now_ms: int, sensitive: SensitiveKeys) -> Event:
    if not isinstance(slot, dict):
        raise BadSlot("INVALID_EVENT", "an event must be an object", index=index)
    user_id = slot.get("app_user_id")
    if not is_uuid(user_id):
        raise BadSlot("INVALID_APP_USER_ID", "app_user_id must be a UUID", index=index)
    name = slot.get("event_name")
    if not isinstance(name, str) or not name.strip():
        raise BadSlot("INVALID_EVENT_NAME", "event_name must be a non-empty string", index=index)
    bag = _bag(slot.get("properties"), index)
    # Read again by the rules of the other doors, so that dims and measures are alike whichever door it was.
    dims, measures = dims_and_measures(read_json(bag), None, {}, sensitive)
    return Event(
        event_id=_event_id(slot.get("event_id"), index),
        event_name=name,
        source=SOURCE,
        app_package=None,
        install_id=user_id.lower(),  # contract 3.5: without an anonymous id the user id stands in
        external_id=user_id.lower(),
        session_id=None,
        occurred_at=_occurred_at(slot.get("occurred_at"), index, now_ms),
        received_at=now_ms,
        dims=dims,
        measures=measures,
        properties=bag.decode(),
    )


def _bag(properties: object, index: int) -> bytes:
    if properties is None:
        return b"{}"
    if not isinstance(properties, dict):
        raise BadSlot("INVALID_EVENT", "properties must be an object", index=index)
    try:
        return orjson.dumps(properties)
    except TypeError:
        raise BadSlot("INVALID_JSON", "properties are nested deeper than 250 levels", index=index) from None


def _event_id(value: object, index: int) -> str | None:
    if value is None or (isinstance(value, str) and 1 <= len(value) <= MAX_EVENT_ID):
        return value
    raise BadSlot("INVALID_EVENT_ID", f"event_id must be a string of 1 to {MAX_EVENT_ID} characters", index=index)


def _occurred_at(value: object, index: int, now_ms: int) -> int:
    if value is None:
        return now_ms
    try:
        return instant_ms(value)
    except BadTime:
        raise BadSlot("INVALID_OCCURRED_AT", "occurred_at must be an ISO-8601 timestamp", index=index) from None


def _merged(dims: str, measures: str) -> str:
    """Two JSON objects without a common key as one, by their text."""
    if measures == "{}":
        return dims
    return measures if dims == "{}" else f"{dims[:-1]},{measures[1:]}"


def _exact(digits: str) -> int | orjson.Fragment:
    return int(digits) if len(digits) < 19 else orjson.Fragment(digits)


def _finite(text: str) -> float:
    number = float(text)
    if number - number != 0:
        raise ValueError(text)
    return number


def _refused(constant: str) -> NoReturn:
    raise ValueError(constant)
