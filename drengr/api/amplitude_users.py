"""GET /api/2/usersearch and /api/2/useractivity, as Amplitude answers them (contract 8)."""

from collections.abc import Iterator
from uuid import UUID

from flask import Blueprint, Response, request

from drengr.admin.amplitude_exports import App
from drengr.admin.questions import PageQuery, Position
from drengr.admin.shown import StoredEvent
from drengr.api.amplitude_api import project_of_both_keys
from drengr.api.errors import ApiError, json_response
from drengr.api.service import service
from drengr.people.amplitude import shown_activity, shown_matches
from drengr.people.asked import MIN_BEGINNING
from drengr.people.questions import PeopleQuery, Who
from drengr.people.results import Person
from drengr.store import Store

MAX_EVENTS = 1000
MAX_OFFSET = 100_000  # each thousand is read: whoever wants more pages with …/people/events
_MOST_MATCHES = 100
_FIRST = Position(2**62, 0)

door = Blueprint("amplitude_users", __name__)


@door.route("/api/2/usersearch", methods=["GET"], strict_slashes=False, provide_automatic_options=False)
def usersearch() -> Response:
    """Whom a number, a user id, a device id or the beginning of a user id means."""
    project = project_of_both_keys()
    here, text = service(), _user()
    with here.gate.at_work():
        found = list(dict.fromkeys(_meant(here.store, project.id, text)))
        if not found and len(text) >= MIN_BEGINNING:
            people = here.store.people(project.id, PeopleQuery(_MOST_MATCHES, query=text))
            found = [person for person in people if person.kind == "user"]
    return json_response(shown_matches(found))


@door.route("/api/2/useractivity", methods=["GET"], strict_slashes=False, provide_automatic_options=False)
def useractivity() -> Response:
    """One person, and some of their events, newest first."""
    project = project_of_both_keys()
    here, text = service(), _user()
    limit, offset = _number("limit", MAX_EVENTS, 1), _number("offset", 0, 0)
    if request.args.get("direction", "latest") != "latest":
        raise ApiError(400, "direction: events come newest first here, `latest`")
    if offset > MAX_OFFSET:
        raise ApiError(400, f"offset: at most {MAX_OFFSET}; GET …/people/events pages through all of them")
    with here.gate.page(MAX_EVENTS), here.gate.at_work():
        person = next(_meant(here.store, project.id, text), None)
        if person is None:
            raise ApiError(400, "nobody has this number or id: user")
        newest, events = _events(here.store, project.id, person, offset, min(limit, MAX_EVENTS))
        return json_response(shown_activity(App(UUID(project.uuid)), person, newest, events))


def _meant(store: Store, project_id: int, text: str) -> Iterator[Person]:
    """Whoever has exactly this number, user id or device id, in this order."""
    whos = [Who("user", text), Who("device", text)]
    if text.isascii() and text.isdecimal() and len(text) <= 18:
        numbered = store.person_by_number(project_id, int(text))
        whos = [numbered, *whos] if numbered is not None else whos
    for who in whos:
        person = store.person(project_id, who)
        if person is not None:
            yield person


def _events(
    store: Store, project_id: int, person: Person, offset: int, limit: int
) -> tuple[list[StoredEvent], list[StoredEvent]]:
    """(the person's newest thousand events, those that were asked for)."""
    who, query = Who(person.kind, person.id), PageQuery(-(2**62), _FIRST, MAX_EVENTS)
    newest = page = store.person_page(project_id, who, query)
    chosen = page[offset : offset + limit]
    while len(chosen) < limit and len(page) == MAX_EVENTS:
        offset = max(offset - MAX_EVENTS, 0)
        page = store.person_page(project_id, who, query._replace(before=Position(page[-1].occurred_at, page[-1].id)))
        chosen += page[offset : offset + limit - len(chosen)]
    return newest, chosen


def _user() -> str:
    text = request.args.get("user", "")
    if not text.strip():
        raise ApiError(400, "user is missing: the number or id of somebody")
    return text


def _number(name: str, default: int, least: int) -> int:
    text = request.args.get(name, str(default))
    if not (text.isascii() and text.isdecimal() and len(text) <= 18 and int(text) >= least):
        raise ApiError(400, f"{name} must be a whole number, {least} or more")
    return int(text)
