"""A stored event in, its JSON out (contract 6)."""

from typing import NamedTuple

import orjson

from drengr.events.times import iso_text


class StoredEvent(NamedTuple):
    """An event as the list shows it, in the store's plain words."""

    id: int
    event_id: str | None
    event_name: str
    source: str
    install_id: str | None
    external_id: str | None
    session_id: str | int | None
    occurred_at: int  # epoch ms
    received_at: int  # epoch ms
    dims: str
    measures: str
    properties: str | None


def shown_event(event: StoredEvent) -> dict[str, object]:
    """The member of `data`; its properties are stored JSON that orjson writes as it is, unread."""
    return {
        "id": str(event.id),
        "app_user_id": event.external_id,
        "event_name": event.event_name,
        "properties": orjson.Fragment(event.properties or _merged(event.dims, event.measures)),
        "occurred_at": iso_text(event.occurred_at),
        "event_id": event.event_id,
        "install_id": event.install_id,
        "session_id": event.session_id,
        "source": event.source,
        "received_at": iso_text(event.received_at),
    }


def _merged(dims: str, measures: str) -> str:
    """Two JSON objects without a common key as one, by their text."""
    if measures == "{}":
        return dims
    return measures if dims == "{}" else f"{dims[:-1]},{measures[1:]}"
