"""The owner's data: erasures, and Amplitude's call for them (contract 9)."""

from drengr.admin.questions import DEFAULT_LIMIT, MAX_LIMIT
from drengr.api.openapi.schemas import COUNT, INSTANT, TEXT, TEXT_OR_NULL, closed, listed, object_
from drengr.api.openapi.words import (
    PROJECT_ID,
    SECRET,
    admin_errors,
    answer,
    below_projects,
    errors_of,
    named,
    query,
    ref,
)
from drengr.people.deletions import MAX_IDS

_BOTH: list[dict[str, list[str]]] = [{"bothKeys": []}]
_ID = {"oneOf": [{"type": "string", "pattern": r"\S"}, {"type": "integer"}]}
_DAY = {"type": "string", "format": "date"}
_AMPLITUDE_ERRORS = {
    "400": ("It cannot be done; nothing was erased", {"error": "user_ids or amplitude_ids are missing"}),
    "401": ("Not the two keys of one project", {"error": "both keys of one project are needed"}),
    "500": ("A fault of the service", {"error": "internal error"}),
    "503": ("Too busy; safe to send again", {"error": "too much at once"}),
}
_LISTED = object_(
    "amplitude_id requested_on_day requester",
    amplitude_id={"type": ["integer", "null"]},
    requested_on_day=_DAY,
    requester=TEXT_OR_NULL,
    user_id=TEXT_OR_NULL,
)
_STATUS = {"enum": ["done", "submitted"]}

OWNER_SCHEMAS = {
    "Erase": {
        "description": "Exactly one of external_id and install_id",
        "oneOf": [
            closed("external_id", external_id=_ID, dry_run={"type": "boolean"}),
            closed("install_id", install_id=_ID, dry_run={"type": "boolean"}),
        ],
    },
    "Erased": closed(
        "data",
        data=object_(
            "id events devices shared_devices erased_at status copies",
            id=TEXT_OR_NULL,
            events=COUNT,
            devices=COUNT,
            shared_devices=COUNT,
            erased_at={"type": ["string", "null"]},
            status={"enum": ["done", "running", "dry_run"]},
            copies=listed(TEXT, 1000),
            user=TEXT,
        ),
    ),
    "ErasuresPage": closed(
        "data next_cursor",
        data=listed(
            closed(
                "id kind person events devices erased_at status by",
                id=TEXT,
                kind={"enum": ["user", "device"]},
                person=TEXT | {"description": "Keyed hash of the id, different in each project"},
                events=COUNT,
                devices=COUNT,
                erased_at=INSTANT,
                status={"enum": ["done", "running"]},
                by={"enum": ["api", "command", "amplitude", "page"]},
            ),
            1000,
        ),
        next_cursor=TEXT_OR_NULL,
    ),
    "AmplitudeDeletion": object_(
        "",
        user_ids=listed(_ID, MAX_IDS),
        amplitude_ids=listed({"type": "integer", "minimum": 0}, MAX_IDS),
        requester=TEXT,
        ignore_invalid_id={"type": "boolean"},
    ),
    "AmplitudeDeleted": object_(
        "day status amplitude_ids",
        day=_DAY,
        status=_STATUS,
        amplitude_ids=listed(_LISTED, MAX_IDS),
        invalid_ids=listed({"type": ["string", "integer"]}, MAX_IDS),
    ),
    "AmplitudeDeletions": {
        "type": "array",
        "items": object_("day status amplitude_ids", day=_DAY, status=_STATUS, amplitude_ids=listed(_LISTED, 10**6)),
    },
}


def paths() -> dict[str, dict]:
    """The paths, the admin API's under both prefixes."""
    found: dict[str, dict] = {
        f"{base}/erasures": PROJECT_ID | {"get": _list(f"{base}/erasures"), "post": _erase(f"{base}/erasures")}
        for base in below_projects()
    }
    found["/api/2/deletions/users"] = {"get": _list_deletions(), "post": _delete_users()}
    found["/api/2/deletions/users/{number}/{day}"] = {"delete": _revoke_deletion()}
    return found


def _erase(path: str) -> dict:
    return {
        "operationId": named("erase", path),
        "summary": "Forget a person: their events go and do not come back",
        "security": SECRET,
        "requestBody": {"required": True, "content": {"application/json": {"schema": ref("Erase")}}},
        "responses": {"200": answer("The receipt", "Erased"), **admin_errors(("INVALID_ERASURE",), "ERASE_FAILED")},
    }


def _list(path: str) -> dict:
    codes = ("INVALID_LIMIT", "INVALID_CURSOR", "INVALID_FILTER")
    limit = {"type": "integer", "minimum": 1, "default": DEFAULT_LIMIT}
    return {
        "operationId": named("listErasures", path),
        "summary": "The receipts, newest first",
        "security": SECRET,
        "parameters": [
            query("limit", limit, f"Larger than {MAX_LIMIT} counts as {MAX_LIMIT}"),
            query("cursor", {"type": "string"}, "The next_cursor of an earlier page"),
        ],
        "responses": {"200": answer("The receipts", "ErasuresPage"), **admin_errors(codes, "LIST_FAILED")},
    }


def _delete_users() -> dict:
    return {
        "operationId": "deleteUsersAsAmplitude",
        "summary": "An erasure for each id, as Amplitude's User Privacy API takes them",
        "security": _BOTH,
        "requestBody": {"required": True, "content": {"application/json": {"schema": ref("AmplitudeDeletion")}}},
        "responses": {
            "200": answer("What was begun", "AmplitudeDeleted"),
            **errors_of("AmplitudeError", _AMPLITUDE_ERRORS),
        },
    }


def _list_deletions() -> dict:
    return {
        "operationId": "listDeletionsAsAmplitude",
        "summary": "The erasures of some UTC days",
        "security": _BOTH,
        "parameters": [
            query("start_day", _DAY, "The first, included", required=True),
            query("end_day", _DAY, "The last; at most six months in all", required=True),
        ],
        "responses": {
            "200": answer("By day", "AmplitudeDeletions"),
            **errors_of("AmplitudeError", _AMPLITUDE_ERRORS),
        },
    }


def _revoke_deletion() -> dict:
    path = [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string", "minLength": 1}}
        for name in ("number", "day")
    ]
    return {
        "operationId": "revokeDeletionAsAmplitude",
        "summary": "Always 400: an erasure cannot be taken back",
        "security": _BOTH,
        "parameters": path,
        "responses": errors_of("AmplitudeError", _AMPLITUDE_ERRORS),
    }
