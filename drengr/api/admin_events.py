"""GET and POST /admin/projects/:projectId/events, GET …/events/count (contract 6)."""

import logging
from collections.abc import Callable
from functools import wraps

from flask import Blueprint, Response, request
from werkzeug.exceptions import HTTPException

from drengr.admin.posted import posted_events, strict_json
from drengr.admin.questions import count_query, cursor_text, page_query
from drengr.admin.shown import shown_event
from drengr.admin.words import BadSlot
from drengr.api.errors import ADMIN_PREFIXES, ApiError, json_response
from drengr.api.incoming import BadEncoding, BodyTooLarge, drain, read_body, require_project_of_secret_key
from drengr.api.service import service
from drengr.log import faults
from drengr.store import Busy, Project, StoreError

MAX_BODY_BYTES = 5 * 1024 * 1024

log = logging.getLogger("drengr.api")

door = Blueprint("admin_events", __name__)


def _answers(method: str, path: str, fault: str) -> Callable:
    """Serve a view under both prefixes, for the project whose secret key is shown.

    fault  code of the 500 that a fault of ours ends in; what it was stands in the log
    """

    def serve(view: Callable[[Project], Response]) -> Callable:
        @wraps(view)
        def checked(project_id: str) -> Response:
            try:
                return view(_project(project_id))
            except ApiError:
                drain()
                raise
            except BadSlot as bad:
                status = 413 if bad.code == "BATCH_TOO_LARGE" else 400
                raise ApiError(status, bad.message, bad.code, **bad.details) from None
            except (HTTPException, Busy):
                raise
            except Exception as error:
                if isinstance(error, StoreError):
                    faults.error("%s: %s: %s", fault, type(error).__name__, error)
                else:
                    log.exception("%s %s failed", request.method, path)
                raise ApiError(500, "the service failed; its log says why", fault) from error

        for prefix in ADMIN_PREFIXES:
            door.add_url_rule(
                f"{prefix}projects/<project_id>{path}",
                view_func=checked,
                methods=[method],
                provide_automatic_options=False,
            )
        return checked

    return serve


def _project(project_id: str) -> Project:
    project = require_project_of_secret_key()
    # Another's project, an unknown one and no id at all look the same: nobody learns which projects exist.
    if project.uuid != project_id.lower():
        raise ApiError(403, "this key does not open this project", "PROJECT_FORBIDDEN")
    return project


@_answers("GET", "/events", "LIST_FAILED")
def list_events(project: Project) -> Response:
    """One page of the log, newest first."""
    here = service()
    query = page_query(request.args, here.now_ms())
    with here.gate.at_work():
        page = here.store.page(project.id, query)
    more = cursor_text(page[-1].occurred_at, page[-1].id) if len(page) == query.limit else None
    return json_response({"data": [shown_event(event) for event in page], "next_cursor": more})


@_answers("GET", "/events/count", "COUNT_FAILED")
def count(project: Project) -> Response:
    """How many events, by day or name on request."""
    here = service()
    query = count_query(request.args, here.now_ms())
    with here.gate.at_work():
        counted = here.store.count(project.id, query)
    found: dict[str, object] = {"total": counted.total}
    if counted.buckets is not None:
        found["buckets"] = [{"key": key, "count": events} for key, events in counted.buckets]
    return json_response({"data": found})


@_answers("POST", "/events", "TRACK_FAILED")
def track(project: Project) -> Response:
    """All the posted events in one transaction, or none of them."""
    here = service()
    body = _body()
    with here.gate.at_work():
        with here.gate.mapping(len(body)):
            events = posted_events(strict_json(body), here.now_ms(), here.sensitive)
        added = here.store.add(project.id, events)
    return json_response(
        {"data": {"tracked": added.inserted, "inserted": added.inserted, "skipped": added.duplicates}}
    )


def _body() -> bytes:
    try:
        return read_body(MAX_BODY_BYTES)[0]
    except BodyTooLarge:
        raise BadSlot("BATCH_TOO_LARGE", "the body is over 5 MiB", max_bytes=MAX_BODY_BYTES) from None
    except BadEncoding:
        raise BadSlot("INVALID_JSON", "the body is not what its Content-Encoding says") from None
