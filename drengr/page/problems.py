"""The room Problems."""

from drengr.page.frame import render, room
from drengr.store import Project


@room("problems")
def problems(project: Project) -> str:
    """Nothing yet."""
    return render("empty.html", "Problems")
