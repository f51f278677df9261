"""The room Event: one event, whole."""

import json

from flask import Response

from drengr.admin.exports import ExportQuery, WholeEvent
from drengr.admin.questions import single_values
from drengr.api.errors import ApiError
from drengr.api.service import service
from drengr.events.jsontext import read_json
from drengr.events.times import iso_text
from drengr.page import addresses
from drengr.page.frame import render, room
from drengr.page.tables import Column, Table, csv_answer, wants_csv
from drengr.store import Project, Store

_LARGEST_ID = 2**63 - 1
_PROPERTIES = (Column("Property"), Column("Value"))


@room("events/<event_id>", belongs_to="live")
def event(project: Project, event_id: str) -> Response | str:
    """Every field, the properties as a table, and the JSON to copy."""
    single_values(addresses.arguments("format", "table"), ())
    found = _event(service().store, project, event_id)
    properties = Table("properties", _PROPERTIES, list(properties_of(found.dims, found.measures).items()))
    if wants_csv("properties", is_first=True):
        return csv_answer(properties)
    return render("event.html", found.event_name, event=found, properties=properties, json=_json(project, found))


def properties_of(dims: str, measures: str) -> dict[str, str]:
    """The properties of a stored event as text, dims first.

    >>> properties_of('{"plan":"pro"}', '{"revenue":42.5}')
    {'plan': 'pro', 'revenue': '42.5'}
    """
    found: dict[str, str] = {}
    for bag in (dims, measures):
        if bag != "{}":
            read = read_json(bag.encode())
            if isinstance(read, dict):
                found |= {key: value if isinstance(value, str) else json.dumps(value) for key, value in read.items()}
    return found


def _event(store: Store, project: Project, text: str) -> WholeEvent:
    """The event of the project with that id. Raises ApiError 404."""
    number = int(text) if text.isascii() and text.isdecimal() and len(text) < 20 else 0
    if 0 < number <= _LARGEST_ID:
        events = store.events_after(project.id, ExportQuery(), number - 1, number).events
        if events:
            return events[0]
    raise ApiError(404, "This project has no event with that number. It may have been erased.")


def _json(project: Project, found: WholeEvent) -> str:
    """The event as a line of the export, spread out to be read."""
    whole = {"id": found.id, "project": project.uuid} | found._asdict() | {
        "occurred_at": iso_text(found.occurred_at),
        "received_at": iso_text(found.received_at),
        "dims": read_json(found.dims.encode()),
        "measures": read_json(found.measures.encode()),
        "properties": None if found.properties is None else read_json(found.properties.encode()),
    }  # fmt: skip
    return json.dumps(whole, indent=2, ensure_ascii=False)
