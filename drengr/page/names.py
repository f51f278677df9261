"""The room Names."""

from drengr.page.frame import render, room
from drengr.store import Project


@room("names")
def names(project: Project) -> str:
    """Nothing yet."""
    return render("empty.html", "Names")


@room("names/one", belongs_to="names")
def one_name(project: Project) -> str:
    """Nothing yet."""
    return render("empty.html", "Name")
