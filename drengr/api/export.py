"""GET /admin/projects/:projectId/export: everything that a project has, in constant memory (contract 9)."""

from collections.abc import Iterator, Mapping, Sequence

from flask import Blueprint, Response, request

from drengr.admin.exports import ExportQuery, csv_head, csv_lines, export_query, ndjson_lines
from drengr.api.admin import answers
from drengr.api.service import service
from drengr.api.streaming import streamed
from drengr.exporting import exported
from drengr.store import Project, Store

_MEDIA_TYPES = {"ndjson": "application/x-ndjson", "csv": "text/csv"}

door = Blueprint("export", __name__)


@answers(door, "GET", "/export", "EXPORT_FAILED")
def export(project: Project) -> Response:
    """The events in the order of their ids, a line each."""
    return export_answer(project, request.args.to_dict(flat=False))


def export_answer(project: Project, asked: Mapping[str, Sequence[str]]) -> Response:
    """The events that these parameters ask for. Raises BadSlot."""
    query, chosen = export_query(asked)
    return streamed(_lines(service().store, project, query, chosen), _MEDIA_TYPES[chosen], may_pack=True)


def _lines(store: Store, project: Project, query: ExportQuery, chosen: str) -> Iterator[bytes]:
    is_csv = chosen == "csv"
    head, lines = (csv_head(), csv_lines) if is_csv else (b"", ndjson_lines)
    for each in exported(store, project.id, query, store.last_id()):
        yield head + lines(project.uuid, each.events)
        head = b""
    if head:
        yield head
