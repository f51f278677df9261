"""The room Live."""

from drengr.page.frame import render, room
from drengr.store import Project


@room("live")
def live(project: Project) -> str:
    """Nothing yet."""
    return render("empty.html", "Live")


@room("events/<event_id>", belongs_to="live")
def event(project: Project, event_id: str) -> str:
    """Nothing yet."""
    return render("empty.html", "Event")
