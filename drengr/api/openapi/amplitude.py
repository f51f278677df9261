"""Amplitude's own reading calls (contract 8, 9)."""

from drengr.api.amplitude_users import MAX_EVENTS, MAX_OFFSET
from drengr.api.openapi.words import answer, errors_of, query

_SECURITY: list[dict[str, list[str]]] = [{"bothKeys": []}]
_BOTH_KEYS = "Basic: the publishable key as user, the secret key as password, both of one project."
_ERRORS = {
    "401": ("Not the two keys of one project", {"error": "both keys of one project are needed"}),
    "500": ("A fault of the service", {"error": "internal error"}),
    "503": ("Too busy; ask again later", {"error": "4 exports are being made at this moment; ask again later"}),
}


def paths() -> dict[str, dict]:
    """The paths that are offered."""
    return {
        "/api/2/export": {"get": _export()},
        "/api/2/usersearch": {"get": _usersearch()},
        "/api/2/useractivity": {"get": _useractivity()},
    }


def _export() -> dict:
    hour = {"type": "string", "pattern": r"^\d{8}T\d{1,2}$"}
    whole = {
        "description": "A zip of gzip files, one an hour of receiving: NDJSON rows as Amplitude exports them",
        "content": {"application/zip": {"schema": {"type": "string", "format": "binary"}}},
    }
    errors = {
        "400": ("Bad hours", {"error": "start must be an hour in UTC, such as 20261124T05"}),
        "404": ("Nothing was received in these hours", {"error": "no events were received in these hours"}),
        **_ERRORS,
    }
    return {
        "operationId": "exportAsAmplitude",
        "summary": "The events of all doors received in some hours, as Amplitude's Export API answers",
        "description": _BOTH_KEYS,
        "security": _SECURITY,
        "parameters": [
            query("start", hour, "UTC hour, YYYYMMDDTHH, included", required=True),
            query("end", hour, "Likewise; at most 365 days in all", required=True),
        ],
        "responses": {"200": whole, **errors_of("AmplitudeError", errors)},
    }


def _usersearch() -> dict:
    errors = {"400": ("No user", {"error": "user is missing: the number or id of somebody"}), **_ERRORS}
    return {
        "operationId": "searchUsersAsAmplitude",
        "summary": "Whom a number or an id means, or whose user id begins so",
        "description": _BOTH_KEYS,
        "security": _SECURITY,
        "parameters": [_USER],
        "responses": {"200": answer("The people", "AmplitudeMatches"), **errors_of("AmplitudeError", errors)},
    }


def _useractivity() -> dict:
    count = {"type": "integer", "minimum": 1, "default": MAX_EVENTS}
    errors = {"400": ("A bad number, or nobody", {"error": "nobody has this number or id: user"}), **_ERRORS}
    return {
        "operationId": "userActivityAsAmplitude",
        "summary": "One person, and some of their events, newest first",
        "description": _BOTH_KEYS,
        "security": _SECURITY,
        "parameters": [
            _USER,
            query("limit", count, f"Larger than {MAX_EVENTS} counts as {MAX_EVENTS}"),
            query("offset", {"type": "integer", "minimum": 0, "maximum": MAX_OFFSET, "default": 0}, "Of the newest"),
            query("direction", {"const": "latest"}, "The only one"),
        ],
        "responses": {"200": answer("The person", "AmplitudeActivity"), **errors_of("AmplitudeError", errors)},
    }


_USER = query("user", {"type": "string", "pattern": r"\S"}, "amplitude_id, user id or device id", required=True)
