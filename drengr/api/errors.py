"""Every error answer of every door, in that door's own shape (contract 4, 5, 6, 7).

Code raises ApiError; this file alone renders it, and all that Flask itself finds wrong. The shape is picked by the
path, because a 404 or a 405 belongs to no blueprint.
"""

import logging

import orjson
from flask import Flask, Response, request
from werkzeug.exceptions import HTTPException

from drengr.api.edge import door_of_path
from drengr.api.service import tell_refusal
from drengr.events.outcomes import DOORS
from drengr.log import faults
from drengr.store import StoreError

log = logging.getLogger("drengr.api")

ADMIN_PREFIXES = ("/admin/", "/v1/admin/")
_AMPLITUDE_PATHS = ("/api/2/", "/api/3/", "/usermap/", "/attribution/")  # its API beside the sending of events
_ADMIN_CODES = {
    400: "BAD_REQUEST",
    404: "NOT_FOUND",
    405: "METHOD_NOT_ALLOWED",
    408: "REQUEST_TIMEOUT",
    503: "UNAVAILABLE",
}


_REASONS = {401: "bad_key", 403: "bad_key", 408: "timeout", 413: "too_large", 429: "quota"}


class ApiError(Exception):
    """This request ends here.

    status   HTTP status
    message  the contract's text, or a sentence for whoever reads the log
    code     the admin door's word; unused elsewhere
    reason   how the ledger counts it, one of events.outcomes.REFUSED, where the status does not say
    details  extra members: beside `error`, or in the admin door's `details`
    """

    def __init__(self, status: int, message: str, code: str = "", *, reason: str = "", **details: object) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.code = code
        self.reason = reason
        self.details = details


def json_response(body: object, status: int = 200) -> Response:
    """The value as an application/json answer."""
    return Response(orjson.dumps(body), status, mimetype="application/json")


def register_errors(app: Flask) -> None:
    """Render every fault of the application here."""
    app.register_error_handler(ApiError, _render)
    app.register_error_handler(HTTPException, _render_http)
    app.register_error_handler(Exception, _render_fault)


def refusal_reason(status: int) -> str:
    """How the ledger counts an answer that says nothing more exact (contract 10).

    >>> refusal_reason(413), refusal_reason(503), refusal_reason(405)
    ('too_large', 'unavailable', 'bad_request')
    """
    return _REASONS.get(status, "unavailable" if status >= 500 else "bad_request")


def _tell(error: ApiError) -> None:
    """Count what a door refuses; a path that is no door's, and what only asks, is not counted."""
    door = door_of_path(request.path)
    if door in DOORS and request.method in ("POST", "PUT") and error.status != 404:
        tell_refusal(door, error.reason or refusal_reason(error.status), error.status)


def _render(error: ApiError) -> Response:
    _tell(error)
    if request.path.startswith(ADMIN_PREFIXES):
        code = error.code or _ADMIN_CODES.get(error.status, "FAILED")
        inner: dict[str, object] = {"code": code, "message": error.message}
        if error.details:
            inner["details"] = error.details
        return json_response({"error": inner}, error.status)
    if is_amplitude_api(request.path):
        return json_response({"error": error.message}, error.status)
    return json_response({"code": error.status, "error": error.message, **error.details}, error.status)


def is_amplitude_api(path: str) -> bool:
    """Whether the path is one of Amplitude's API, whether it is offered here or not.

    >>> is_amplitude_api("/api/2/export"), is_amplitude_api("/usermap"), is_amplitude_api("/2/httpapi")
    (True, True, False)
    """
    return (path + "/").startswith(_AMPLITUDE_PATHS)


def _render_http(error: HTTPException) -> Response:
    """What Flask and Werkzeug raise by themselves: 404, 405, a malformed Host header."""
    status = error.code or 500
    is_left_out = status == 404 and is_amplitude_api(request.path)
    response = _render(ApiError(status, "not offered by Drengr" if is_left_out else (error.name or "error").lower()))
    for name, value in error.get_headers(request.environ):
        if name.lower() == "allow":
            response.headers[name] = value
    return response


def _render_fault(error: Exception) -> Response:
    """The infrastructure gave way (503: safe to send again), or the code is wrong (500). No value reaches the log."""
    if isinstance(error, StoreError | OSError):
        faults.error("503 to %s %s: %s: %s", request.method, request.url_rule, type(error).__name__, error)
        return _render(ApiError(503, f"{_reason(error)}; nothing was stored, send it again later"))
    log.exception("%s %s failed", request.method, request.url_rule)  # the path may hold anything
    return _render(ApiError(500, "internal error"))


def _reason(error: Exception) -> str:
    return error.public if isinstance(error, StoreError) else StoreError.public
