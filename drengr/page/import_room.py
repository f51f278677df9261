"""The room Import."""

from drengr.page.frame import render, room
from drengr.store import Project


@room("import")
def import_room(project: Project) -> str:
    """Nothing yet."""
    return render("empty.html", "Import")
