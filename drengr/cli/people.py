"""`drengr people` and `drengr person`: who was there, and what there is of one of them (contract 8)."""

import json

import click

from drengr.cli.asking import Text, chosen_door, project_option, url_option
from drengr.cli.printing import answer, say, shown
from drengr.cli.times import Time

json_option = click.option("--json", "as_json", is_flag=True, help="Print the API's answer.")


@click.command("people")
@click.argument("query", required=False, type=Text())
@click.option("--since", type=Time(), help="Only who was last seen since: 7d, 12h, 90m, or an ISO-8601 time.")
@click.option("--until", type=Time(), help="Only who was last seen until; a date means that whole day.")
@click.option("--limit", type=click.IntRange(1, 1000), default=100, show_default=True)
@project_option
@json_option
@url_option
def people(
    query: str | None,
    since: str | None,
    until: str | None,
    limit: int,
    project: str | None,
    as_json: bool,
    url: str | None,
) -> None:
    """List people, seen last first.

    With QUERY those whose id it is, or begins with it. A line has when they were last seen, how many events they have,
    user or device, id.
    """
    words = {"query": query, "since": since, "until": until, "limit": str(limit)}
    with chosen_door(project, url) as door:
        found = door.ask("people", {name: word for name, word in words.items() if word is not None})
    if as_json:
        answer(json.dumps(found))
        return
    width = max((len(f"{person['events']:,}") for person in found["data"]), default=0)
    for person in found["data"]:
        answer(f"{person['last_seen_at']}  {person['events']:{width},}  {person['kind']:6}  {shown(person['id'])}")
    if found["next_cursor"] is not None:
        say(f"There may be more than these {limit}.", err=True)


@click.group("person")
def person() -> None:
    """Show what there is of one person."""


@person.command("show")
@click.argument("person_id", metavar="ID", type=Text())
@click.option("--device", is_flag=True, help="ID is that of a device: whoever its anonymous events are of.")
@project_option
@json_option
@url_option
def show(person_id: str, device: bool, project: str | None, as_json: bool, url: str | None) -> None:
    """Show what there is of the user ID.

    Exit code 1 when nobody has an event under it.
    """
    with chosen_door(project, url) as door:
        found = door.ask("people/one", {"install_id" if device else "external_id": person_id})
    if as_json:
        answer(json.dumps(found))
        return
    one = found["data"]
    lines = [(one["kind"], one["id"]), ("first seen", one["first_seen_at"]), ("last seen", one["last_seen_at"])]
    lines += [("events", f"{one['events']:,}"), ("devices", ", ".join(one["devices"]) or "-")]
    lines += [(key, _text(value)) for key, value in one["properties"].items()]
    width = max(len(shown(name)) for name, _ in lines)
    for name, value in lines:
        answer(f"{shown(name):{width}}  {shown(value)}")


def _text(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value)
