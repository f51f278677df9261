"""`drengr tail`: the log as it grows (contract 6)."""

import json
import time
from collections.abc import Iterable

import click

from drengr.admin.questions import MAX_LIMIT
from drengr.cli.asking import Text, chosen_door, event_name_option, name_meant, project_option, tell_near, url_option
from drengr.cli.printing import answer, shown
from drengr.cli.times import Time

_POLL_S = 1.0


@click.command("tail")
@click.option("-f", "--follow", is_flag=True, help="Go on: print events as they arrive, until Ctrl-C.")
@click.option("-n", "--lines", type=click.IntRange(1, 1000), default=20, show_default=True, help="To begin with.")
@event_name_option
@click.option("--user", type=Text(), help="Only this user id.")
@click.option("--since", type=Time(), default="24h", show_default=True, help="7d, 12h, 90m, or an ISO-8601 time.")
@project_option
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line, as the API shows it.")
@url_option
def command(
    follow: bool,
    lines: int,
    event_name: str | None,
    user: str | None,
    since: str,
    project: str | None,
    as_json: bool,
    url: str | None,
) -> None:
    """Print the newest events.

    Oldest first: when, what, who, properties. With -f, whatever is stored from then on, however old its time. With
    --url and -f: what is received from then on, not older than 80 days and among the newest 20,000 events.
    """
    with chosen_door(project, url) as door:
        asked = {"external_id": user} if user is not None else {}
        if event_name is not None:
            asked["event_name"] = name_meant(door, event_name)
        arrivals = door.arrivals(asked) if follow else None
        rows = door.page({**asked, "since": since, "limit": str(lines)})["data"]
        if event_name is not None and not rows:
            tell_near(door, asked["event_name"])
        _print(reversed(rows), as_json)
        printed = {row["id"] for row in rows}
        if arrivals is None:
            return
        try:
            for news in arrivals:
                _print((row for row in news if row["id"] not in printed), as_json)
                if len(news) < MAX_LIMIT:  # else more wait already
                    time.sleep(_POLL_S)
        except KeyboardInterrupt:  # the one way to end it: no failure
            return


def _print(rows: Iterable[dict], as_json: bool) -> None:
    for row in rows:
        if as_json:
            answer(json.dumps(row))
            continue
        user = row["app_user_id"] or row["install_id"] or "-"
        properties = json.dumps(row["properties"], ensure_ascii=False)
        answer(f"{row['occurred_at']}  {shown(row['event_name']):30}  {shown(user):36}  {shown(properties)}")
