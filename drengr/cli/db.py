"""`drengr db …`: the database file itself (contract 7)."""

import click

from drengr import store as stores
from drengr.cli.database import must_be_there
from drengr.cli.printing import answer, say, shown
from drengr.config import read_config


@click.group("db")
def group() -> None:
    """Look after the database file."""


@group.command()
@click.option("--dry-run", is_flag=True, help="Say what would be done, how long it takes and what room it needs.")
def migrate(dry_run: bool) -> None:
    """Bring a file of an older version up to date.

    Stop the service first. A copy of the file as it was is made beside it (FILE.before-…). May be killed at any moment
    and run again. The service does the same when it starts.
    """
    config = read_config()
    if not config.on_server:  # there, missing tables are made
        must_be_there(config)
    planned = stores.planned_upgrade(config["DRENGR_DATABASE"])
    if planned is None:
        answer(shown(f"{config.database_shown} is up to date."))
    elif dry_run:
        answer(shown(f"{config.database_shown}: {planned}"))
    else:
        stores.upgrade(config["DRENGR_DATABASE"], lambda text: say(shown(text)))
        answer("Done.")


@group.command()
def compact() -> None:
    """Make the file anew: nothing is left in it of what was deleted.

    Stop the service first. After an erasure a file over 64 MB may have a few copies of ids in unused parts of its pages
    until then. Needs room for a second file. May be killed at any moment: the name leads to the old file or the new.
    """
    config = read_config()
    must_be_there(config)
    made = stores.compact(config["DRENGR_DATABASE"], lambda text: say(shown(text), err=True))
    answer(f"{shown(made.path)}: {made.bytes_before:,} bytes before, {made.bytes:,} now, {made.seconds:.1f} s.")
