"""`drengr export`: everything that a project has, as a file or on standard output (contract 9)."""

import os
import sys
from contextlib import nullcontext

import click

from drengr.admin.exports import FORMATS, ExportQuery, csv_head, csv_lines, export_query, ndjson_lines
from drengr.admin.words import BadSlot
from drengr.cli.asking import Text, event_name_option, name_meant, only_project_option, tell_near
from drengr.cli.database import chosen_project, open_store
from drengr.cli.import_report import told
from drengr.cli.local_door import LocalDoor
from drengr.cli.outputs import Write, writing
from drengr.cli.printing import say, shown
from drengr.cli.times import Time
from drengr.exporting import exported
from drengr.store import Project, Store


@click.command("export")
@click.option("-o", "output", metavar="FILE[.gz]", help="Packed when the name ends so; default: standard output.")
@click.option("--since", type=Time(), help="7d, 12h, 90m, or an ISO-8601 time; default: no bound.")
@click.option("--until", type=Time(), help="The same; a date means that whole day.")
@event_name_option
@click.option("--external-id", type=Text(), help="Only the events with this user id.")
@click.option("--install-id", type=Text(), help="Only the events of this device that have no user id.")
@click.option("--format", "chosen", type=click.Choice(list(FORMATS)), default=FORMATS[0], show_default=True)
@only_project_option
def command(
    output: str | None,
    since: str | None,
    until: str | None,
    event_name: str | None,
    external_id: str | None,
    install_id: str | None,
    chosen: str,
    project: str | None,
) -> None:
    """Take out a project's events.

    NDJSON is the exact form: `drengr import --source drengr` takes it back. FILE gets its name when it is whole. Safe
    beside a running service; every event that is there at the start is in it once.
    """
    given = {"since": since, "until": until, "external_id": external_id, "install_id": install_id, "format": chosen}
    asked = {name: [value] for name, value in given.items() if value is not None}
    with open_store(must_exist=True) as store:
        found = chosen_project(store, project)
        door = LocalDoor(store, found)
        if event_name is not None:
            asked["event_name"] = [name_meant(door, event_name)]
        try:
            query, _ = export_query(asked)
        except BadSlot as bad:
            raise click.UsageError(f"{shown(bad.message)} ({bad.code})") from bad
        with writing(output, "export") as write:
            events = _export(store, found, query, chosen, write, output)
        say(f"{events:,} events" + (f" in {shown(output)}" if output else ""), err=True)
        if event_name is not None and not events:
            tell_near(door, asked["event_name"][0])


def _export(
    store: Store, project: Project, query: ExportQuery, chosen: str, write: Write, output: str | None
) -> int:
    """How many events were written."""
    lines, events = ndjson_lines, 0
    if chosen == "csv":
        lines = csv_lines
        write(csv_head())
    last_id = store.last_id()
    label = shown(os.path.basename(output)) if output else "export"
    is_on_terminal = output is None and sys.stdout is not None and sys.stdout.isatty()  # no bar between its lines
    with nullcontext(_tell_nothing) if is_on_terminal else told(label, last_id) as tell:
        for each in exported(store, project.id, query, last_id):
            if each.events:
                write(lines(project.uuid, each.events))
                events += len(each.events)
            tell(each.seen_id, events)
    return events


def _tell_nothing(position: int, rows: int) -> None:
    pass
