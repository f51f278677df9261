"""Rows of PostHog's batch export and of its events API (contract 5)."""

from drengr.events.event import Context, Event, Reading, event_of, id_or_number, id_text, joined
from drengr.events.jsontext import read_json
from drengr.events.times import epoch_ms

SOURCE = "posthog"


def to_event(row: dict, context: Context) -> Event:
    """The event of one exported row. Raises BadRow."""
    properties = _properties(row.get("properties"))
    fields = properties.get
    sent_at = row.get("timestamp")
    return event_of(
        Reading(
            name=row.get("event"),
            time=sent_at,
            occurred_at=lambda: epoch_ms(sent_at, "iso8601"),
            anonymous_id=row.get("distinct_id"),
            user_id=row.get("person_id"),
            event_id=id_text(row.get("uuid")) or row.get("id"),
            os=joined(fields("$os"), fields("$os_version")),
            device_model=fields("$device_type"),
            app_version=id_or_number(fields("$app_version")),
            event_properties={key: properties[key] for key in properties if key[:1] != "$"},
        ),
        context,
    )


def column_kind(header: str, mapping: dict[str, str]) -> str:
    """What a CSV cell under this header holds: "json", "property" or "text"."""
    if header == "properties":
        return "json"
    return "property" if header.startswith("properties.") and not header.startswith("properties.$") else "text"


def _properties(value: object) -> dict:
    """The bag itself, or read from the JSON text that Parquet and CSV exports carry."""
    if isinstance(value, str):
        try:
            value = read_json(value.encode())
        except ValueError:
            return {}
    return value if isinstance(value, dict) else {}
