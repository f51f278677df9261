"""GET /admin/projects/:projectId/imports: what was imported, and may be undone (contract 9)."""

from flask import Blueprint, Response, request

from drengr.admin.questions import cursor_text, numbered_page
from drengr.answering import shown_import
from drengr.api.admin import answers
from drengr.api.errors import json_response
from drengr.api.service import service
from drengr.store import Project

door = Blueprint("imports", __name__)


@answers(door, "GET", "/imports", "LIST_FAILED")
def list_imports(project: Project) -> Response:
    """The imports, newest first."""
    here = service()
    limit, before = numbered_page(request.args.to_dict(flat=False))
    with here.gate.page(limit), here.gate.at_work():
        found = here.store.imports(project.id, limit, before)
    more = cursor_text(found[-1].received_at, found[-1].number) if len(found) == limit else None
    return json_response({"data": [shown_import(each) for each in found], "next_cursor": more})
