"""GET /admin/projects/:projectId/ledger: what became of every row that came (contract 10)."""

from flask import Blueprint, Response, request

from drengr.admin.ledger import PARAMETERS, ledger_query
from drengr.admin.questions import single_values
from drengr.answering import ledger_days, shown_problem
from drengr.api.admin import answers
from drengr.api.errors import json_response
from drengr.api.service import service
from drengr.store import Project

door = Blueprint("ledger", __name__)


@answers(door, "GET", "/ledger", "LEDGER_FAILED")
def ledger(project: Project) -> Response:
    """The days asked for, and the problems last seen."""
    here = service()
    query = ledger_query(single_values(request.args.to_dict(flat=False), PARAMETERS), here.now_ms())
    shown = {
        "days": [day for _, day in ledger_days(here.store, project.id, query)],
        "problems": [shown_problem(problem) for problem in here.store.problems(project.id)],
    }
    return json_response({"data": shown})
