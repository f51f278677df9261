"""Identifications as Amplitude's /identify and /groupidentify take them, as the events that SDKs send (contract 8)."""

from drengr.events.event import id_text
from drengr.sources.bags import bag_of


def user_row(identification: object) -> object:
    """The row of an identification, fit for amplitude_http; what is no object stays as it is.

    >>> user_row({"user_id": "u1", "user_properties": {"$set": {"plan": "pro"}}})["event_type"]
    '$identify'
    """
    return identification | {"event_type": "$identify"} if isinstance(identification, dict) else identification


def group_row(identification: object) -> object:
    """The same of a group; without an id of somebody the group itself is who sent it.

    >>> row = group_row({"group_type": "org", "group_value": "acme", "group_properties": {"size": 10}})
    >>> row["device_id"], row["event_properties"], row["groups"]
    ('group:org:acme', {'group.size': 10}, {'org': 'acme'})
    """
    if not isinstance(identification, dict):
        return identification
    properties = bag_of(identification.get("group_properties"), "group_properties", [])
    row = identification | {
        "event_type": "$groupidentify",
        "event_properties": {f"group.{key}": value for key, value in properties.items()},
    }
    group_type, group_value = id_text(row.get("group_type")), id_text(row.get("group_value"))
    if group_type is not None and group_value is not None:
        row["groups"] = {group_type: group_value}
        if id_text(row.get("user_id")) is None and id_text(row.get("device_id")) is None:
            row["device_id"] = f"group:{group_type}:{group_value}"
    return row
