"""`drengr ledger`: what became of every row that came (contract 10)."""

import json

import click

from drengr.admin.ledger import ledger_query
from drengr.admin.words import BadSlot
from drengr.answering import ledger_days, shown_problem
from drengr.cli.database import chosen_project, open_store
from drengr.cli.printing import answer, shown
from drengr.cli.times import Time
from drengr.store import NO_PROJECT, Store
from drengr.store.clock import now_ms

_COLUMNS = ("received", "stored", "duplicates", "dropped", "refused")
_MOST_PROBLEMS = 20


@click.command("ledger")
@click.option("--since", type=Time(), default="7d", show_default=True, help="7d, 12h, or an ISO-8601 time.")
@click.option("--until", type=Time(), help="The same; default: now.")
@click.option("--project", metavar="NAME|ID", help="Default: all of them, and - for requests of no project.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def command(since: str, until: str | None, project: str | None, as_json: bool) -> None:
    """Account for every row that came.

    A line for each project, UTC day and door: received = stored + duplicates + dropped. Then the problems last seen.
    """
    with open_store(must_exist=True) as store:
        try:
            found = _ledger(store, project, {"since": since} | ({"until": until} if until else {}))
        except BadSlot as bad:
            raise click.UsageError(f"{bad.message} ({bad.code})") from bad
    if as_json:
        answer(json.dumps(found))
        return
    for line in _table(found["days"]):
        answer(line)
    for problem in found["problems"][:_MOST_PROBLEMS]:
        answer(shown(_sentence(problem)))
    if len(found["problems"]) > _MOST_PROBLEMS:
        answer(f"… and {len(found['problems']) - _MOST_PROBLEMS} more problems (--json shows all)")


def _ledger(store: Store, project: str | None, asked: dict[str, str]) -> dict[str, list[dict]]:
    query = ledger_query(asked, now_ms())
    chosen = chosen_project(store, project).id if project is not None else None
    names = {each.id: each.name for each in store.projects()} | {NO_PROJECT: "-"}
    return {
        "days": [
            {"project": names.get(project_id, "-")} | day for project_id, day in ledger_days(store, chosen, query)
        ],
        "problems": [
            {"project": names.get(problem.project_id, "-"), "key_hint": problem.key_hint or None}
            | shown_problem(problem)
            for problem in store.problems(chosen)
        ],
    }


def _table(days: list[dict]) -> list[str]:
    """A line a project, day and door, numbers right-aligned, reasons after them."""
    if not days:
        return ["Nothing came in these days."]
    widths = {name: max(len(name), *(len(f"{day[name]:,}") for day in days)) for name in _COLUMNS}
    project = max(len("project"), *(len(shown(day["project"])) for day in days))
    head = f"{'day':10}  {'project':{project}}  {'door':8}"
    lines = [head + "".join(f"  {name:>{widths[name]}}" for name in _COLUMNS)]
    for day in days:
        reasons = [f"{number:,} {reason}" for reason, number in (day["dropped_by"] | day["refused_by"]).items()]
        numbers = "".join(f"  {day[name]:>{widths[name]},}" for name in _COLUMNS)
        why = f"  ({', '.join(reasons)})" if reasons else ""
        lines.append(f"{day['day']}  {shown(day['project']):{project}}  {day['door']:8}{numbers}{why}")
    return lines


def _sentence(problem: dict) -> str:
    who = " ".join(filter(None, (problem["sdk"], problem["sdk_version"])))
    parts = [
        f"{problem['last_at']}  {problem['project']}  {problem['door']}",
        f"{problem['count']:,} times {problem['reason']}",
        f'event "{problem["event_name"]}"' if problem["event_name"] else "",
        f"key {problem['key_hint']}…" if problem["key_hint"] else "",
        f"from {who}" if who else "",
    ]
    return ", ".join(filter(None, parts))
