"""GET /openapi.json: all three doors in a form that machines read (contract 4, 5, 6, 7)."""

from functools import cache

import orjson
from flask import Blueprint, Response

from drengr import __version__
from drengr.admin.exports import FORMATS
from drengr.admin.posted import MAX_SLOTS
from drengr.admin.questions import DEFAULT_LIMIT, GROUPS, MAX_LIMIT
from drengr.api import amplitude_ingest
from drengr.api.errors import ADMIN_PREFIXES
from drengr.api.openapi_schemas import SCHEMAS
from drengr.sources import SOURCES

door = Blueprint("openapi", __name__)

_SECRET: list[dict[str, list[str]]] = [{"secretKey": []}]
_PROJECT_ID = {
    "name": "projectId",
    "in": "path",
    "required": True,
    "schema": {"type": "string", "minLength": 1},
    "description": "The project's UUID. Any other than the key's own is answered 403.",
}


@door.get("/openapi.json")
def openapi() -> Response:
    """The document."""
    return Response(_text(), mimetype="application/json")


@cache
def _text() -> bytes:
    return orjson.dumps(document())


def document() -> dict:
    """The OpenAPI 3.1 document."""
    paths: dict[str, dict] = {
        path: {"post": _acceptor(path), "options": _preflight(path)} for path in amplitude_ingest.PATHS
    }
    paths["/import-events"] = {"post": _importer("post"), "put": _importer("put")}
    for prefix in ADMIN_PREFIXES:
        base = f"{prefix}projects/{{projectId}}/events"
        paths[base] = {"parameters": [_PROJECT_ID], "get": _list(base), "post": _track(base)}
        paths[base + "/count"] = {"parameters": [_PROJECT_ID], "get": _count(base)}
        ledger = f"{prefix}projects/{{projectId}}/ledger"
        paths[ledger] = {"parameters": [_PROJECT_ID], "get": _ledger(ledger)}
        export = f"{prefix}projects/{{projectId}}/export"
        paths[export] = {"parameters": [_PROJECT_ID], "get": _export(export)}
    paths["/api/2/export"] = {"get": _amplitude_export()}
    paths["/healthz"] = {"get": _health()}
    paths["/metrics"] = {"get": _metrics()}
    paths["/openapi.json"] = {"get": _itself()}
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Drengr",
            "version": __version__,
            "description": "Product events on your own machine: live from Amplitude's SDKs, history from five vendors' "
            "exports, and an admin API over everything that landed.",
        },
        "servers": [{"url": "/"}],
        "paths": paths,
        "components": {
            "schemas": SCHEMAS,
            "securitySchemes": {
                "secretKey": {"type": "http", "scheme": "bearer", "description": "drengr_sk_…"},
                "bothKeys": {"type": "http", "scheme": "basic", "description": "drengr_pk_… and drengr_sk_…"},
                "metricsToken": {"type": "http", "scheme": "bearer", "description": "DRENGR_METRICS_TOKEN"},
            },
        },
    }


# The acceptor ---------------------------------------------------------------------------------------------------------


def _acceptor(path: str) -> dict:
    errors = {
        "400": (
            "The key is no good, or there is no events array",
            {"code": 400, "error": "invalid api_key", "missing_field": "api_key"},
        ),
        "408": ("The body did not arrive in time", {"code": 408, "error": "the request body did not arrive in time"}),
        "413": ("Over 1 MiB or 2,000 events", {"code": 413, "error": "payload too large"}),
        "429": (
            "The project's daily quota is used up",
            {"code": 429, "error": "exceeded daily quota", "throttled_events": [0]},
        ),
        **_INFRASTRUCTURE,
    }
    return {
        "operationId": _named("sendEvents", path),
        "summary": "Live events, as Amplitude's SDKs send them",
        "description": "JSON, plain or with Content-Encoding gzip or deflate, whatever the Content-Type says; or the "
        "form that older SDKs post. A trailing slash is welcome too. Events without a name or an id are left out.",
        "requestBody": {
            "required": True,
            "content": {
                "application/json": {"schema": _ref("AmplitudeBatch")},
                "application/x-www-form-urlencoded": {"schema": _ref("LegacyAmplitudeForm")},
            },
        },
        "responses": {"200": _answer("Stored, repeats included", "Accepted"), **_errors("Error", errors)},
    }


