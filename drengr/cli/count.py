"""`drengr count`: how many events, as a small table (contract 6)."""

import json
import shutil

import click

from drengr.cli.asking import Text, chosen_door, name_meant, project_option, tell_near, url_option
from drengr.cli.printing import answer, can_print, shown
from drengr.cli.times import Time

_WIDEST_KEY = 40
_WIDEST_BAR = 40
_EIGHTHS = "█▏▎▍▌▋▊▉"


@click.command("count")
@click.option(
    "--since", type=Time(), required=True, help="7d, 12h, 90m, or an ISO-8601 time; with --url at most 90 days ago."
)
@click.option("--until", type=Time(), help="The same; a date means that whole day. Default: now.")
@click.option("--by", type=click.Choice(["day", "event_name"]), help="One line for each.")
@click.option("--event-name", type=Text(), help="Only this event: as stored, or as people write it.")
@project_option
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object, as the API shows it.")
@url_option
def command(
    since: str,
    until: str | None,
    by: str | None,
    event_name: str | None,
    project: str | None,
    as_json: bool,
    url: str | None,
) -> None:
    """Count the events of a window."""
    words = {"since": since, "until": until, "group_by": by}
    with chosen_door(project, url) as door:
        if event_name is not None:
            words["event_name"] = name_meant(door, event_name)
        counted = door.count({name: word for name, word in words.items() if word is not None})
        if event_name is not None and not counted["total"]:
            tell_near(door, words["event_name"] or event_name)
    if as_json:
        answer(json.dumps(counted))
        return
    for line in _table(counted.get("buckets") or [], shutil.get_terminal_size().columns):
        answer(line)
    answer(f"{counted['total']:,} events")


def _table(buckets: list[dict], columns: int) -> list[str]:
    """One line a bucket, with a bar: `2026-11-20    1,204  ████████`."""
    if not buckets:
        return []
    keys = [shown(bucket["key"]) for bucket in buckets]
    most = max(bucket["count"] for bucket in buckets)
    key_width = min(max(map(len, keys)), _WIDEST_KEY)
    number_width = len(f"{most:,}")
    bar_width = max(min(columns - key_width - number_width - 4, _WIDEST_BAR), 1)
    bar = _bar if can_print(_EIGHTHS) else _plain_bar
    return [
        f"{key[:key_width]:{key_width}}  {bucket['count']:{number_width},}  {bar(bucket['count'] / most * bar_width)}"
        for key, bucket in zip(keys, buckets, strict=True)
    ]


def _bar(length: float) -> str:
    """A bar to an eighth of a character, never quite nothing.

    >>> _bar(2.5), _bar(0.01)
    ('██▌', '▏')
    """
    eighths = max(round(length * 8), 1)
    return "█" * (eighths // 8) + ("" if eighths % 8 == 0 else _EIGHTHS[eighths % 8])


def _plain_bar(length: float) -> str:
    return "#" * max(round(length), 1)
