"""`drengr funnel` and `drengr retention`: how far people came, and who came back (contract 8)."""

import json
import shutil

import click

from drengr.cli.asking import Text, chosen_door, has_events, name_meant, project_option, tell_near, url_option
from drengr.cli.bars import lines_with_bars
from drengr.cli.people import json_option
from drengr.cli.printing import answer
from drengr.cli.times import Time
from drengr.people.asked import DEFAULT_WITHIN_DAYS, MAX_DAYS, PERIODS

since_option = click.option(
    "--since", type=Time(), required=True, help="7d, 12h, 90m, or an ISO-8601 time; at most 366 days ago."
)
until_option = click.option("--until", type=Time(), help="The same; a date means that whole day. Default: now.")


@click.command("funnel")
@click.argument("steps", metavar="STEP STEP…", nargs=-1, required=True, type=Text())
@since_option
@until_option
@click.option(
    "--within", type=click.IntRange(1, MAX_DAYS), default=DEFAULT_WITHIN_DAYS, show_default=True, metavar="DAYS",
    help="From the first step to the last.",
)  # fmt: skip
@project_option
@json_option
@url_option
def funnel(
    steps: tuple[str, ...],
    since: str,
    until: str | None,
    within: int,
    project: str | None,
    as_json: bool,
    url: str | None,
) -> None:
    """Count the people who did STEP after STEP.

    Two to eight event names, as stored or as people write them. The first step lies in the window.
    """
    window = {"since": since} | ({"until": until} if until is not None else {})
    with chosen_door(project, url) as door:
        names = [name_meant(door, step) for step in steps]
        found = door.ask("funnel", {**window, "step": names, "within": str(within)})
        reached = [(step["event_name"], step["people"]) for step in found["data"]["steps"]]
        for name in (name for name, people in reached if not people):
            if not has_events(door, name):
                tell_near(door, name)
    if as_json:
        answer(json.dumps(found))
        return
    first = reached[0][1] or 1
    for line in lines_with_bars(reached, [f"  {people / first:.1%}" for _, people in reached]):
        answer(line)


@click.command("retention")
@since_option
@until_option
@click.option("--period", type=click.Choice(PERIODS), default=PERIODS[0], show_default=True)
@project_option
@json_option
@url_option
def retention(
    since: str, until: str | None, period: str, project: str | None, as_json: bool, url: str | None
) -> None:
    """Count who came back.

    A line for each day or week in which people came for the first time: how many, and how many of them came again in
    the next one, and in each later one.
    """
    asked = {"since": since, "period": period} | ({"until": until} if until is not None else {})
    with chosen_door(project, url) as door:
        found = door.ask("people/retention", asked)
    if as_json:
        answer(json.dumps(found))
        return
    for line in _table(found["data"], shutil.get_terminal_size().columns):
        answer(line)


def _table(cohorts: list[dict], columns: int) -> list[str]:
    """As many of the later periods as the terminal is wide."""
    if not cohorts:
        return ["Nobody came for the first time."]
    later = max(len(cohort["returned"]) for cohort in cohorts)
    width = max(len(f"+{later}"), *(len(f"{number:,}") for cohort in cohorts for number in cohort["returned"]))
    people = max(len("people"), *(len(f"{cohort['people']:,}") for cohort in cohorts))
    fit = min(later, max((columns - len(cohorts[0]["cohort"]) - people - 2) // (width + 2), 1))
    lines = [f"{'cohort':{len(cohorts[0]['cohort'])}}  {'people':>{people}}"]
    lines[0] += "".join(f"  {'+' + str(number):>{width}}" for number in range(1, fit + 1))
    for cohort in cohorts:
        returned = "".join(f"  {number:{width},}" for number in cohort["returned"][:fit])
        lines.append(f"{cohort['cohort']}  {cohort['people']:{people},}{returned}")
    if fit < later:
        lines.append(f"… and {later - fit} more columns (--json shows all)")
    return lines