def _preflight(path: str) -> dict:
    responses = {"204": {"description": "Any origin may send; the answer may be cached"}}
    return {"operationId": _named("mayISend", path), "summary": "CORS preflight, no key needed", "responses": responses}


# The importer ---------------------------------------------------------------------------------------------------------


def _importer(method: str) -> dict:
    errors = {
        "400": (
            "A field is wrong, or the file is damaged or holds no event: what was read is counted",
            {"code": 400, "error": "events must be an array of rows"},
        ),
        "401": ("No good secret key", {"code": 401, "error": "invalid secret key"}),
        "408": ("The body did not arrive in time", {"code": 408, "error": "the request body did not arrive in time"}),
        "413": (
            "Over 1,000 events or 5 MiB",
            {"code": 413, "error": "too many events: 1001 rows, at most 1000 in one request"},
        ),
        **_INFRASTRUCTURE,
    }
    of_a_file = "Marks the body as a whole file; "
    return {
        "operationId": "importEvents" if method == "post" else "importFile",
        "summary": "History: a batch of rows, or a vendor's whole file",
        "description": "Without `source` in the query the body is a JSON envelope of at most 1,000 rows and 5 MiB. "
        "With it the body is a file of any size: zip, gzip, NDJSON, JSON array or CSV. `Accept: application/x-ndjson` "
        "streams progress, the last line being the answer. Sending anything twice is safe.",
        "security": _SECRET,
        "parameters": [
            _query("source", {"enum": list(SOURCES)}, of_a_file + "whose it is"),
            _query("app_package", {"type": "string", "maxLength": 255}, "Noted with every event of the file"),
            _query("mapping", {"type": "string"}, "generic only: the mapping as JSON"),
            _query("time_zone", {"type": "string"}, "IANA name, of times that name no zone; default: UTC"),
            _query("dry_run", {"enum": ["1"]}, "Of a file: store nothing, say what would be"),
        ],
        "requestBody": {
            "required": True,
            "content": {
                "application/json": {"schema": _ref("ImportBatch")},
                "application/x-ndjson": {"schema": {"type": "string"}},
                "text/csv": {"schema": {"type": "string"}},
                "application/gzip": {"schema": {"type": "string", "format": "binary"}},
                "application/zip": {"schema": {"type": "string", "format": "binary"}},
            },
        },
        "responses": {"200": _answer("What became of the rows", "ImportCounts"), **_errors("ImportError", errors)},
    }


# The admin door -------------------------------------------------------------------------------------------------------


def _list(path: str) -> dict:
    parameters = [
        _query("since", _TIME, "Inclusive; default: 24 hours ago. Name it when paging takes longer than 15 minutes"),
        _query("until", _TIME, "Inclusive, a date is its whole day; default: no bound"),
        _query("event_name", {"type": "string"}, "Exact, as stored"),
        _query("user_id", {"type": "string", "format": "uuid"}, "The app_user_id"),
        _query("external_id", {"type": "string"}, "Any user id, exact"),
        _query("install_id", {"type": "string"}, "Anonymous or device id, exact"),
        _query("source", {"type": "string"}, "Exact: amplitude_http, admin, or a history source"),
        _query(
            "limit",
            {"type": "integer", "minimum": 1, "default": DEFAULT_LIMIT},
            f"Larger than {MAX_LIMIT} counts as {MAX_LIMIT}",
        ),
        _query("cursor", {"type": "string"}, "The next_cursor of an earlier page"),
    ]
    codes = ("INVALID_SINCE", "INVALID_UNTIL", "INVALID_LIMIT", "INVALID_CURSOR", "INVALID_FILTER")
    return {
        "operationId": _named("listEvents", path),
        "summary": "The log of all doors, newest first",
        "security": _SECRET,
        "parameters": parameters,
        "responses": {"200": _answer("One page", "EventPage"), **_admin_errors(codes, "LIST_FAILED")},
    }


