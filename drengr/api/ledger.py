"""GET /admin/projects/:projectId/ledger: what became of every row that came (contract 10)."""

from flask import Blueprint, Response, request

from drengr.admin.ledger import PARAMETERS, ledger_query, shown_day, shown_problem
from drengr.admin.questions import single_values
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
    days = here.store.ledger(project.id, query.first_day, query.last_day)
    problems = here.store.problems(project.id)
    shown = {
        "days": [shown_day(line.day, line.door, line.counts) for line in days if any(line.counts.values())],
        "problems": [shown_problem(*problem[1:6], *problem[7:]) for problem in problems],
    }
    return json_response({"data": shown})
