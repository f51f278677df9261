"""Rows of Google Analytics 4's BigQuery export (contract 5)."""

import math

from drengr.events.event import Context, Event, Reading, event_of, id_or_number, joined
from drengr.events.times import epoch_ms

SOURCE = "ga4"
META = {
    "dedup": "GA4 export has no canonical event id; dedup key = sha256(user_pseudo_id + event_name + event_timestamp)"
}
_JSON_COLUMNS = ("event_params", "device", "app_info")


def to_event(row: dict, context: Context) -> Event:
    """The event of one exported row. Raises BadRow."""
    fields = row.get
    sent_at = fields("event_timestamp")
    device = _record(fields("device"))
    return event_of(
        Reading(
            name=fields("event_name"),
            time=sent_at,
            occurred_at=lambda: epoch_ms(sent_at, "us"),
            anonymous_id=fields("user_pseudo_id"),
            user_id=fields("user_id"),
            os=joined(device.get("operating_system"), device.get("operating_system_version")),
            device_model=device.get("mobile_model_name"),
            app_version=id_or_number(_record(fields("app_info")).get("version")),
            event_properties=_params(fields("event_params")),
        ),
        context,
    )


def column_kind(header: str, mapping: dict[str, str]) -> str:
    """What a CSV cell under this header holds: "json", "property" or "text"."""
    if header in _JSON_COLUMNS:
        return "json"
    return "property" if header.startswith("event_params.") else "text"


def _record(value: object) -> dict:
    return value if isinstance(value, dict) else {}


def _params(value: object) -> object:
    """The parameters as one flat object; of a repeated key the first stays."""
    if not isinstance(value, list):
        return value
    params: dict[str, object] = {}
    for each in value:
        if isinstance(each, dict) and isinstance(each.get("key"), str):
            params.setdefault(each["key"], _param_value(each.get("value")))
    return params


def _param_value(value: object) -> object:
    """The one of the four typed values that is set: {"string_value": null, "int_value": "1", …} → 1."""
    if not isinstance(value, dict):
        return value
    if (text := value.get("string_value")) is not None:
        return text
    if (number := value.get("int_value")) is not None:
        return _number(number, int)
    for name in ("float_value", "double_value"):
        if (number := value.get(name)) is not None:
            return _number(number, float)
    return None


def _number(value: object, read) -> object:
    """The number that BigQuery's JSON extract writes as text; anything else as it is."""
    if not isinstance(value, str) or len(value) > 30:
        return value
    try:
        number = read(value)
    except ValueError:
        return value
    return number if math.isfinite(number) else value
