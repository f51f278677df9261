"""The room Ask: funnel and retention."""

from drengr.page.frame import render, room
from drengr.store import Project


@room("funnel")
def funnel(project: Project) -> str:
    """Nothing yet."""
    return render("empty.html", "Funnel")


@room("retention", belongs_to="funnel")
def retention(project: Project) -> str:
    """Nothing yet."""
    return render("empty.html", "Retention")
