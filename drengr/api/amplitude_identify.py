"""POST /identify and /groupidentify: what somebody, or a group, is like, from scripts and older SDKs (contract 8)."""

from collections.abc import Callable

from flask import Blueprint, Response

from drengr.api.amplitude_bodies import Posted, identifications
from drengr.api.amplitude_ingest import Wanted, serve, take_in
from drengr.sources.amplitude_identify import group_row, user_row

PATHS = ("/identify", "/groupidentify")

door = Blueprint("amplitude_identify", __name__)


def identify() -> Response:
    """Properties of users."""
    return _success(user_row)


def groupidentify() -> Response:
    """Properties of groups."""
    return _success(group_row)


def _success(row_of: Callable[[object], object]) -> Response:
    def posted(body: bytes) -> Posted:
        found = identifications(body)
        return found._replace(rows=[row_of(each) for each in found.rows]) if isinstance(found.rows, list) else found

    take_in(Wanted(posted, "missing_event", "identification"))
    return Response("success", mimetype="text/plain")


for _path, _view in zip(PATHS, (identify, groupidentify), strict=True):
    serve(door, _path, _view)
