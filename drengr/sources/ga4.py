"""Rows of Google Analytics 4's BigQuery export (contract 5)."""

import math

from drengr.events.event import Context, Reading, id_or_number, joined
from drengr.events.times import epoch_ms
from drengr.sources.bags import bag_of, decoded, object_of

SOURCE = "ga4"
VENDOR = "Google Analytics 4 (BigQuery)"
META = {
    "dedup": "GA4 export has no canonical event id; dedup key = sha256(user_pseudo_id + event_name + event_timestamp)"
}
NEEDED = ("event_name", "event_timestamp", "user_pseudo_id")
_IDS = ("event_timestamp", "user_pseudo_id", "user_id")
_BAGS = ("event_params", "user_properties", "ecommerce")
_RECORDS = ("device", "app_info")
# Integers of the ecommerce record, which BigQuery's JSON extract writes as text like every other.
_ECOMMERCE_INTEGERS = ("total_item_quantity", "unique_items")


def reading_of(row: dict[str, object], context: Context) -> Reading:
    """What one exported row says."""
    fields = row.get
    notes: list[str] = []
    sent_at = fields("event_timestamp")
    device = bag_of(fields("device"), "device", notes)
    return Reading(
        name=fields("event_name"),
        time=sent_at,
        occurred_at=lambda: epoch_ms(sent_at, "us"),
        anonymous_id=fields("user_pseudo_id"),
        user_id=fields("user_id"),
        os=joined(device.get("operating_system"), device.get("operating_system_version")),
        device_model=device.get("mobile_model_name"),
        app_version=id_or_number(bag_of(fields("app_info"), "app_info", notes).get("version")),
        event_properties=_params(row, "event_params", notes) | _ecommerce(row, notes),
        user_properties=_params(row, "user_properties", notes),
        notes=notes,
    )


def column_kind(header: str, mapping: dict[str, str]) -> str:
    """What a CSV cell under this header holds: "json", "property", "id" (or a time) or "text"."""
    if header in _IDS:
        return "id"
    if header in _BAGS or header in _RECORDS:
        return "json"
    return "property" if header.partition(".")[0] in _BAGS else "text"


def _params(row: dict[str, object], name: str, notes: list[str]) -> dict[str, object]:
    """The parameters in that field as one flat object; of a repeated key the first stays."""
    value = decoded(row.get(name))
    if not isinstance(value, list):
        return object_of(value, name, notes)
    params: dict[str, object] = {}
    for each in value:
        if isinstance(each, dict) and isinstance(each.get("key"), str):
            params.setdefault(each["key"], _param_value(each.get("value")))
    return params


def _ecommerce(row: dict[str, object], notes: list[str]) -> dict[str, object]:
    """The record's fields under the prefix ecommerce."""
    record = bag_of(row.get("ecommerce"), "ecommerce", notes)
    return {
        f"ecommerce.{name}": _number(each, int) if name in _ECOMMERCE_INTEGERS else each
        for name, each in record.items()
    }


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


def _number(value: object, read: type[int] | type[float]) -> object:
    """The number that BigQuery's JSON extract writes as text; anything else as it is."""
    if not isinstance(value, str) or len(value) > 30:
        return value
    try:
        number = read(value)
    except ValueError:
        return value
    return number if math.isfinite(number) else value
