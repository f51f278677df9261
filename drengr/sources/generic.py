"""Rows of anything else, read by the mapping that comes with them (contract 5)."""

from drengr.events.event import Context, Reading
from drengr.events.jsontext import clean_text
from drengr.events.times import UNITS, epoch_ms
from drengr.sources.bags import bag_of, decoded

SOURCE = "generic"
VENDOR = "rows of your own (generic)"
REQUIRED = ("event_name_field", "timestamp_field", "timestamp_unit", "user_id_field", "anon_id_field")
OPTIONAL = ("dedup_id_field", "props_field")
_CONSUMED = ("event_name_field", "timestamp_field", "user_id_field", "anon_id_field", "dedup_id_field")


class BadMapping(ValueError):
    """The mapping cannot be used; the text names the field and the values it takes."""


def checked_mapping(mapping: object) -> dict[str, str]:
    """The mapping without its null members. Raises BadMapping."""
    if mapping is None:
        raise BadMapping(f'mapping is missing: source "generic" needs an object with {_listed(REQUIRED)}')
    if not isinstance(mapping, dict):
        raise BadMapping(f"mapping must be an object with {_listed(REQUIRED)}, and if wanted {_listed(OPTIONAL)}")
    for name in REQUIRED:
        if mapping.get(name) is None:
            raise BadMapping(f"mapping.{name} is missing{_takes(name)}")
    for name, value in mapping.items():
        if name not in REQUIRED and name not in OPTIONAL:
            known = _listed(REQUIRED + OPTIONAL)
            raise BadMapping(f"mapping.{clean_text(name[:64])} is not known; the fields are {known}")
        if value is not None and (not isinstance(value, str) or not value.strip()):
            raise BadMapping(f"mapping.{name} must be non-empty text{_takes(name)}")
    if mapping["timestamp_unit"] not in UNITS:
        raise BadMapping(f"mapping.timestamp_unit must be one of {', '.join(UNITS)}")
    return {name: value for name, value in mapping.items() if value is not None}


def reading_of(row: dict[str, object], context: Context) -> Reading:
    """What one row says by the mapping."""
    mapping = context.mapping
    row = _with_opened_parents(row, mapping)
    notes: list[str] = []
    sent_at = _field(row, mapping["timestamp_field"])
    dedup_field = mapping.get("dedup_id_field")
    return Reading(
        name=_field(row, mapping["event_name_field"]),
        time=sent_at,
        occurred_at=lambda: epoch_ms(sent_at, mapping["timestamp_unit"], context.time_zone),
        anonymous_id=_field(row, mapping["anon_id_field"]),
        user_id=_field(row, mapping["user_id_field"]),
        event_id=_field(row, dedup_field) if dedup_field else None,
        event_properties=_properties(row, mapping, notes),
        notes=notes,
    )


def column_kind(header: str, mapping: dict[str, str]) -> str:
    """What a CSV cell under this header holds: "json", "property", "id" (or a time) or "text"."""
    props_field = mapping.get("props_field")
    if header == props_field:
        return "json"
    if header == mapping.get("event_name_field"):
        return "text"
    if header in [mapping.get(name) for name in _CONSUMED]:
        return "id"
    return "property" if props_field is None or header.startswith(props_field + ".") else "text"


def _with_opened_parents(row: dict[str, object], mapping: dict[str, str]) -> dict[str, object]:
    """The row, where fields that dot paths lead into may be JSON text (Airbyte's `_airbyte_data.user.id`)."""
    for name, path in mapping.items():
        parent, dot, _ = path.partition(".")
        if dot and name.endswith("_field") and isinstance(row.get(parent), str) and path not in row:
            inner = decoded(row[parent])
            if isinstance(inner, dict):
                row = row | {parent: inner}
    return row


def _field(row: dict[str, object], path: str) -> object:
    """The value under the literal key, else at the dot path, else None.

    >>> _field({"a.b": 1, "a": {"b": 2, "c": 3}}, "a.b"), _field({"a": {"c": 3}}, "a.c")
    (1, 3)
    """
    if path in row:
        return row[path]
    value: object = row
    for key in path.split("."):
        if not isinstance(value, dict):
            return None
        value = value.get(key)
    return value


def _properties(row: dict[str, object], mapping: dict[str, str], notes: list[str]) -> dict[str, object]:
    """What `props_field` holds, or the row without the fields that became something else."""
    if "props_field" in mapping:
        path = mapping["props_field"]
        return bag_of(_field(row, path), path[:64], notes)
    left = dict(row)
    for name in _CONSUMED:
        path = mapping.get(name, "")
        if path in row:
            left.pop(path, None)
        elif "." in path:
            _remove(left, path.split("."))
    return left


def _remove(bag: dict[str, object], keys: list[str]) -> None:
    """Take the value at the path out of the bag; the objects on the way are copied, they belong to the row."""
    for key in keys[:-1]:
        inner = bag.get(key)
        if not isinstance(inner, dict):
            return
        bag[key] = inner = dict(inner)
        bag = inner
    bag.pop(keys[-1], None)


def _takes(name: str) -> str:
    if name == "timestamp_unit":
        return f": one of {', '.join(UNITS)}"
    return ": the name of a field of your rows, or a dot path to it"


def _listed(names: tuple[str, ...]) -> str:
    return ", ".join(names)