def _count(path: str) -> dict:
    parameters = [
        _query("since", _TIME, "Inclusive", required=True),
        _query("until", _TIME, "Inclusive, a date is its whole day; default: now. At most 90 days after since"),
        _query("event_name", {"type": "string"}, "Exact, as stored"),
        _query("group_by", {"enum": list(GROUPS)}, "Adds buckets"),
    ]
    codes = (
        "MISSING_SINCE", "INVALID_SINCE", "INVALID_UNTIL", "RANGE_TOO_LARGE", "INVALID_RANGE", "INVALID_GROUP_BY",
        "INVALID_FILTER",
    )  # fmt: skip
    return {
        "operationId": _named("countEvents", path),
        "summary": "How many events, by UTC day or name on request",
        "security": _SECRET,
        "parameters": parameters,
        "responses": {"200": _answer("The count", "Count"), **_admin_errors(codes, "COUNT_FAILED")},
    }


def _track(path: str) -> dict:
    codes = (
        "INVALID_JSON",
        "INVALID_EVENT",
        "INVALID_APP_USER_ID",
        "INVALID_EVENT_NAME",
        "INVALID_OCCURRED_AT",
        "INVALID_EVENT_ID",
    )
    too_large = {"413": (f"Over {MAX_SLOTS} events or 5 MiB", _admin_error("BATCH_TOO_LARGE"))}
    in_time = {"408": ("The body did not arrive in time", _admin_error("REQUEST_TIMEOUT"))}
    return {
        "operationId": _named("trackEvents", path),
        "summary": "Events of your own servers: all of them or none",
        "security": _SECRET,
        "requestBody": {"required": True, "content": {"application/json": {"schema": _ref("PostedEvents")}}},
        "responses": {
            "200": _answer("Stored; known event_ids are skipped", "Tracked"),
            **_admin_errors(codes, "TRACK_FAILED"),
            **_errors("AdminError", in_time | too_large),
        },
    }


def _ledger(path: str) -> dict:
    parameters = [
        _query("since", _TIME, "First UTC day; default: six days before until"),
        _query("until", _TIME, "Last UTC day; default: today. At most 366 days in all"),
    ]
    codes = ("INVALID_SINCE", "INVALID_UNTIL", "RANGE_TOO_LARGE", "INVALID_RANGE", "INVALID_FILTER")
    return {
        "operationId": _named("ledger", path),
        "summary": "What became of every row that came, by UTC day and door; and the problems last seen",
        "security": _SECRET,
        "parameters": parameters,
        "responses": {"200": _answer("The days and the problems", "Ledger"), **_admin_errors(codes, "LEDGER_FAILED")},
    }


def _export(path: str) -> dict:
    parameters = [
        _query("since", _TIME, "Of occurred_at, inclusive; default: no bound"),
        _query("until", _TIME, "Likewise; a date is its whole day"),
        _query("event_name", {"type": "string"}, "Exact, as stored"),
        _query("external_id", {"type": "string"}, "The events with this user id, a UUID in any case"),
        _query("install_id", {"type": "string"}, "Those of this device that have no user id; not with external_id"),
        _query("format", {"enum": list(FORMATS), "default": FORMATS[0]}, "NDJSON is the exact form"),
    ]
    codes = ("INVALID_SINCE", "INVALID_UNTIL", "INVALID_RANGE", "INVALID_FILTER")
    whole = {
        "description": "The columns of the view `events`, in the order of id; cut without its end when it fails",
        "content": {name: {"schema": {"type": "string"}} for name in ("application/x-ndjson", "text/csv")},
    }
    return {
        "operationId": _named("export", path),
        "summary": "Everything that the project has, streamed",
        "security": _SECRET,
        "parameters": parameters,
        "responses": {"200": whole, **_admin_errors(codes, "EXPORT_FAILED")},
    }


def _admin_errors(codes: tuple[str, ...], fault: str) -> dict:
    hint = {"index": 2} if "INVALID_EVENT" in codes else None
    return _errors(
        "AdminError",
        {
            "400": (", ".join(codes), _admin_error(codes[0], hint)),
            "401": ("No good secret key", _admin_error("UNAUTHORIZED")),
            "403": ("Not the key's own project, whether it exists or not", _admin_error("PROJECT_FORBIDDEN")),
            "404": ("No such path", _admin_error("NOT_FOUND")),
            "500": ("Our fault; nothing was changed, safe to send again", _admin_error(fault)),
            "503": ("Too busy; safe to send again", _admin_error("UNAVAILABLE")),
        },
    )


