"""GET /admin/projects/:projectId/imports: what was imported, and may be undone (contract 9)."""

from flask import Blueprint, Response, request

from drengr.admin.imports import imports_cursor, imports_query, shown_import
from drengr.api.admin import answers
from drengr.api.errors import json_response
from drengr.api.service import service
from drengr.store import Project

door = Blueprint("imports", __name__)


@answers(door, "GET", "/imports", "LIST_FAILED")
def list_imports(project: Project) -> Response:
    """The imports, newest first."""
    here = service()
    limit, before = imports_query(request.args.to_dict(flat=False))
    with here.gate.page(limit), here.gate.at_work():
        found = here.store.imports(project.id, limit, before)
    more = imports_cursor(found[-1].number, found[-1].received_at) if len(found) == limit else None
    shown = [shown_import(*each[:8], each.undone_at) for each in found]
    return json_response({"data": shown, "next_cursor": more})
