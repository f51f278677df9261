"""`drengr imports` and `drengr import --undo`: what was imported, and how it is taken back (contract 9)."""

import json

import click

from drengr.answering import shown_import
from drengr.cli.asking import only_project_option
from drengr.cli.database import chosen_project, open_store
from drengr.cli.printing import answer, say, shown
from drengr.cli.removing import agreed, gone_of, worked_off
from drengr.events.times import iso_text
from drengr.store import PastImport, Store


@click.command("imports")
@only_project_option
@click.option("--limit", type=click.IntRange(1), default=20, show_default=True, help="How many, the newest first.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON array.")
def command(project: str | None, limit: int, as_json: bool) -> None:
    """List what was imported.

    A line for each file or upload, the newest first; its number is what `drengr import --undo` takes.
    """
    with open_store(must_exist=True) as store:
        found = store.imports(chosen_project(store, project).id, limit)
    if as_json:
        answer(json.dumps([shown_import(each) for each in found]))
        return
    for each in found:
        answer(_line(each))
    if not found:
        say("Nothing was imported yet.", err=True)


def _go_on(store: Store, project_id: int, number: int, *, dry_run: bool) -> None:
    """Let the rest go of an import that was undone, by a command that was ended before it was done."""

    def left() -> int:
        return store.would_undo(project_id, number)

    going = left()
    if not going:
        raise click.UsageError(f"Import {number} was undone already.")
    say(f"{going:,} of its events are still to go.", err=True)
    if not dry_run:
        worked_off(store, lambda: not left(), lambda: f"{left():,} of its events are still to go.")
        answer(f"{going:,} events are gone.")


def undo(number: int, project: str | None, *, dry_run: bool, yes: bool) -> None:
    """Let everything go that one import brought."""
    with open_store(must_exist=True, access="write") as store:
        project_id = chosen_project(store, project).id
        found = next(iter(store.imports(project_id, 1, number + 1)), None)
        if found is None or found.number != number:
            raise click.UsageError(f"There is no import {number}; see `drengr imports`.")
        say(_line(found), err=True)
        if found.undone_at is not None:
            _go_on(store, project_id, number, dry_run=dry_run)
            return
        going = store.would_undo(project_id, number)
        say(f"{going:,} events would go.", err=True)
        if dry_run:
            return
        agreed("Undo it?", yes=yes)
        try:
            removal = store.undo_import(project_id, number)
        except ValueError as error:  # somebody else did
            raise click.UsageError(str(error)) from error
        gone_of(store, removal, going)
        say(
            "Rows of later files that repeated it are gone too: send again the files imported after it. Live events"
            " that repeated it are not restored.",
            err=True,
        )


def _line(found: PastImport) -> str:
    counts = f"{found.imported:,} imported + {found.duplicates:,} duplicates + {found.skipped:,} skipped"
    package = f" ({shown(found.app_package)})" if found.app_package else ""
    undone = f", undone {iso_text(found.undone_at)[:16]}Z" if found.undone_at is not None else ""
    file = shown(found.file) if found.file else "-"
    return f"{found.number:5}  {iso_text(found.received_at)[:16]}Z  {found.source}{package}  {file}  {counts}{undone}"
