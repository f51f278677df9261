"""Live events as Amplitude's SDKs post them (contract 4), and as their predecessors did in a form."""

from drengr.events.event import Context, Event, Reading, event_of, id_or_number, id_text, joined
from drengr.events.times import epoch_ms

SOURCE = "amplitude_http"


def to_event(row: object, context: Context) -> Event:
    """The event of one member of `events`.

    Raises  BadRow when it has no event type, or neither device_id nor user_id
    """
    return _event(row, context, time="time", event_id="insert_id", app_version="app_version")


def legacy_to_event(row: object, context: Context) -> Event:
    """The same for a member of the form field `e` (amplitude-js 8, legacy Android and iOS)."""
    return _event(row, context, time="timestamp", event_id="uuid", app_version="version_name")


def _event(row: object, context: Context, *, time: str, event_id: str, app_version: str) -> Event:
    fields = row.get if isinstance(row, dict) else {}.get
    sent_at = fields(time)
    return event_of(
        Reading(
            name=fields("event_type"),
            time=sent_at,
            occurred_at=lambda: epoch_ms(sent_at, "ms"),
            anonymous_id=fields("device_id"),
            user_id=fields("user_id"),
            event_id=fields(event_id),
            session_id=fields("session_id"),
            os=joined(fields("os_name"), fields("os_version")),
            device_model=id_text(fields("device_model")) or fields("device_family"),
            app_version=id_or_number(fields(app_version)),
            event_properties=fields("event_properties"),
            user_properties=fields("user_properties"),
        ),
        context,
    )
