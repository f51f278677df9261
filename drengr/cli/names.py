"""`drengr names`: which events there are, and what one of them carries (contract 8)."""

import json

import click

from drengr.admin.words import BadSlot
from drengr.cli.asking import AdminDoor, Text, chosen_door, name_meant, project_option, tell_near, url_option
from drengr.cli.people import json_option
from drengr.cli.printing import answer, say, shown

_MOST_SHOWN = 3  # values of a property


@click.command("names")
@click.argument("name", required=False, type=Text())
@click.option("--limit", type=click.IntRange(1, 1000), default=1000, show_default=True, help="Of the list.")
@project_option
@json_option
@url_option
def command(name: str | None, limit: int, project: str | None, as_json: bool, url: str | None) -> None:
    """List the event names, or what the events of NAME carry.

    The most frequent first. Of each name: events, people of the last 30 days, when it was last seen. Of each property:
    in how many of the newest 10,000 events it is, and its most frequent values, or smallest, largest and mean number.
    """
    with chosen_door(project, url) as door:
        found = door.ask("names", {"limit": str(limit)}) if name is None else _properties(door, name)
    if as_json:
        answer(json.dumps(found))
    elif name is None:
        _show_names(found["data"])
        if found["next_cursor"] is not None:
            say(f"There may be more than these {limit}.", err=True)
    else:
        _show_properties(found["data"])


def _properties(door: AdminDoor, name: str) -> dict:
    meant = name_meant(door, name)
    try:
        return door.ask("names/properties", {"event_name": meant})
    except BadSlot:
        tell_near(door, meant)
        raise


def _show_names(names: list[dict]) -> None:
    if not names:
        answer("There is no event yet.")
        return
    events = max(len(f"{name['events']:,}") for name in names)
    people = max(len(f"{name['people']:,}") for name in names)
    for name in names:
        label = f"  ({shown(name['label'])})" if name["label"] != name["event_name"] else ""
        numbers = f"{name['events']:{events},} events  {name['people']:{people},} people"
        answer(f"{numbers}  {name['last_seen_at']}  {shown(name['event_name'])}{label}")


def _show_properties(of: dict) -> None:
    answer(f"{shown(of['event_name'])}: {of['events']:,} events looked at")
    width = max((len(shown(each["key"])) for each in of["properties"]), default=0)
    for each in of["properties"]:
        if each["kind"] == "measure":
            what = f"{each['min']:g} … {each['max']:g}, mean {each['mean']:g}"
        else:
            what = ", ".join(f"{shown(one['value'])} ({one['count']:,})" for one in each["values"][:_MOST_SHOWN])
        answer(f"{each['share']:7.1%}  {shown(each['key']):{width}}  {what}")
