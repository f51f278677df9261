"""What is refused before it reaches the application: as SDKs understand it, and logged without a byte of theirs."""

import re
import traceback
from http import HTTPStatus

import orjson
from gunicorn.http import errors

from drengr.api.edge import request_id
from drengr.api.measures import measures
from drengr.log import faults

_STATUS = {
    errors.LimitRequestLine: 414,
    errors.ExpectationFailed: 417,
    errors.LimitRequestHeaders: 431,
}


def error_answer(status: int) -> bytes:
    """The whole answer: SDKs read the number in the body, and gunicorn's HTML makes Go's send for ever."""
    phrase = HTTPStatus(status).phrase
    measures.answered("other", str(status), 0.0)
    body = orjson.dumps({"code": status, "error": phrase.lower()})
    head = (
        f"HTTP/1.1 {status} {phrase}",
        "Connection: close",
        "Content-Type: application/json",
        "Access-Control-Allow-Origin: *",
        f"X-Request-Id: {request_id(None)}",
        f"Content-Length: {len(body)}",
    )
    return "\r\n".join((*head, "", "")).encode("latin-1") + body


def status_of(fault: Exception) -> int:
    """4xx for what a client sent, 500 for what is ours."""
    ours = (errors.InvalidResponseHeader, errors.InvalidResponseHeaderName)
    if isinstance(fault, errors.ParseException) and not isinstance(fault, ours):
        return _STATUS.get(type(fault), 400)
    return 500


def log_fault(fault: Exception) -> None:
    """Its kind, never its text: gunicorn's texts quote the line that was wrong, and a key may stand in it."""
    if status_of(fault) == 500:
        lines = "".join(traceback.format_tb(fault.__traceback__))
        faults.error("A request failed with %s, at:\n%s", type(fault).__name__, lines)
    else:
        faults.warning("A request was refused: %s", _in_words(type(fault).__name__))


def _in_words(name: str) -> str:
    """
    >>> _in_words("InvalidHTTPVersion"), _in_words("LimitRequestLine")
    ('invalid http version', 'limit request line')
    """
    return re.sub(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", " ", name).lower()
