"""GET /api/2/export as Amplitude answers it, and the two keys that its API takes (contract 9)."""

from collections.abc import Iterator
from itertools import chain
from uuid import UUID

from flask import Blueprint, Response, request

from drengr.admin.amplitude_exports import App, BadHours, amplitude_lines, asked_hours, hour_time
from drengr.api.errors import ApiError
from drengr.api.service import service
from drengr.api.streaming import streamed
from drengr.exporting import Hour, events_of_hour, hours
from drengr.files.zip_stream import Member, zip_pieces
from drengr.store import Project, Store

door = Blueprint("amplitude_api", __name__)


@door.route("/api/2/export", methods=["GET"], strict_slashes=False, provide_automatic_options=False)
def export() -> Response:
    """A zip of the events received in some hours."""
    project = project_of_both_keys()
    try:
        received = asked_hours(request.args.get("start"), request.args.get("end"))
    except BadHours as error:
        raise ApiError(400, str(error)) from None
    store = service().store
    found = hours(store, project.id, received)
    return streamed(_zip(store, project, found), "application/zip")


def _zip(store: Store, project: Project, found: Iterator[Hour]) -> Iterator[bytes]:
    first = next(found, None)
    if first is None:
        raise ApiError(404, "no events were received in these hours")
    app = App(UUID(project.uuid))

    def member(hour: Hour) -> Member:
        lines = (amplitude_lines(app, events) for events in events_of_hour(store, project.id, hour))
        return Member(lambda part: app.member_name(hour.number, part), hour_time(hour.number), lines)

    yield from zip_pieces(map(member, chain((first,), found)))


def project_of_both_keys() -> Project:
    """The project of both keys of the Authorization header. Raises ApiError 401."""
    shown = request.authorization
    if shown is not None and shown.type == "basic":
        here = service()
        store = here.store
        ours = store.project_of_key(shown.username, "publishable")
        if ours is not None and ours == store.project_of_key(shown.password, "secret"):
            for key in (shown.username, shown.password):
                here.outcomes.key_used(str(key))
            return ours
    # No WWW-Authenticate: a browser would ask for a password.
    raise ApiError(401, "the publishable key and the secret key of one project are needed: Basic KEY:SECRET")
