"""Rows of Amplitude's Export API and of its connectors (contract 5)."""

from collections.abc import Callable

from drengr.events.event import Context, Reading, id_or_number, id_text, joined
from drengr.events.times import BadTime, epoch_ms
from drengr.sources.bags import bag_of

SOURCE = "amplitude"
VENDOR = "Amplitude"
NEEDED = ("event_type", "event_time", "device_id", "user_id")
_IDS = ("event_time", "client_event_time", "device_id", "user_id", "$insert_id", "insert_id", "session_id")
_BAGS = ("event_properties", "user_properties")


def reading_of(row: dict[str, object], context: Context) -> Reading:
    """What one exported row says."""
    fields = row.get
    notes: list[str] = []
    sent_at, occurred_at = _time(fields("event_time"), fields("client_event_time"), context)
    return Reading(
        name=fields("event_type"),
        time=sent_at,
        occurred_at=occurred_at,
        anonymous_id=fields("device_id"),
        user_id=fields("user_id"),
        event_id=id_text(fields("$insert_id")) or fields("insert_id"),  # warehouses refuse a $ in a column's name
        session_id=fields("session_id"),
        os=joined(fields("os_name"), fields("os_version")),
        device_model=id_text(fields("device_type")) or fields("device_family"),
        app_version=id_or_number(fields("version_name")),
        event_properties=bag_of(fields("event_properties"), "event_properties", notes),
        user_properties=bag_of(fields("user_properties"), "user_properties", notes),
        notes=notes,
    )


def column_kind(header: str, mapping: dict[str, str]) -> str:
    """What a CSV cell under this header holds: "json", "property", "id" (or a time) or "text"."""
    if header in _BAGS:
        return "json"
    if header in _IDS:
        return "id"
    return "property" if header.partition(".")[0] in _BAGS else "text"


def _time(event_time: object, client_event_time: object, context: Context) -> tuple[object, Callable[[], int]]:
    """(the time that is used, as in the row; how to get its epoch ms)."""
    try:
        ms = epoch_ms(event_time, "iso8601", context.time_zone)
    except BadTime:
        sent_at = event_time if client_event_time in (None, "") else client_event_time
        return sent_at, lambda: epoch_ms(sent_at, "iso8601", context.time_zone)
    return event_time, lambda: ms
