"""Overview while the project never had an event: the lines that send one, and whether it has come (contract 12)."""

from typing import NamedTuple

from flask import Response

from drengr.admin.questions import page_query
from drengr.admin.shown import StoredEvent
from drengr.api.service import service
from drengr.events.jsontext import read_json
from drengr.page.frame import problems_of, render, room
from drengr.page.snippets import snippets
from drengr.store import Problem, Project

_LOOK_BACK_MS = 10 * 60_000  # for requests that were refused because of their key


def first_run(project: Project) -> str:
    """The whole room."""
    return render("first_run.html", "Overview", snippets=snippets(project), came=_what_came(project))


@room("arrived", belongs_to="overview", is_data=True, is_use=False)
def arrived(project: Project) -> Response:
    """The part of it that changes, for the script that asks."""
    return Response(render("arrived.html", came=_what_came(project)))


class Came(NamedTuple):
    """What has come so far."""

    event: StoredEvent | None
    label: str
    refused: list[Problem]


def _what_came(project: Project) -> Came:
    event = _newest(project)
    return Came(event, _label(event) if event else "", _refused_keys(project))


def _newest(project: Project) -> StoredEvent | None:
    query = page_query({"since": ["0001-01-01"], "limit": ["1"]}, service().now_ms())
    found = service().store.page(project.id, query)
    return found[0] if found else None


def _label(event: StoredEvent) -> str:
    """The name as it was sent."""
    dims = read_json(event.dims.encode())
    return str(dims.get("_source_event_name", event.event_name)) if isinstance(dims, dict) else event.event_name


def _refused_keys(project: Project) -> list[Problem]:
    """Requests of the last minutes whose key was no good: most likely of whoever tries to send the first event."""
    oldest = service().now_ms() - _LOOK_BACK_MS
    return [each for each in problems_of(project) if each.reason == "bad_key" and each.last_at > oldest][:3]