# Amplitude's own calls ------------------------------------------------------------------------------------------------


def _amplitude_export() -> dict:
    hour = {"type": "string", "pattern": r"^\d{8}T\d{1,2}$"}
    whole = {
        "description": "A zip of gzip files, one an hour of receiving: NDJSON rows as Amplitude exports them",
        "content": {"application/zip": {"schema": {"type": "string", "format": "binary"}}},
    }
    errors = {
        "400": ("Bad hours", {"error": "start must be an hour in UTC, such as 20261124T05"}),
        "401": ("Not the two keys of one project", {"error": "both keys of one project are needed"}),
        "404": ("Nothing was received in these hours", {"error": "no events were received in these hours"}),
        "500": ("A fault of the service", {"error": "internal error"}),
        "503": ("Too busy; ask again later", {"error": "4 exports are being made at this moment; ask again later"}),
    }
    return {
        "operationId": "exportAsAmplitude",
        "summary": "The events of all doors received in some hours, as Amplitude's Export API answers",
        "description": "Basic: the publishable key as user, the secret key as password, both of one project.",
        "security": [{"bothKeys": []}],
        "parameters": [
            _query("start", hour, "UTC hour, YYYYMMDDTHH, included", required=True),
            _query("end", hour, "Likewise; at most 365 days in all", required=True),
        ],
        "responses": {"200": whole, **_errors("AmplitudeError", errors)},
    }


# The rest -------------------------------------------------------------------------------------------------------------


def _health() -> dict:
    failed = {"503": ("It cannot", {"code": 503, "status": "unavailable", "error": "database is locked"})}
    return {
        "operationId": "health",
        "summary": "Whether the database can be written, proved by a write",
        "responses": {"200": _answer("It can", "Health"), **_errors("Error", failed)},
    }


def _metrics() -> dict:
    content = {"text/plain": {"schema": {"type": "string"}}}
    errors = {
        "401": ("No good token", {"code": 401, "error": "invalid metrics token"}),
        "404": ("DRENGR_METRICS_TOKEN is not set", {"code": 404, "error": "not found"}),
    }
    return {
        "operationId": "metrics",
        "summary": "Prometheus text 0.0.4, one answer for all workers",
        "security": [{"metricsToken": []}],
        "responses": {"200": {"description": "All metrics", "content": content}, **_errors("Error", errors)},
    }


def _itself() -> dict:
    content = {"application/json": {"schema": {"type": "object", "required": ["openapi", "info", "paths"]}}}
    responses = {"200": {"description": "OpenAPI 3.1", "content": content}}
    return {"operationId": "openapi", "summary": "This document", "responses": responses}


_TIME = {"type": "string", "format": "date-time"}
_INFRASTRUCTURE = {
    "500": ("A fault of the service", {"code": 500, "error": "internal error"}),
    "503": (
        "Disk, lock or too much at once; safe to send again",
        {"code": 503, "error": "the database is busy; nothing was stored, send it again later"},
    ),
}


def _errors(schema: str, errors: dict[str, tuple[str, dict]]) -> dict[str, dict]:
    return {status: _answer(description, schema, example) for status, (description, example) in errors.items()}


def _answer(description: str, schema: str, example: dict | None = None) -> dict:
    content: dict = {"schema": _ref(schema)}
    if example is not None:
        content["example"] = example
    return {"description": description, "content": {"application/json": content}}


def _admin_error(code: str, details: dict | None = None) -> dict:
    inner: dict = {"code": code, "message": "a sentence for people"}
    return {"error": inner | ({"details": details} if details else {})}


def _query(name: str, schema: dict, description: str, *, required: bool = False) -> dict:
    return {"name": name, "in": "query", "required": required, "description": description, "schema": schema}


def _ref(schema: str) -> dict:
    return {"$ref": f"#/components/schemas/{schema}"}


def _named(verb: str, path: str) -> str:
    """An operationId that no other path has."""
    return verb + "".join(word.capitalize() for word in path.replace("-", "/").split("/") if word.isalnum())
