"""Who is signed in: a signed cookie that holds the number of a row in the table of sessions (contract 12)."""

from contextlib import suppress

from flask import Response, g, request
from itsdangerous import BadSignature, URLSafeSerializer

from drengr.api.service import service
from drengr.events.times import DAY_MS, HOUR_MS
from drengr.store import Project, Session, StoreError

_COOKIE_DAYS = 30
_SALT = "drengr.page.session"


class NotSignedIn(Exception):
    """Nobody, or nobody who may see this project.

    wants_data  whether a sign-in form would be no answer: a file, or what a script asks
    """

    def __init__(self, *, wants_data: bool) -> None:
        super().__init__("not signed in")
        self.wants_data = wants_data


def current() -> Session | None:
    """The session of this request; None when nobody is signed in."""
    if "session" not in g:
        token = shown_token()
        g.session = service().store.session(token, service().now_ms()) if token else None
    found: Session | None = g.session
    return found


def project_signed_in_to(project_id: str, *, wants_data: bool) -> Project:
    """The project with this id. Raises NotSignedIn when the session does not open it, or there is no such project."""
    session = current()
    for project in session.projects if session else ():
        if project.uuid == project_id.lower():
            return project
    raise NotSignedIn(wants_data=wants_data)


def note_use() -> None:
    """The session was used, which is written once an hour."""
    session, now = current(), service().now_ms()
    if session and now - session.last_used_at >= HOUR_MS:
        with suppress(StoreError):  # it only lasts less long
            service().store.note_session_use(session.id, now)
            g.renews_cookie = True


def renewed(response: Response) -> Response:
    """The answer, with the cookie once more when the session was noted as used."""
    token = shown_token() if g.get("renews_cookie") else None
    if token:
        give_cookie(response, token)
    return response


def shown_token() -> str | None:
    """The token that the cookie holds; None without one, or when its signature is not ours."""
    cookie = request.cookies.get(_cookie_name())
    try:
        token = _signer().loads(cookie) if cookie else None
    except BadSignature:
        return None
    return token if isinstance(token, str) else None


def give_cookie(response: Response, token: str) -> None:
    """Let the browser keep this token."""
    response.set_cookie(
        _cookie_name(),
        str(_signer().dumps(token)),
        max_age=_COOKIE_DAYS * DAY_MS // 1000,
        path=_cookie_path(),
        secure=request.is_secure,
        httponly=True,
        samesite="Lax",
    )


def take_cookie(response: Response) -> None:
    """Let the browser forget it."""
    response.delete_cookie(_cookie_name(), path=_cookie_path(), secure=request.is_secure, httponly=True, samesite="Lax")


def _cookie_name() -> str:
    """Cookies ignore ports: two services on one machine must not take each other's."""
    if "database_id" not in g:
        g.database_id = service().store.database_id()
    return f"drengr_ui_{g.database_id[:8]}"


def _cookie_path() -> str:
    return f"{request.root_path}/ui/"


def _signer() -> URLSafeSerializer:
    return URLSafeSerializer(service().store.signing_secret(), salt=_SALT)
