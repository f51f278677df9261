"""GET …/people and what lies below it, …/funnel, …/names, …/names/properties of the admin API (contract 8)."""

from flask import Blueprint, Response, request

from drengr.answering import CALLS, Call
from drengr.api.admin import View, answers
from drengr.api.errors import json_response
from drengr.api.service import service
from drengr.store import Project

door = Blueprint("people", __name__)


def fault_of(path: str) -> str:
    """Code of the 500 that a fault of ours ends in.

    >>> fault_of("people/retention")
    'RETENTION_FAILED'
    """
    return f"{path.rpartition('/')[2].upper()}_FAILED"


def _view(path: str, call: Call) -> View:
    def view(project: Project) -> Response:
        here = service()
        question = call.read(request.args.to_dict(flat=False), here.now_ms())
        memory = here.gate.heavy() if call.is_heavy else here.gate.page(call.events(question))
        with memory, here.gate.at_work():
            return json_response(call.answer(here.store, project.id, question))

    view.__name__ = path.replace("/", "_")  # Flask's endpoint
    return view


for _path, _call in CALLS.items():
    answers(door, "GET", f"/{_path}", fault_of(_path))(_view(_path, _call))
