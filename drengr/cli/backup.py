"""`drengr backup` and `drengr restore`: a copy of the database that was proved, and the way back (contract 9)."""

import os
from contextlib import suppress

import click

from drengr import store as stores
from drengr.cli.database import must_be_there
from drengr.cli.printing import answer, say, shown
from drengr.config import read_config


@click.command("backup")
@click.argument("target", metavar="FILE[.gz]|DIR/")
@click.option("--keep", type=click.IntRange(min=1), help="Of DIR: how many backups of this database are left.")
def backup(target: str, keep: int | None) -> None:
    """Make a backup of the database, beside a running service.

    It holds one moment, is checked before it gets its name, and is one file that needs no other. In DIR it is named
    drengr-YYYYMMDDTHHMMSSZ.db. Only a backup of this same database is ever replaced or removed.
    """
    if keep is not None and not (target.endswith("/") or os.path.isdir(target)):
        raise click.UsageError("--keep is for a folder: end its name in a /.")
    config = read_config()
    if not config.on_server:
        must_be_there(config)
    with suppress(OSError):
        os.nice(19)  # the p99 of live requests beside it was 1.8 times its own; with nice 10 2.1
    made = stores.back_up(config["DRENGR_DATABASE"], target, keep)
    if made.not_noted:
        say(f"Warning: the database does not know of this backup: {shown(made.not_noted)}", err=True)
    answer(f"{shown(made.path)}: {made.events:,} events, {made.bytes:,} bytes, {made.seconds:.1f} s.")
    for path in made.removed:
        answer(f"Removed: {shown(path)}")


@click.command("restore")
@click.argument("file")
@click.option(
    "--without-erasures", "without_old", is_flag=True,
    help="Also when the database that is there cannot be read: what it knows besides events is lost.",
)  # fmt: skip
def restore(file: str, without_old: bool) -> None:
    """Put a backup in the place of the database.

    Stop the service first. Only events and what counts them go back: projects, keys and settings stay as they are. The
    database that is there is set aside (FILE.before-…). A backup of an older version is brought up to date.
    """
    restored = stores.restore(
        read_config()["DRENGR_DATABASE"], file, lambda text: say(shown(text), err=True), without_old=without_old
    )
    path = shown(restored.path)
    answer(f"{path}: {restored.events:,} events, {restored.bytes:,} bytes, {restored.seconds:.1f} s.")
    if restored.set_aside:
        answer(f"The database as it was is {shown(restored.set_aside)}.")
    if restored.kept:
        answer("Projects, keys and settings are those of the database that was there.")
    else:
        was = "could not be read" if restored.set_aside else "did not exist"
        answer(
            f"{path} {was}: projects, keys and settings are those of the backup. What was changed after it was made"
            " (keys that were revoked, people who were erased) is not known. Whom `drengr tombstones save` kept"
            " is erased again by `drengr tombstones apply`."
        )
