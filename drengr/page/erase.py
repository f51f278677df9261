"""Erase a person: what would go, then a POST with the id typed exactly (contract 9, 12)."""

from flask import Response, request

from drengr.api.errors import ApiError
from drengr.api.service import service
from drengr.page.forms import form
from drengr.page.frame import may_know_all, render, room, room_url, seen_at
from drengr.people.asked import person_asked
from drengr.people.erasures import Erasure
from drengr.people.questions import Who
from drengr.store import Project

_ID_NAMES = {"user": "external_id", "device": "install_id"}
_PATIENCE_S = 3.0  # for the last event to be gone; the service goes on with the rest


@room("people/erase", belongs_to="people")
def erase(project: Project) -> str:
    """The dry run, and the form."""
    return _asked(project, person_asked(request.args.to_dict(flat=False), service().now_ms()))


@room("people/erase/done", post=True, belongs_to="people")
def erase_now(project: Project) -> Response:
    """Nothing of this person is taken any more, and what is here goes."""
    sent = form()
    asked = {name: [sent[name]] for name in _ID_NAMES.values() if name in sent}
    who = person_asked(asked, service().now_ms())
    if sent.get("typed") != who.id:
        return Response(_asked(project, who, is_wrong=True), 400)
    receipt = service().store.erase(project.id, who, "page", patience_s=_PATIENCE_S)
    return seen_at(room_url("erased", receipt=receipt.id or 0))


@room("people/erased", belongs_to="people")
def erased(project: Project) -> str:
    """A receipt."""
    number = request.args.get("receipt", "")
    found: list[Erasure] = []
    if number.isascii() and number.isdecimal() and len(number) < 19:
        found = service().store.erasures(project.id, 1, int(number) + 1)
    if not found or str(found[0].id) != number:
        raise ApiError(404, "There is no receipt with this number.")
    return render("erased.html", "Erased", receipt=found[0], copies=_copies())


def _asked(project: Project, who: Who, *, is_wrong: bool = False) -> str:
    return render(
        "erase.html",
        "Erase",
        who=who,
        id_name=_ID_NAMES[who.kind],
        plan=service().store.would_erase(project.id, who, "page"),
        copies=_copies(),
        is_wrong=is_wrong,
    )


def _copies() -> list[str] | None:
    """Where copies of the database lie; None for who may not know where it lies."""
    return service().store.copies() if may_know_all() else None
