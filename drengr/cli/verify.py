"""`drengr verify`: proof that the totals equal the events and that the file is sound."""

import click

from drengr.cli.opened import open_store
from drengr.store.verify import faults_of_file, repair, wrong_totals

_MOST_SHOWN = 20


@click.command("verify")
@click.option("--repair", "with_repair", is_flag=True, help="Count wrong totals anew, in one transaction.")
def command(with_repair: bool) -> None:
    """Check the file and its totals.

    Every total must equal its events. Works beside a running service.

    Exit codes: 0 all is right (or was made right by --repair), 1 something is wrong.
    """
    with open_store(must_exist=True) as store:
        faults = faults_of_file(store.database)
        _show("The file", faults)
        wrong = wrong_totals(store.database)
        _show("Totals", [str(total) for total in wrong])
        if with_repair and wrong:
            repair(store.commits, wrong)
            wrong = wrong_totals(store.database)
            click.echo(f"Still wrong: {len(wrong)} totals." if wrong else "Repaired.")
    raise SystemExit(1 if faults or wrong else 0)


def _show(what: str, faults: list[str]) -> None:
    click.echo(f"{what}: {f'{len(faults)} faults' if faults else 'all right'}.")
    for fault in faults[:_MOST_SHOWN]:
        click.echo(f"  {fault}")
    if len(faults) > _MOST_SHOWN:
        click.echo(f"  … and {len(faults) - _MOST_SHOWN} more")
