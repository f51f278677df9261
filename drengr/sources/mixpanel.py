"""Rows of Mixpanel's Raw Data Export API (contract 5)."""

from drengr.events.event import Context, Event, Reading, event_of, id_or_number, joined
from drengr.events.times import epoch_ms, in_window

SOURCE = "mixpanel"
_CONSUMED = ("distinct_id", "time")


def to_event(row: dict, context: Context) -> Event:
    """The event of one exported row. Raises BadRow."""
    properties = row.get("properties")
    if not isinstance(properties, dict):
        properties = {}
    fields = properties.get
    sent_at = fields("time")
    return event_of(
        Reading(
            name=row.get("event"),
            time=sent_at,
            occurred_at=lambda: _epoch_ms(sent_at, context.now_ms),
            anonymous_id=fields("distinct_id"),
            user_id=fields("$user_id"),
            event_id=fields("$insert_id"),
            os=joined(fields("$os"), fields("$os_version")),
            device_model=fields("$model"),
            app_version=id_or_number(fields("$app_version_string")),
            event_properties={key: properties[key] for key in properties if key[:1] != "$" and key not in _CONSUMED},
        ),
        context,
    )


def column_kind(header: str, mapping: dict[str, str]) -> str:
    """What a CSV cell under this header holds: "json", "property" or "text"."""
    if header == "properties":
        return "json"
    parent, _, key = header.partition(".")
    return "property" if parent == "properties" and key[:1] != "$" and key not in _CONSUMED else "text"


def _epoch_ms(sent_at: object, now_ms: int) -> int:
    """Seconds; milliseconds when it only fits as such, which old SDKs and people's dumps write."""
    ms = epoch_ms(sent_at, "seconds")
    if in_window(ms, now_ms):
        return ms
    as_ms = epoch_ms(sent_at, "ms")
    return as_ms if in_window(as_ms, now_ms) else ms
