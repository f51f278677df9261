"""Rows of Mixpanel's Raw Data Export API (contract 5)."""

from datetime import tzinfo

from drengr.events.event import Context, Reading, id_or_number, joined
from drengr.events.times import epoch_ms, in_window, ms_of_wall_clock
from drengr.sources.bags import bag_of

SOURCE = "mixpanel"
VENDOR = "Mixpanel"
NEEDED = ("event", "properties.time", "properties.distinct_id")
_IDS = ("distinct_id", "time", "$user_id", "$insert_id")
_CONSUMED = ("distinct_id", "time")


def reading_of(row: dict[str, object], context: Context) -> Reading:
    """What one exported row says."""
    notes: list[str] = []
    properties = bag_of(row.get("properties"), "properties", notes)
    fields = properties.get
    sent_at = fields("time")
    return Reading(
        name=row.get("event"),
        time=sent_at,
        occurred_at=lambda: _epoch_ms(sent_at, context.time_zone, context.now_ms),
        anonymous_id=fields("distinct_id"),
        user_id=fields("$user_id"),
        event_id=fields("$insert_id"),
        os=joined(fields("$os"), fields("$os_version")),
        device_model=fields("$model"),
        app_version=id_or_number(fields("$app_version_string")),
        event_properties={key: properties[key] for key in properties if key[:1] != "$" and key not in _CONSUMED},
        notes=notes,
    )


def column_kind(header: str, mapping: dict[str, str]) -> str:
    """What a CSV cell under this header holds: "json", "property", "id" (or a time) or "text"."""
    if header == "properties":
        return "json"
    parent, _, key = header.partition(".")
    if parent == "properties" and key in _IDS:
        return "id"
    return "property" if parent == "properties" and key[:1] != "$" and key not in _CONSUMED else "text"


def _epoch_ms(sent_at: object, zone: tzinfo, now_ms: int) -> int:
    """Seconds; milliseconds when it only fits as such, which old SDKs and people's dumps write.

    Projects made before 2023 count the seconds as if their own clock were UTC's.
    """
    ms = ms_of_wall_clock(epoch_ms(sent_at, "seconds"), zone)
    if in_window(ms, now_ms):
        return ms
    as_ms = ms_of_wall_clock(epoch_ms(sent_at, "ms"), zone)
    return as_ms if in_window(as_ms, now_ms) else ms
