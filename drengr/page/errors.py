"""Every error below /ui/ as a page in the same frame that says what to do (contract 12)."""

import logging

from flask import Response, request, url_for
from werkzeug.exceptions import HTTPException, MethodNotAllowed

from drengr.admin.words import BadSlot
from drengr.api.errors import ApiError
from drengr.api.incoming import BodyTooLarge, drain
from drengr.log import faults
from drengr.page.frame import page, render, seen_at
from drengr.page.guard import CHANGES_NOTHING, is_below_ui, refuse_strangers
from drengr.page.session import NotSignedIn
from drengr.page.words import is_addressable
from drengr.store import Busy, StoreError, TooLong

log = logging.getLogger("drengr.page")

_RETRY_S = 2
_TITLES = {
    400: "Not understood", 401: "Not signed in", 403: "Refused", 404: "Nothing here", 405: "Not done here",
    413: "Too large", 429: "Too many tries", 503: "Not now",
}  # fmt: skip


def error_page(status: int, what: str = "", kind: str = "", retry_after_s: int = _RETRY_S) -> Response:
    """The page of an error; what was sent with the request is read to its end, or the browser would not see it.

    what  happened, where that is more than the status says
    kind  a word that the template knows, where the status says too little
    """
    drain()
    answer = Response(render("error.html", _TITLES.get(status, "Fault"), status=status, what=what, kind=kind), status)
    if status in (429, 503):
        answer.headers["Retry-After"] = str(retry_after_s)
    return answer


def stray() -> Response | None:
    """The page for what leads to no room, such as /ui//x or a method that nobody knows; None for all else. It
    belongs to no blueprint, so that Flask would not ask the handlers below.
    """
    error = request.routing_exception
    if error is None or not is_below_ui(request.path):
        return None
    try:
        refuse_strangers()
    except ApiError as refused:
        return _refused(refused)
    answer = error_page(error.code or 500)
    if isinstance(error, MethodNotAllowed):
        answer.allow.update(error.valid_methods or ())
    return answer


def _sign_in(error: NotSignedIn) -> Response:
    """Existing or invented, a project that is not signed in to answers alike."""
    if request.method in CHANGES_NOTHING and not error.wants_data:
        asked = f"{request.root_path}{request.full_path.rstrip('?')}"
        return seen_at(url_for("page.sign_in", next=asked if is_addressable(asked) else None))
    return error_page(401)


def _refused(error: ApiError) -> Response:
    wait_s = error.details.get("retry_after_s", _RETRY_S)
    return error_page(error.status, error.message, error.code, retry_after_s=int(str(wait_s)))


def _unavailable(error: Exception) -> Response:
    if isinstance(error, TooLong):
        return error_page(503, kind="TOO_LONG")
    faults.error("503 to %s %s: %s: %s", request.method, request.url_rule, type(error).__name__, error)
    return error_page(503, kind="BUSY" if isinstance(error, Busy) else "DATABASE")


def _fault(_: Exception) -> Response:
    log.exception("%s %s failed", request.method, request.url_rule)
    return error_page(500)


page.register_error_handler(NotSignedIn, _sign_in)
page.register_error_handler(ApiError, _refused)
page.register_error_handler(BadSlot, lambda error: error_page(400, error.message))
page.register_error_handler(BodyTooLarge, lambda _: error_page(413))
page.register_error_handler(HTTPException, lambda error: error_page(error.code or 500))
page.register_error_handler(StoreError, _unavailable)
page.register_error_handler(OSError, _unavailable)
page.register_error_handler(Exception, _fault)
