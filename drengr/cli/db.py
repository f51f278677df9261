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
