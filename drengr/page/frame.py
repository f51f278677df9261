"""The frame that every room stands in: who may enter, the line on top, the templates' words (contract 12)."""

from collections.abc import Callable
from contextlib import nullcontext, suppress
from functools import cache, cached_property, wraps
from hashlib import sha256
from pathlib import Path

from flask import Blueprint, Response, g, render_template, request, url_for

from drengr.admin.words import BadSlot
from drengr.api.errors import ApiError
from drengr.api.service import service
from drengr.events.times import DAY_MS, day_text, iso_text
from drengr.page import session, words
from drengr.page.asking import asking
from drengr.page.charts import share_bar
from drengr.page.guard import CHANGES_NOTHING, refuse_strangers
from drengr.page.packing import packed
from drengr.store import NO_PROJECT, Problem, Project, StoreError

ROOMS = {  # in the line on top: endpoint → its name
    "overview": "Overview",
    "live": "Live",
    "names": "Names",
    "people": "People",
    "funnel": "Ask",
    "import_room": "Import",
    "problems": "Problems",
    "settings": "Settings",
}
_FILES = {path.name: path.read_bytes() for path in Path(__file__).with_name("static").iterdir()}
_TYPES = {".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".svg": "image/svg+xml"}
_TAKEN_AWAY = ("csv", "ndjson")  # forms of a view that are files
_FIRST_LOOK_DAYS = 7
_ALWAYS = 2**31  # days: earlier and later than any

page = Blueprint("page", __name__, url_prefix="/ui", template_folder="templates")
page.before_request(refuse_strangers)
page.after_request(session.renewed)
page.after_request(packed)

View = Callable[..., Response | str]


def room(
    path: str,
    *,
    belongs_to: str = "",
    post: bool = False,
    is_data: bool = False,
    is_use: bool = True,
    has_deadline: bool = False,
) -> Callable[[View], View]:
    """Serve a view for a project that is signed in to: `view(project, …parts of the path)` → HTML or an answer.

    path          below /ui/PROJECT_ID/, such as "live"
    belongs_to    the endpoint of ROOMS that is marked as current; default: the view's own name
    post          it takes a POST, and nothing else
    is_data       a script or a program asks: who is not signed in is answered 401, no form
    is_use        False: being asked does not keep the session alive (the live poll)
    has_deadline  what it asks has a limit of its own, as funnel and retention have
    """

    def serve(view: View) -> View:
        @wraps(view)
        def entered(project_id: str, **parts: object) -> Response | str:
            form = "" if post else request.args.get("format", "")
            g.project = session.project_signed_in_to(project_id, wants_data=is_data or form in _TAKEN_AWAY)
            g.room = belongs_to or view.__name__
            if is_use:
                session.note_use()
            if form not in ("", *_TAKEN_AWAY):
                raise BadSlot("INVALID_FILTER", "format must be csv, or left out")
            with nullcontext() if post else asking(has_deadline=has_deadline):
                answer = view(g.project, **parts)
            if form and isinstance(answer, str):  # a page: none of the room's tables took it
                raise BadSlot("INVALID_FILTER", "no table of this room has that name, or that format")
            return answer

        page.add_url_rule(
            f"/<project_id>/{path}",
            view.__name__,
            entered,
            methods=["POST"] if post else ["GET"],
            strict_slashes=False,  # else a redirect, to an address that Werkzeug makes up
            provide_automatic_options=False,
        )
        return view

    return serve


@page.route("/<path:_>", methods=["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"], provide_automatic_options=False)
def nowhere(_: str) -> Response:
    """What is no room: for whoever is not signed in, no answer tells what there is."""
    if request.method not in CHANGES_NOTHING and session.current() is None:
        raise session.NotSignedIn(wants_data=True)
    first = request.path.split("/")[2]
    if first != "static":
        g.project = session.project_signed_in_to(first, wants_data=False)
    raise ApiError(404, "")


def render(template: str, title: str = "", **values: object) -> str:
    """The template in the frame.

    title  of the room, in the browser's title
    """
    return render_template(template, title=title, frame=_Frame(), **values)


def room_url(endpoint: str, project: Project | None = None, **values: str | int) -> str:
    """The address of a room of this project, or of that of the request."""
    return url_for(f"page.{endpoint}", **{"project_id": (project or g.project).uuid, **values})  # type: ignore[arg-type]


def seen_at(address: str, status: int = 303) -> Response:
    """Go there, with a GET."""
    return Response(status=status, headers={"Location": address})


class _Frame:
    """What the line on top shows. Asked by the template, and without the database only the name is left."""

    rooms = ROOMS

    def __init__(self) -> None:
        self.now_ms = service().now_ms()
        self.project: Project | None = g.get("project")
        self.room: str = g.get("room", "")

    @property
    def projects(self) -> list[Project]:
        """Those that are signed in to."""
        with suppress(StoreError):
            found = session.current()
            return found.projects if found else []
        return []

    @cached_property
    def last_event_at(self) -> int | None:
        """When the project's last event was received, epoch ms."""
        with suppress(StoreError):
            return last_event_at(self.project) if self.project else None
        return None

    @cached_property
    def problems(self) -> int:
        """How many problems were seen in the last 24 hours."""
        with suppress(StoreError):
            found = problems_of(self.project) if self.project else []
            return sum(problem.last_at > self.now_ms - DAY_MS for problem in found)
        return 0


def last_event_at(project: Project) -> int | None:
    """When an event of the project was last received, epoch ms; None: never."""
    today = service().now_ms() // DAY_MS
    for first_day in (today - _FIRST_LOOK_DAYS, -_ALWAYS):
        lines = service().store.ledger(project.id, first_day, _ALWAYS)
        if times := [line.last_received_at for line in lines if line.last_received_at is not None]:
            return max(times)
    return None


def may_know_all() -> bool:
    """Whether who is signed in may know of what is no single project's: by a link, or where there is only one."""
    signed_in = session.current()
    return bool(signed_in and signed_in.kind == "link") or len(service().store.projects()) == 1


def problems_of(project: Project) -> list[Problem]:
    """The project's problems, last seen first. Keys that no project knows are shown to who may know of all."""
    store = service().store
    found = store.problems(project.id)
    if may_know_all():
        found = sorted([*found, *store.problems(NO_PROJECT)], key=lambda problem: -problem.last_at)
    return found


@page.get("/static/<fingerprint>/<name>", provide_automatic_options=False)
def static(fingerprint: str, name: str) -> Response:
    """A file of the page, to be kept by browsers as long as it is this one."""
    if name not in _FILES:
        raise ApiError(404, "")
    answer = Response(_FILES[name], content_type=_TYPES[Path(name).suffix])
    is_this = fingerprint == _fingerprint(name)
    answer.headers["Cache-Control"] = "public, max-age=31536000, immutable" if is_this else "no-cache"
    return answer


def _static_url(name: str) -> str:
    return url_for("page.static", fingerprint=_fingerprint(name), name=name)


@cache
def _fingerprint(name: str) -> str:
    return sha256(_FILES[name]).hexdigest()[:12]


def _add_words(state: object) -> None:
    environment = state.app.jinja_env  # type: ignore[attr-defined]
    environment.filters |= {
        "number": words.number, "instant": words.instant, "ago": words.ago, "iso": iso_text,
        "plain_time": words.plain_time, "foreign": words.foreign, "visible": words.visible, "clock": words.clock,
        "percent": words.percent, "measure": words.short, "day": day_text, "share_bar": share_bar,
    }  # fmt: skip
    environment.tests["addressable"] = words.is_addressable
    environment.globals |= {"static": _static_url, "room_url": room_url}


page.record(_add_words)
