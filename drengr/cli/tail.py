"""`drengr tail`: the log as it grows (contract 6)."""

import json
import time
from collections.abc import Iterator

import click

from drengr.cli.asking import AdminDoor, opened_door, project_option, url_option
from drengr.cli.times import Moment

_POLL_S = 1.0
_MOST_REMEMBERED = 100_000  # ids; past it, the older half is told by its largest id


@click.command("tail")
@click.option("-f", "--follow", is_flag=True, help="Go on: print events as they arrive, until Ctrl-C.")
@click.option("-n", "--lines", type=click.IntRange(1, 1000), default=20, show_default=True, help="To begin with.")
@click.option("--event-name", help="Only this event, by its stored name.")
@click.option("--user", help="Only this user id.")
@click.option("--since", type=Moment(), default="24h", show_default=True, help="7d, 12h, 90m, or an ISO-8601 time.")
@project_option
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line, as the API shows it.")
@url_option
def command(follow, lines, event_name, user, since, project, as_json, url) -> None:
    """Print the newest events.

    Oldest first: when, what, who, properties.
    """
    asked = {"since": since, "limit": str(max(lines, 200))}
    asked |= {"event_name": event_name} if event_name is not None else {}
    asked |= {"external_id": user} if user is not None else {}
    with opened_door(project, url) as door:
        rows = door.page(asked)["data"]
        _print(reversed(rows[:lines]), as_json)
        if follow:
            try:
                for news in _arrivals(door, asked, rows):
                    _print(news, as_json)
            except KeyboardInterrupt:  # the one way to end it: no failure
                return


def _arrivals(door: AdminDoor, asked: dict[str, str], known: list[dict]) -> Iterator[list[dict]]:
    """What came in since the last look, oldest first, for ever.

    Ids grow as events are stored, times do not: an event of this morning may come in now. So each look reads pages from
    the newest on, until one holds nothing new; what comes in with an older time than that whole page is not shown.
    """
    floor = max((int(row["id"]) for row in known), default=0)
    seen: set[int] = set()
    while True:
        time.sleep(_POLL_S)
        news, cursor = [], {}
        while cursor is not None:
            answer = door.page(asked | cursor)
            fresh = [row for row in answer["data"] if int(row["id"]) > floor and int(row["id"]) not in seen]
            news += fresh
            seen.update(int(row["id"]) for row in fresh)
            cursor = {"cursor": answer["next_cursor"]} if fresh and answer["next_cursor"] else None
        if len(seen) > _MOST_REMEMBERED:
            floor = sorted(seen)[len(seen) // 2]
            seen = {row_id for row_id in seen if row_id > floor}
        yield news[::-1]


def _print(rows, as_json: bool) -> None:
    for row in rows:
        if as_json:
            click.echo(json.dumps(row))
            continue
        user = row["app_user_id"] or row["install_id"] or "-"
        properties = json.dumps(row["properties"], ensure_ascii=False)
        click.echo(_printable(f"{row['occurred_at']}  {row['event_name']:30}  {user:36}  {properties}"))


def _printable(text: str) -> str:
    """Without what would steer the terminal: names and properties are whatever somebody sent."""
    return text if text.isprintable() else "".join(c if c.isprintable() else "\ufffd" for c in text)
