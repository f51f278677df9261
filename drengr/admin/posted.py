"""A posted body in, Events out (contract 6)."""

import json
from typing import NoReturn

import orjson

from drengr.admin.words import BadSlot, instant_ms, is_uuid
from drengr.events.event import MAX_EVENT_ID, Event
from drengr.events.jsontext import has_long_number, read_json
from drengr.events.properties import SensitiveKeys, dims_and_measures
from drengr.events.times import BadTime

SOURCE = "admin"
MAX_SLOTS = 500


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


def _event(slot: object, index: int, now_ms: int, sensitive: SensitiveKeys) -> Event:
    if not isinstance(slot, dict):
        raise BadSlot("INVALID_EVENT", "an event must be an object", index=index)
    user_id = slot.get("app_user_id")
    if not is_uuid(user_id):
        raise BadSlot("INVALID_APP_USER_ID", "app_user_id must be a UUID", index=index)
    name = _without_nul(slot.get("event_name"))
    if not isinstance(name, str) or not name.strip():
        raise BadSlot("INVALID_EVENT_NAME", "event_name must be a non-empty string", index=index)
    bag = _bag(slot.get("properties"), index)
    # Read again by the rules of the other doors, so that dims and measures are alike whichever door it was.
    dims, measures, changed = dims_and_measures([("", read_json(bag))], {}, sensitive)
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
        changed=changed,
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


def _without_nul(value: object) -> object:
    """The text as a column can hold it: kept verbatim but for NUL (contract 3.7)."""
    return value.replace("\0", "") if isinstance(value, str) else value


def _event_id(value: object, index: int) -> str | None:
    value = _without_nul(value)
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


def _exact(digits: str) -> int | orjson.Fragment:
    return int(digits) if len(digits) < 19 else orjson.Fragment(digits)


def _finite(text: str) -> float:
    number = float(text)
    if number - number != 0:
        raise ValueError(text)
    return number


def _refused(constant: str) -> NoReturn:
    raise ValueError(constant)
