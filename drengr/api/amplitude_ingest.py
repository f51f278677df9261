"""POST /amplitude-ingest and its aliases: events from Amplitude's SDKs (contract 4)."""

from flask import Blueprint, Response, request

from drengr.api.amplitude_bodies import NoEvents, Posted, posted
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
_BELOW = tuple(path + "/" for path in PATHS)
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


def is_acceptor_path(path: str) -> bool:
    """Whether answers to this path are the acceptor's: one of PATHS, or anything below one."""
    return path in PATHS or path.startswith(_BELOW)


def allow_any_origin(response: Response) -> Response:
    """CORS on every answer: without it a browser SDK cannot read a 413 or a 429 and sends the batch again."""
    if is_acceptor_path(request.path):
        response.headers.set(*_ANY_ORIGIN)
    return response


def preflight() -> Response:
    """The answer to OPTIONS: no key, cacheable."""
    return Response(status=204, headers=_PREFLIGHT)


def ingest() -> Response:
    """One batch. The order of checks is the contract's: size, JSON, key, events, count, quota, store."""
    body, size = _body()
    here = service()
    with here.gate.at_work():
        with here.gate.mapping(len(body)):
            project, rows, mapped, now_ms = _accepted(body, here)
        sdk = sdk_of(_library(rows), request.headers.get("User-Agent"))
        account = Account("acceptor", len(rows), mapped.dropped, mapped.changed)
        here.put_away(project, mapped.events, account, mapped.problems, sdk, metered=True)
    return json_response(
        {"code": 200, "events_ingested": len(mapped.events), "payload_size_bytes": size, "server_upload_time": now_ms}
    )


def _accepted(body: bytes, here: Service) -> tuple[Project, list, Mapped, int]:
    """(the key's project, the rows, what became of them, receive time) of a body that passes every check."""
    key, rows, old_names = _posted(body)
    now_ms = here.now_ms()
    project, used = here.store.sender(key, now_ms)
    shows_key(key, project)
    if project is None:
        # With `missing_field` SDKs drop the batch after one request; without it they send it 12 times, or for ever.
        raise ApiError(400, "invalid api_key", reason="bad_key", missing_field="api_key")
    if not isinstance(rows, list):
        raise _no_events()
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


def _body() -> tuple[bytes, int]:
    try:
        return read_body(MAX_BODY_BYTES)
    except BodyTooLarge:
        raise ApiError(413, "payload too large") from None
    except BadEncoding:
        raise _no_events("not_json") from None


def _posted(body: bytes) -> Posted:
    try:
        return posted(body)
    except NoEvents:
        raise _no_events("not_json") from None


def _no_events(reason: str = "bad_request") -> ApiError:
    return ApiError(400, "missing or invalid events array", reason=reason, missing_field="events")


for _path in PATHS:
    door.add_url_rule(_path, view_func=ingest, methods=["POST"], strict_slashes=False, provide_automatic_options=False)
    door.add_url_rule(
        _path, view_func=preflight, methods=["OPTIONS"], strict_slashes=False, provide_automatic_options=False
    )
