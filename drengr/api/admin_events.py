"""GET and POST /admin/projects/:projectId/events, GET …/events/count (contract 6)."""

from flask import Blueprint, Response, request

from drengr.admin.posted import posted_events, strict_json
from drengr.admin.questions import count_query, page_query
from drengr.admin.words import BadSlot
from drengr.answering import count_events, shown_page
from drengr.api.admin import answers
from drengr.api.errors import json_response
from drengr.api.incoming import BadEncoding, BodyTooLarge, read_body
from drengr.api.service import service
from drengr.store import Project

MAX_BODY_BYTES = 5 * 1024 * 1024

door = Blueprint("admin_events", __name__)


@answers(door, "GET", "/events", "LIST_FAILED")
def list_events(project: Project) -> Response:
    """One page of the log, newest first."""
    here = service()
    query = page_query(request.args.to_dict(flat=False), here.now_ms())
    with here.gate.page(query.limit):
        with here.gate.at_work():
            page = here.store.page(project.id, query)
        return json_response(shown_page(page, query.limit))


@answers(door, "GET", "/events/count", "COUNT_FAILED")
def count(project: Project) -> Response:
    """How many events, by day or name on request."""
    here = service()
    query = count_query(request.args.to_dict(flat=False), here.now_ms())
    with here.gate.at_work():
        return json_response({"data": count_events(here.store, project.id, query)})


@answers(door, "POST", "/events", "TRACK_FAILED")
def track(project: Project) -> Response:
    """All the posted events in one transaction, or none of them."""
    here = service()
    body = _body()
    with here.gate.at_work():
        with here.gate.mapping(len(body)):
            events = posted_events(strict_json(body), here.now_ms(), here.sensitive)
        added = here.store.add(project.id, events)
    here.refused(project, "admin", events, added)
    skipped = added.duplicates + len(added.refused)
    return json_response({"data": {"tracked": added.inserted, "inserted": added.inserted, "skipped": skipped}})


def _body() -> bytes:
    try:
        return read_body(MAX_BODY_BYTES)[0]
    except BodyTooLarge:
        raise BadSlot("BATCH_TOO_LARGE", "the body is over 5 MiB", max_bytes=MAX_BODY_BYTES) from None
    except BadEncoding:
        raise BadSlot("INVALID_JSON", "the body is not what its Content-Encoding says") from None
