"""POST /amplitude-ingest and its aliases: events from Amplitude's SDKs (contract 4)."""

from collections.abc import Callable
from typing import NamedTuple

from flask import Blueprint, Response, request

from drengr.api.amplitude_bodies import NoEvents, Posted, posted
from drengr.api.edge import door_of_path
from drengr.api.errors import ApiError, json_response
from drengr.api.incoming import BadEncoding, BodyTooLarge, read_body
from drengr.api.outcomes import sdk_of
from drengr.api.service import Service, service, shows_key
from drengr.events.event import Context
from drengr.sources import Mapped, amplitude_http, read_batch
from drengr.store import Account, Project

PATHS = (
    "/amplitude-ingest",
    "/amplitude-ingest/2/httpapi",
    "/amplitude-ingest/batch",
    "/amplitude-ingest/httpapi",
    "/2/httpapi",
    "/batch",
    "/httpapi",
)
MAX_BODY_BYTES = 1_048_576
MAX_EVENTS = 2_000

_ANY_ORIGIN = ("Access-Control-Allow-Origin", "*")
_PREFLIGHT = {
    "Access-Control-Allow-Methods": "POST, OPTIONS",
    # `*`: Sentry, New Relic and others add headers of their own to every request of a page.
    "Access-Control-Allow-Headers": "content-type, content-encoding, cross-origin-resource-policy, *",
    "Access-Control-Max-Age": "7200",
}

door = Blueprint("amplitude_ingest", __name__)


def allow_any_origin(response: Response) -> Response:
    """CORS on every answer: without it a browser SDK cannot read a 413 or a 429 and sends the batch again."""
    if door_of_path(request.path) == "acceptor":
        response.headers.set(*_ANY_ORIGIN)
    return response


def preflight() -> Response:
    """The answer to OPTIONS: no key, cacheable."""
    return Response(status=204, headers=_PREFLIGHT)


class Wanted(NamedTuple):
    """What a request of the acceptor has to bring beside its key."""

    posted: Callable[[bytes], Posted]  # key and rows of a body. Raises NoEvents
    error: str  # said when there are no rows
    field: str  # the member that they ought to be


class Taken(NamedTuple):
    """What became of a request that passed every check."""

    events: int  # valid ones, repeats included
    size_bytes: int  # of the body as received
    now_ms: int  # when it was received


EVENTS = Wanted(posted, "missing or invalid events array", "events")


def ingest() -> Response:
    """One batch."""
    taken = take_in(EVENTS)
    return json_response(
        {
            "code": 200,
            "events_ingested": taken.events,
            "payload_size_bytes": taken.size_bytes,
            "server_upload_time": taken.now_ms,
        }
    )


def take_in(wanted: Wanted) -> Taken:
    """Store what this request brings. The order of checks is the contract's: size, JSON, key, events, count, quota.

    Raises  ApiError
    """
    body, size = _body(wanted)
    here = service()
    with here.gate.at_work():
        with here.gate.mapping(len(body)):
            project, rows, mapped, now_ms = _accepted(body, wanted, here)
        sdk = sdk_of(_library(rows), request.headers.get("User-Agent"))
        account = Account("acceptor", len(rows), mapped.dropped, mapped.changed)
        here.put_away(project, mapped.events, account, mapped.problems, sdk, metered=True)
    return Taken(len(mapped.events), size, now_ms)


def _accepted(body: bytes, wanted: Wanted, here: Service) -> tuple[Project, list, Mapped, int]:
    """(the key's project, the rows, what became of them, receive time) of a body that passes every check."""
    key, rows, old_names = _posted(body, wanted)
    now_ms = here.now_ms()
    project, used = here.store.sender(key, now_ms)
    shows_key(key, project)
    if project is None:
        # With `missing_field` SDKs drop the batch after one request; without it they send it 12 times, or for ever.
        raise ApiError(400, "invalid api_key", reason="bad_key", missing_field="api_key")
    if not isinstance(rows, list):
        raise _no_rows(wanted)
    if len(rows) > MAX_EVENTS:
        raise ApiError(413, "payload too large")
    if used >= here.config["DRENGR_DAILY_EVENT_QUOTA"]:
        # Named one by one, SDKs hold the events for 30 s and try again; unnamed, they drop them within 10 s.
        raise ApiError(429, "exceeded daily quota", throttled_events=list(range(len(rows))))
    context = Context(
        amplitude_http.SOURCE,
        now_ms,
        here.sensitive,
        live=True,
        old_names=old_names,
        keep_fields=here.config["DRENGR_KEEP_FIELDS"],
    )
    # Contract 4: what is no event is skipped silently, its neighbours are stored.
    return project, rows, read_batch(rows, context), now_ms


def _library(rows: list) -> object:
    return rows[0].get("library") if rows and isinstance(rows[0], dict) else None


def _body(wanted: Wanted) -> tuple[bytes, int]:
    try:
        return read_body(MAX_BODY_BYTES)
    except BodyTooLarge:
        raise ApiError(413, "payload too large") from None
    except BadEncoding:
        raise _no_rows(wanted, "not_json") from None


def _posted(body: bytes, wanted: Wanted) -> Posted:
    try:
        return wanted.posted(body)
    except NoEvents:
        raise _no_rows(wanted, "not_json") from None


def _no_rows(wanted: Wanted, reason: str = "bad_request") -> ApiError:
    return ApiError(400, wanted.error, reason=reason, missing_field=wanted.field)


def serve(door: Blueprint, path: str, view: Callable[[], Response]) -> None:
    """POST to a path goes to the view; OPTIONS too is answered there; each with or without a slash at the end."""
    for method, answer in (("POST", view), ("OPTIONS", preflight)):
        door.add_url_rule(
            path, view_func=answer, methods=[method], strict_slashes=False, provide_automatic_options=False
        )


for _path in PATHS:
    serve(door, _path, ingest)
