"""The room Overview."""

from drengr.page.frame import render, room
from drengr.store import Project


@room("")
def overview(project: Project) -> str:
    """Nothing yet."""
    return render("empty.html", "Overview")
