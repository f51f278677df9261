"""Around the whole application: every answer has a request id, and is counted by door and status (contract 11)."""

import logging
import re
import secrets
import time
from collections.abc import Callable, Iterable
from typing import Any
from wsgiref.types import StartResponse, WSGIEnvironment

from flask import has_request_context, request

from drengr.api.measures import Measures
from drengr.keys import KINDS

_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
REQUEST_ID_KEY = "drengr.request_id"  # in the WSGI environment

ACCEPTOR_PATHS = ("/amplitude-ingest", "/2/httpapi", "/batch", "/httpapi", "/identify", "/groupidentify")
ADMIN_PATHS = ("/admin", "/v1/admin")
IMPORTER_PATHS = ("/import-events",)
_BELOW = {
    door: tuple(path + "/" for path in paths)
    for door, paths in {"acceptor": ACCEPTOR_PATHS, "admin": ADMIN_PATHS, "importer": IMPORTER_PATHS}.items()
}


def door_of_path(path: str) -> str:
    """Which door a path belongs to: "acceptor" | "importer" | "admin" | "page" | "other".

    >>> door_of_path("/2/httpapi/"), door_of_path("/admin/projects/x/events"), door_of_path("/healthz")
    ('acceptor', 'admin', 'other')
    """
    whole = path if path.endswith("/") else path + "/"
    for door, below in _BELOW.items():
        if whole.startswith(below):
            return door
    return "page" if whole.startswith("/ui/") else "other"


def request_id(sent: str | None) -> str:
    """The id that came with the request when it is 1 to 64 of A-Z a-z 0-9 . _ -, else a new one."""
    return sent if sent and _REQUEST_ID.fullmatch(sent) else secrets.token_hex(8)


def current_request_id() -> str | None:
    """For the log: that of the request being answered in this thread; None outside of one, and of one that holds what
    looks like a key of ours.
    """
    mark = request.environ.get(REQUEST_ID_KEY) if has_request_context() else None
    return None if mark is None or any(begin in mark for begin in KINDS.values()) else mark


class WithRequestId(logging.Filter):
    """Notes on each log record of whose request it tells."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Always true."""
        if (mark := current_request_id()) is not None:
            record.request_id = mark
        return True


class Edge:
    """The application as the server calls it."""

    def __init__(self, application: Callable[..., Iterable[bytes]], measures: Measures) -> None:
        self._application = application
        self._measures = measures

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        begun = time.perf_counter()
        door = door_of_path(environ.get("PATH_INFO", ""))
        mark = environ[REQUEST_ID_KEY] = request_id(environ.get("HTTP_X_REQUEST_ID"))

        def start(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Callable[[bytes], object]:
            self._measures.answered(door, status[:3], time.perf_counter() - begun)
            headers.append(("X-Request-Id", mark))
            return start_response(status, headers, exc_info) if exc_info else start_response(status, headers)

        return self._application(environ, start)
