"""Everything taken out again: what an export asks for, and a stored event as a line of NDJSON or CSV (contract 9)."""

import csv
from collections.abc import Iterable, Mapping, Sequence
from types import SimpleNamespace
from typing import NamedTuple

import orjson

from drengr.admin.questions import open_window, single_values
from drengr.admin.words import BadSlot

FORMATS = ("ndjson", "csv")
PARAMETERS = ("since", "until", "event_name", "external_id", "install_id", "format")
COLUMNS = (
    "id", "project", "event_id", "event_name", "source", "app_package", "install_id", "external_id", "session_id",
    "occurred_at", "received_at", "dims", "measures", "properties",
)  # fmt: skip

# A spreadsheet takes a cell that begins so for a formula: anybody may send an event with the name =HYPERLINK(…).
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")


class WholeEvent(NamedTuple):
    """A stored event, every column of the view `events` but `project`."""

    id: int
    event_id: str | None
    event_name: str
    source: str
    app_package: str | None
    install_id: str | None
    external_id: str | None
    session_id: str | int | None
    occurred_at: int  # epoch ms
    received_at: int  # epoch ms
    dims: str
    measures: str
    properties: str | None


class ExportQuery(NamedTuple):
    """Which events of a project: those that pass every filter given."""

    since: int | None = None  # occurred_at, epoch ms, inclusive
    until: int | None = None  # likewise
    event_name: str | None = None
    external_id: str | None = None  # the events with this user id
    install_id: str | None = None  # the events of this device that have no user id
    received: range | None = None  # received_at, epoch ms


def export_query(arguments: Mapping[str, Sequence[str]]) -> tuple[ExportQuery, str]:
    """(what the export's query string asks for, its format).

    arguments  every value of every parameter, in their order
    Raises     BadSlot INVALID_SINCE, INVALID_UNTIL, INVALID_RANGE, INVALID_FILTER
    """
    asked = single_values(arguments, PARAMETERS)
    since, until = open_window(asked)
    if "external_id" in asked and "install_id" in asked:
        raise BadSlot("INVALID_FILTER", "external_id and install_id are two questions; give one of them")
    chosen = asked.get("format", FORMATS[0])
    if chosen not in FORMATS:
        raise BadSlot("INVALID_FILTER", f"format must be {' or '.join(FORMATS)}")
    query = ExportQuery(since, until, asked.get("event_name"), asked.get("external_id"), asked.get("install_id"))
    return query, chosen


def ndjson_lines(project: str, events: Iterable[WholeEvent]) -> bytes:
    """One line an event; dims, measures and properties are stored JSON that is written as it is, unread."""
    option, fragment = orjson.OPT_APPEND_NEWLINE, orjson.Fragment
    return b"".join(
        [
            orjson.dumps(
                {
                    "id": number,
                    "project": project,
                    "event_id": event_id,
                    "event_name": name,
                    "source": source,
                    "app_package": package,
                    "install_id": install_id,
                    "external_id": external_id,
                    "session_id": session_id,
                    "occurred_at": occurred_at,
                    "received_at": received_at,
                    "dims": fragment(dims),
                    "measures": fragment(measures),
                    "properties": None if properties is None else fragment(properties),
                },
                option=option,
            )
            for number, event_id, name, source, package, install_id, external_id, session_id, occurred_at, received_at,
                dims, measures, properties in events
        ]
    )  # fmt: skip


def csv_head() -> bytes:
    """The line that names the columns."""
    return _csv([COLUMNS])


def csv_lines(project: str, events: Iterable[WholeEvent]) -> bytes:
    """One record an event; null is an empty cell."""
    return _csv([(event.id, project, *map(csv_cell, event[1:])) for event in events])


def csv_cell(value: object) -> object:
    """The value as a spreadsheet may open it: text that it would take for a formula gets an apostrophe.

    >>> csv_cell("=1+1"), csv_cell(-1), csv_cell("plain")
    ("'=1+1", -1, 'plain')
    """
    return "'" + value if isinstance(value, str) and value.startswith(_FORMULA_STARTS) else value


def _csv(rows: Iterable[Sequence[object]]) -> bytes:
    pieces: list[str] = []
    csv.writer(SimpleNamespace(write=pieces.append)).writerows(rows)
    return "".join(pieces).encode()
