"""Rows of Amplitude's Export API and of its connectors (contract 5)."""

from drengr.events.event import Context, Event, Reading, event_of, id_or_number, id_text, joined
from drengr.events.times import BadTime, epoch_ms

SOURCE = "amplitude"
_BAGS = ("event_properties", "user_properties")


def to_event(row: dict, context: Context) -> Event:
    """The event of one exported row. Raises BadRow."""
    fields = row.get
    sent_at, occurred_at = _time(fields("event_time"), fields("client_event_time"))
    return event_of(
        Reading(
            name=fields("event_type"),
            time=sent_at,
            occurred_at=occurred_at,
            anonymous_id=fields("device_id"),
            user_id=fields("user_id"),
            event_id=fields("$insert_id"),
            session_id=fields("session_id"),
            os=joined(fields("os_name"), fields("os_version")),
            device_model=id_text(fields("device_type")) or fields("device_family"),
            app_version=id_or_number(fields("version_name")),
            event_properties=fields("event_properties"),
            user_properties=fields("user_properties"),
        ),
        context,
    )


def column_kind(header: str, mapping: dict[str, str]) -> str:
    """What a CSV cell under this header holds: "json", "property" or "text"."""
    if header in _BAGS:
        return "json"
    return "property" if header.partition(".")[0] in _BAGS else "text"


def _time(event_time: object, client_event_time: object):
    """(the time that is used, as in the row; how to get its epoch ms)."""
    try:
        ms = epoch_ms(event_time, "iso8601")
    except BadTime:
        sent_at = event_time if client_event_time in (None, "") else client_event_time
        return sent_at, lambda: epoch_ms(sent_at, "iso8601")
    return event_time, lambda: ms
