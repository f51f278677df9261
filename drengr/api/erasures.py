"""POST and GET /admin/projects/:projectId/erasures: a person is forgotten (contract 9)."""

from flask import Blueprint, Response, request

from drengr.admin.posted import strict_json
from drengr.admin.questions import cursor_text, numbered_page
from drengr.admin.words import BadSlot
from drengr.api.admin import answers
from drengr.api.errors import json_response
from drengr.api.incoming import BadEncoding, BodyTooLarge, read_body
from drengr.api.service import service
from drengr.people.erasures import erasure_query, listed_erasure, shown_erasure
from drengr.store import Project

MAX_BODY_BYTES = 64 * 1024

door = Blueprint("erasures", __name__)


@answers(door, "POST", "/erasures", "ERASE_FAILED")
def erase(project: Project) -> Response:
    """The receipt; the service goes on with what takes longer than some seconds."""
    here = service()
    who, dry_run = erasure_query(_posted())
    with here.gate.at_work():
        if dry_run:
            erasure = here.store.would_erase(project.id, who, "api")
        else:
            erasure = here.store.erase(project.id, who, "api")
    return json_response({"data": shown_erasure(erasure, here.store.copies())})


@answers(door, "GET", "/erasures", "LIST_FAILED")
def list_erasures(project: Project) -> Response:
    """The receipts, newest first."""
    here = service()
    limit, before = numbered_page(request.args.to_dict(flat=False))
    with here.gate.page(limit), here.gate.at_work():
        found = here.store.erasures(project.id, limit, before)
    more = cursor_text(found[-1].erased_at or 0, found[-1].id or 0) if len(found) == limit else None
    return json_response({"data": [listed_erasure(erasure) for erasure in found], "next_cursor": more})


def _posted() -> object:
    try:
        return strict_json(read_body(MAX_BODY_BYTES)[0])
    except (BodyTooLarge, BadEncoding):
        raise BadSlot("INVALID_ERASURE", "the body must be a small JSON object") from None
    except BadSlot as bad:
        raise BadSlot("INVALID_ERASURE", bad.message) from None
