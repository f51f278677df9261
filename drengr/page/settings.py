"""The room Settings."""

from drengr.page.frame import render, room
from drengr.store import Project


@room("settings")
def settings(project: Project) -> str:
    """Nothing yet."""
    return render("empty.html", "Settings")
