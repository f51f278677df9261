"""The admin API's events, ledger and export (contract 6, 9, 10)."""

from drengr.admin.exports import FORMATS
from drengr.admin.posted import MAX_SLOTS
from drengr.admin.questions import DEFAULT_LIMIT, GROUPS, MAX_LIMIT
from drengr.api.openapi.words import (
    PROJECT_ID,
    SECRET,
    TIME,
    admin_error,
    admin_errors,
    answer,
    below_projects,
    errors_of,
    named,
    query,
    ref,
)


def paths() -> dict[str, dict]:
    """The paths, under both prefixes."""
    found: dict[str, dict] = {}
    for base in below_projects():
        found[f"{base}/events"] = PROJECT_ID | {"get": _list(f"{base}/events"), "post": _track(f"{base}/events")}
        found[f"{base}/events/count"] = PROJECT_ID | {"get": _count(f"{base}/events/count")}
        found[f"{base}/ledger"] = PROJECT_ID | {"get": _ledger(f"{base}/ledger")}
        found[f"{base}/imports"] = PROJECT_ID | {"get": _imports(f"{base}/imports")}
        found[f"{base}/export"] = PROJECT_ID | {"get": _export(f"{base}/export")}
    return found


def _list(path: str) -> dict:
    parameters = [
        query("since", TIME, "Inclusive; default: 24 hours ago. Name it when paging takes longer than 15 minutes"),
        query("until", TIME, "Inclusive, a date is its whole day; default: no bound"),
        query("event_name", {"type": "string"}, "Exact, as stored"),
        query("user_id", {"type": "string", "format": "uuid"}, "The app_user_id"),
        query("external_id", {"type": "string"}, "Any user id, exact"),
        query("install_id", {"type": "string"}, "Anonymous or device id, exact"),
        query("source", {"type": "string"}, "Exact: amplitude_http, admin, or a history source"),
        query(
            "limit",
            {"type": "integer", "minimum": 1, "default": DEFAULT_LIMIT},
            f"Larger than {MAX_LIMIT} counts as {MAX_LIMIT}",
        ),
        query("cursor", {"type": "string"}, "The next_cursor of an earlier page"),
    ]
    codes = ("INVALID_SINCE", "INVALID_UNTIL", "INVALID_LIMIT", "INVALID_CURSOR", "INVALID_FILTER")
    return {
        "operationId": named("listEvents", path),
        "summary": "The log of all doors, newest first",
        "security": SECRET,
        "parameters": parameters,
        "responses": {"200": answer("One page", "EventPage"), **admin_errors(codes, "LIST_FAILED")},
    }


def _count(path: str) -> dict:
    parameters = [
        query("since", TIME, "Inclusive", required=True),
        query("until", TIME, "Inclusive, a date is its whole day; default: now. At most 90 days after since"),
        query("event_name", {"type": "string"}, "Exact, as stored"),
        query("group_by", {"enum": list(GROUPS)}, "Adds buckets"),
    ]
    codes = (
        "MISSING_SINCE", "INVALID_SINCE", "INVALID_UNTIL", "RANGE_TOO_LARGE", "INVALID_RANGE", "INVALID_GROUP_BY",
        "INVALID_FILTER",
    )  # fmt: skip
    return {
        "operationId": named("countEvents", path),
        "summary": "How many events, by UTC day or name on request",
        "security": SECRET,
        "parameters": parameters,
        "responses": {"200": answer("The count", "Count"), **admin_errors(codes, "COUNT_FAILED")},
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
    too_large = {"413": (f"Over {MAX_SLOTS} events or 5 MiB", admin_error("BATCH_TOO_LARGE"))}
    in_time = {"408": ("The body did not arrive in time", admin_error("REQUEST_TIMEOUT"))}
    return {
        "operationId": named("trackEvents", path),
        "summary": "Events of your own servers: all of them or none",
        "security": SECRET,
        "requestBody": {"required": True, "content": {"application/json": {"schema": ref("PostedEvents")}}},
        "responses": {
            "200": answer("Stored; known event_ids are skipped", "Tracked"),
            **admin_errors(codes, "TRACK_FAILED"),
            **errors_of("AdminError", in_time | too_large),
        },
    }


def _ledger(path: str) -> dict:
    parameters = [
        query("since", TIME, "First UTC day; default: six days before until"),
        query("until", TIME, "Last UTC day; default: today. At most 366 days in all"),
    ]
    codes = ("INVALID_SINCE", "INVALID_UNTIL", "RANGE_TOO_LARGE", "INVALID_RANGE", "INVALID_FILTER")
    return {
        "operationId": named("ledger", path),
        "summary": "What became of every row that came, by UTC day and door; and the problems last seen",
        "security": SECRET,
        "parameters": parameters,
        "responses": {"200": answer("The days and the problems", "Ledger"), **admin_errors(codes, "LEDGER_FAILED")},
    }


def _imports(path: str) -> dict:
    parameters = [
        query(
            "limit",
            {"type": "integer", "minimum": 1, "default": DEFAULT_LIMIT},
            f"Larger than {MAX_LIMIT} counts as {MAX_LIMIT}",
        ),
        query("cursor", {"type": "string"}, "The next_cursor of an earlier page"),
    ]
    codes = ("INVALID_LIMIT", "INVALID_CURSOR", "INVALID_FILTER")
    return {
        "operationId": named("listImports", path),
        "summary": "Whole files that were imported, newest first; `drengr import --undo NUMBER` takes one back",
        "security": SECRET,
        "parameters": parameters,
        "responses": {"200": answer("One page", "ImportPage"), **admin_errors(codes, "LIST_FAILED")},
    }


def _export(path: str) -> dict:
    parameters = [
        query("since", TIME, "Of occurred_at, inclusive; default: no bound"),
        query("until", TIME, "Likewise; a date is its whole day"),
        query("event_name", {"type": "string"}, "Exact, as stored"),
        query("external_id", {"type": "string"}, "The events with this user id, a UUID in any case"),
        query("install_id", {"type": "string"}, "Those of this device that have no user id; not with external_id"),
        query("format", {"enum": list(FORMATS), "default": FORMATS[0]}, "NDJSON is the exact form"),
    ]
    codes = ("INVALID_SINCE", "INVALID_UNTIL", "INVALID_RANGE", "INVALID_FILTER")
    whole = {
        "description": "The columns of the view `events`, in the order of id; cut without its end when it fails",
        "content": {name: {"schema": {"type": "string"}} for name in ("application/x-ndjson", "text/csv")},
    }
    return {
        "operationId": named("export", path),
        "summary": "Everything that the project has, streamed",
        "security": SECRET,
        "parameters": parameters,
        "responses": {"200": whole, **admin_errors(codes, "EXPORT_FAILED")},
    }
