"""Settings → How long events are kept: what would go, then a POST with the project's name (contract 9, 12)."""

import re

from flask import Response, request

from drengr.admin.deletions import MOST_KEPT_DAYS
from drengr.api.errors import ApiError
from drengr.api.service import service
from drengr.page.forms import form
from drengr.page.frame import render, room, room_url, seen_at
from drengr.store import Project

_DAYS = re.compile("[0-9]{1,5}")


@room("settings/keep", belongs_to="settings")
def keep(project: Project) -> str:
    """How many events would go, and the form."""
    return _asked(project, _days(request.args.get("days", "")))


@room("settings/keep/done", post=True, belongs_to="settings")
def keep_now(project: Project) -> Response:
    """From now on events are kept so long."""
    sent = form()
    days = _days(sent.get("days", ""))
    if days is not None and service().store.would_expire(project.id, days) and sent.get("typed") != project.name:
        return Response(_asked(project, days, is_wrong=True), 400)
    service().store.keep(project.id, days)
    return seen_at(room_url("settings"))


def _asked(project: Project, days: int | None, *, is_wrong: bool = False) -> str:
    going = service().store.would_expire(project.id, days) if days is not None else 0
    return render("keep.html", "How long events are kept", days=days, going=going, is_wrong=is_wrong)


def _days(text: str) -> int | None:
    """The number of days; None for ever, which is how an empty box reads."""
    if not text.strip():
        return None
    if not (_DAYS.fullmatch(text.strip()) and 1 <= int(text) <= MOST_KEPT_DAYS):
        raise ApiError(400, f"Events are kept for 1 to {MOST_KEPT_DAYS:,} days, or for ever: leave the box empty.")
    return int(text)
