"""`drengr count`: how many events, or how many people, as a small table (contract 6, 8)."""

import json

import click

from drengr.cli.asking import chosen_door, event_name_option, name_meant, project_option, tell_near, url_option
from drengr.cli.bars import lines_with_bars
from drengr.cli.printing import answer
from drengr.cli.times import Time


@click.command("count")
@click.option(
    "--since", type=Time(), required=True, help="7d, 12h, 90m, or an ISO-8601 time; with --url at most 90 days ago."
)
@click.option("--until", type=Time(), help="The same; a date means that whole day. Default: now.")
@click.option("--people", "of_people", is_flag=True, help="Count different people; at most 366 days.")
@click.option("--by", type=click.Choice(["day", "week", "month", "event_name"]), help="One line for each.")
@event_name_option
@project_option
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object, as the API shows it.")
@url_option
def command(
    since: str,
    until: str | None,
    of_people: bool,
    by: str | None,
    event_name: str | None,
    project: str | None,
    as_json: bool,
    url: str | None,
) -> None:
    """Count the events or people of a window.

    Events by day or event_name; different people by day, week or month.
    """
    words = {"since": since, "until": until, "group_by": by}
    with chosen_door(project, url) as door:
        if event_name is not None:
            words["event_name"] = name_meant(door, event_name)
        asked = {name: word for name, word in words.items() if word is not None}
        shown = door.ask("people/count", asked) if of_people else door.count(asked)
        counted = shown["data"] if of_people else shown
        if event_name is not None and not counted["total"]:
            tell_near(door, words["event_name"] or event_name)
    if as_json:
        answer(json.dumps(shown))
        return
    what = "people" if of_people else "count"
    for line in lines_with_bars([(bucket["key"], bucket[what]) for bucket in counted.get("buckets") or []]):
        answer(line)
    answer(f"{counted['total']:,} {'people' if of_people else 'events'}")
