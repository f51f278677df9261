"""/ui/, /ui/sign-in, /ui/link/…, /ui/sign-out: in and out of the page (contract 12)."""

from urllib.parse import unquote, urlsplit

from flask import Response, request, url_for

from drengr.api.errors import ApiError
from drengr.api.measures import measures
from drengr.api.service import service
from drengr.keys import KINDS
from drengr.page import session
from drengr.page.forms import form
from drengr.page.frame import page, render, room, room_url, seen_at
from drengr.page.words import is_addressable
from drengr.store import Project

_MINUTE_MS = 60_000
_MOST_FAILURES = 20  # a minute, of the whole service
_PREFETCH = ("Sec-Purpose", "Purpose", "X-Moz")  # how browsers say that nobody has clicked yet


@page.get("", provide_automatic_options=False)
@page.get("/", provide_automatic_options=False)
def home() -> Response | str:
    """The only project's Overview, the list of projects, or the sign-in."""
    found = session.current()
    if found is None:
        return seen_at(url_for("page.sign_in"))
    if len(found.projects) == 1:
        return seen_at(room_url("overview", found.projects[0]))
    return render("projects.html", "Projects", projects=found.projects)


@page.get("/sign-in", provide_automatic_options=False)
def sign_in() -> str:
    """The form for a secret key."""
    return _form(request.args.get("next", ""))


@page.post("/sign-in", provide_automatic_options=False)
def sign_in_with_key() -> Response:
    """A session for the project whose secret key was pasted."""
    here, sent = service(), form()
    key, now = sent.get("key", "").strip(), here.now_ms()
    minute = now // _MINUTE_MS
    if measures.sign_in_tried(minute) > _MOST_FAILURES:
        raise ApiError(429, "", "SIGN_INS", retry_after_s=60 - now // 1000 % 60)
    project = here.store.project_of_key(key, "secret")
    token = here.store.begin_session_by_key(key, session.shown_token(), now) if project else None
    if project is None or token is None:
        return Response(_form(sent.get("next", ""), _what_is_wrong(key)), 403)
    measures.sign_in_tried(minute, -1)
    here.outcomes.key_used(key)
    return _entered(token, _checked_next(sent.get("next", "")) or room_url("overview", project))


@page.get("/link/<link>", provide_automatic_options=False)
def sign_in_with_link(link: str) -> Response:
    """A session for the projects of a link that `drengr ui` printed. Only somebody's own click uses it up."""
    if request.method == "HEAD" or any("prefetch" in request.headers.get(name, "") for name in _PREFETCH):
        return Response(status=204)
    here = service()
    token = here.store.begin_session_by_link(link, session.shown_token(), here.now_ms())
    if token is None:
        raise ApiError(403, "This link was used already, is older than ten minutes, or never was one.", "LINK")
    return _entered(token, url_for("page.home"))


@page.post("/sign-out", provide_automatic_options=False)
def sign_out() -> Response:
    """This session is over, in every copy of its cookie."""
    token = session.shown_token()
    if token is not None:
        service().store.end_session(token)
    return _left()


@room("sign-out-everywhere", post=True, belongs_to="settings")
def sign_out_everywhere(project: Project) -> Response:
    """Every session that opens this project is over."""
    service().store.end_sessions(project.id)
    return _left()


def _form(asked_for: str, wrong: str = "") -> str:
    return render("sign_in.html", "Sign in", next=_checked_next(asked_for), wrong=wrong)


def _what_is_wrong(key: str) -> str:
    if not key:
        return "Paste a secret key."
    if key.startswith(KINDS["publishable"]):
        return "This is a publishable key, which only sends events. A secret key begins with drengr_sk_."
    return "This key opens nothing: it was never made here, or it was revoked."


def _entered(token: str, where: str) -> Response:
    answer = seen_at(where)
    session.give_cookie(answer, token)
    return answer


def _left() -> Response:
    answer = seen_at(url_for("page.sign_in"))
    session.take_cookie(answer)
    return answer


def _checked_next(path: str) -> str:
    """The path, if it leads below our /ui/; else nothing. Browsers read \\ as / and resolve `..` before they ask."""
    below = f"{request.root_path}/ui/"
    is_plain = path.startswith(below) and path.isprintable() and is_addressable(path) and "\\" not in path
    if not is_plain or ".." in unquote(urlsplit(path).path).split("/") or urlsplit(path).netloc:
        return ""
    return path
