"""The room Overview."""

from drengr.page.first_run import first_run
from drengr.page.frame import last_event_at, render, room
from drengr.store import Project


@room("")
def overview(project: Project) -> str:
    """Nothing yet."""
    if last_event_at(project) is None:
        return first_run(project)
    return render("empty.html", "Overview")
