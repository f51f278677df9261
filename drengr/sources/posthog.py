"""Rows of PostHog's batch export and of its events API (contract 5)."""

from drengr.events.event import Context, Reading, id_or_number, id_text, joined
from drengr.events.times import epoch_ms
from drengr.sources.bags import bag_of

SOURCE = "posthog"
VENDOR = "PostHog"
_IDS = ("distinct_id", "person_id", "timestamp", "uuid", "id")
NEEDED = ("event", "timestamp", "distinct_id")


def reading_of(row: dict[str, object], context: Context) -> Reading:
    """What one exported row says."""
    notes: list[str] = []
    properties = bag_of(row.get("properties"), "properties", notes)  # text in Parquet and CSV exports
    fields = properties.get
    sent_at = row.get("timestamp")
    return Reading(
        name=row.get("event"),
        time=sent_at,
        occurred_at=lambda: epoch_ms(sent_at, "iso8601", context.time_zone),
        anonymous_id=row.get("distinct_id"),
        user_id=row.get("person_id"),
        event_id=id_text(row.get("uuid")) or row.get("id"),
        os=joined(fields("$os"), fields("$os_version")),
        device_model=fields("$device_type"),
        app_version=id_or_number(fields("$app_version")),
        event_properties={key: properties[key] for key in properties if key[:1] != "$"},
        notes=notes,
    )


def column_kind(header: str, mapping: dict[str, str]) -> str:
    """What a CSV cell under this header holds: "json", "property", "id" (or a time) or "text"."""
    if header == "properties":
        return "json"
    if header in _IDS:
        return "id"
    return "property" if header.startswith("properties.") and not header.startswith("properties.$") else "text"
