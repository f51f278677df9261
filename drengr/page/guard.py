"""Who may ask at all, and what every answer says to the browser (contract 12). Asked before any body is read."""

from ipaddress import ip_address
from urllib.parse import urlsplit

from flask import Response, request

from drengr.api.errors import ApiError
from drengr.api.service import service

CHANGES_NOTHING = ("GET", "HEAD")
_PORTS = {"http": 80, "https": 443}
_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self';"
        " form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    # no-referrer would make browsers send `Origin: null` with the page's own forms over plain HTTP.
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "X-Robots-Tag": "noindex",
}


def is_below_ui(path: str) -> bool:
    """Whether the path is the page's.

    >>> is_below_ui("/ui"), is_below_ui("/ui//x"), is_below_ui("/uix")
    (True, True, False)
    """
    return f"{path}/".startswith("/ui/")


def secured(response: Response) -> Response:
    """The answer with the headers that every answer below /ui/ has."""
    if is_below_ui(request.path):
        response.headers.update(_HEADERS)
        response.headers.setdefault("Cache-Control", "no-store")
    elif request.path == "/":
        response.headers["Vary"] = "Accept"  # who reads HTML is led to the page
    return response


def refuse_strangers() -> None:
    """Raises ApiError 403 for what another site's page made the browser send, and for plain HTTP from afar."""
    if request.method not in CHANGES_NOTHING and not _is_from_here():
        raise ApiError(403, "Another site's page sent this, or a browser that does not say where it is from.")
    if not (request.is_secure or service().config["DRENGR_UI_INSECURE"] or is_loopback(request.host)):
        raise ApiError(403, "Over plain HTTP everybody on the way could read keys and events.", "PLAIN_HTTP")


def is_loopback(host: str) -> bool:
    """Whether a Host header names this very machine.

    >>> is_loopback("localhost:8000"), is_loopback("[::1]:80"), is_loopback("localhost.example")
    (True, True, False)
    """
    name = urlsplit(f"//{host}").hostname or ""
    if name == "localhost":
        return True
    try:
        return ip_address(name).is_loopback
    except ValueError:
        return False


def _is_from_here() -> bool:
    site, origin = request.headers.get("Sec-Fetch-Site"), request.headers.get("Origin")
    if site is not None:
        return site in ("same-origin", "none")
    return origin is None or _is_same_host(origin, request.host)


def _is_same_host(origin: str, host: str) -> bool:
    """
    >>> _is_same_host("https://a.example", "A.example:443"), _is_same_host("null", "a.example")
    (True, False)
    """
    try:
        sent, ours = urlsplit(origin), urlsplit(f"//{host}")
        port = _PORTS.get(sent.scheme)
        return port is not None and (sent.hostname, sent.port or port) == (ours.hostname, ours.port or port)
    except ValueError:  # a port that is none
        return False
