"""The room People."""

from drengr.page.frame import render, room
from drengr.store import Project


@room("people")
def people(project: Project) -> str:
    """Nothing yet."""
    return render("empty.html", "People")


@room("people/one", belongs_to="people")
def one_person(project: Project) -> str:
    """Nothing yet."""
    return render("empty.html", "Person")
