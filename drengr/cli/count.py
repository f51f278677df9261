"""`drengr count`: how many events, as a small table (contract 6)."""

import shutil

import click

from drengr.cli.asking import opened_door, project_option, url_option
from drengr.cli.times import Moment

_WIDEST_KEY = 40
_WIDEST_BAR = 40


@click.command("count")
@click.option("--since", type=Moment(), required=True, help="7d, 12h, 90m, or an ISO-8601 time; at most 90 days ago.")
@click.option("--until", type=Moment(), help="The same; default: now.")
@click.option("--by", type=click.Choice(["day", "event_name"]), help="One line for each.")
@click.option("--event-name", help="Only this event, by its stored name.")
@project_option
@url_option
def command(since, until, by, event_name, project, url) -> None:
    """Count the events of a window."""
    words = {"since": since, "until": until, "group_by": by, "event_name": event_name}
    with opened_door(project, url) as door:
        counted = door.count({name: word for name, word in words.items() if word is not None})
    for line in _table(counted.get("buckets") or [], shutil.get_terminal_size().columns):
        click.echo(line)
    click.echo(f"{counted['total']:,} events")


def _table(buckets: list[dict], columns: int) -> list[str]:
    """One line a bucket, with a bar: `2026-11-20    1,204  ████████`."""
    if not buckets:
        return []
    keys = ["".join(c if c.isprintable() else "\ufffd" for c in bucket["key"]) for bucket in buckets]
    most = max(bucket["count"] for bucket in buckets)
    key_width = min(max(map(len, keys)), _WIDEST_KEY)
    number_width = len(f"{most:,}")
    bar_width = max(min(columns - key_width - number_width - 4, _WIDEST_BAR), 1)
    return [
        f"{key[:key_width]:{key_width}}  {bucket['count']:{number_width},}  {_bar(bucket['count'] / most * bar_width)}"
        for key, bucket in zip(keys, buckets, strict=True)
    ]


def _bar(length: float) -> str:
    """A bar to an eighth of a character, never quite nothing.

    >>> _bar(2.5), _bar(0.01)
    ('██▌', '▏')
    """
    eighths = max(round(length * 8), 1)
    return "█" * (eighths // 8) + ("", *"▏▎▍▌▋▊▉")[eighths % 8]
