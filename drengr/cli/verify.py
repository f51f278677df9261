"""`drengr verify`: proof that the totals equal the events and that the file is sound."""

import click

from drengr.cli.database import open_store

_MOST_SHOWN = 20


@click.command("verify")
@click.option("--repair", "with_repair", is_flag=True, help="Count wrong totals anew, in one transaction.")
def command(with_repair: bool) -> None:
    """Check the file and its totals.

    Every total must equal its events. Works beside a running service.

    Exit codes: 0 all is right (or was made right by --repair), 1 something is wrong.
    """
    with open_store(must_exist=True) as store:
        faults = store.faults()
        _show("The file", faults)
        wrong = store.wrong_totals()
        _show("Totals", [str(total) for total in wrong])
        if with_repair and wrong:
            store.repair(wrong)
            wrong = store.wrong_totals()
            click.echo(f"Still wrong: {len(wrong)} totals." if wrong else "Repaired.")
    raise SystemExit(1 if faults or wrong else 0)


def _show(what: str, faults: list[str]) -> None:
    click.echo(f"{what}: {f'{len(faults)} faults' if faults else 'all right'}.")
    for fault in faults[:_MOST_SHOWN]:
        click.echo(f"  {fault}")
    if len(faults) > _MOST_SHOWN:
        click.echo(f"  … and {len(faults) - _MOST_SHOWN} more")
