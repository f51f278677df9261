"""Import → what was imported, and taking one back: what would go, then a POST (contract 9, 12)."""

from flask import Response

from drengr.api.errors import ApiError
from drengr.api.service import service
from drengr.page.frame import render, room, room_url, seen_at
from drengr.store import PastImport, Project


@room("import/<number>/undo", belongs_to="import_room")
def undo_import(project: Project, number: str) -> str:
    """How many events would go, and the form."""
    found = _not_undone(project, number)
    going = service().store.would_undo(project.id, found.number)
    return render("undo.html", "Undo an import", past=found, going=going)


@room("import/<number>/undo/done", post=True, belongs_to="import_room")
def undo_import_now(project: Project, number: str) -> Response:
    """What the import brought is to go; the service does it in the minute that follows."""
    found = _not_undone(project, number)
    try:
        service().store.undo_import(project.id, found.number)
    except ValueError as error:  # somebody else did meanwhile
        raise ApiError(400, str(error)) from error
    return seen_at(f"{room_url('import_room')}#past")


def _not_undone(project: Project, text: str) -> PastImport:
    """The import with this number. Raises ApiError 404, and 400 for one that was undone."""
    number = int(text) if text.isascii() and text.isdecimal() and len(text) < 19 else 0
    found = next(iter(service().store.imports(project.id, 1, number + 1)), None)
    if found is None or found.number != number:
        raise ApiError(404, "There is no import with this number.")
    if found.undone_at is not None:
        raise ApiError(400, "This import was undone already.")
    return found
