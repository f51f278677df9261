"""`drengr verify`: proof that the totals equal the events and that the file is sound."""

import json

import click

from drengr.cli.database import open_store
from drengr.cli.printing import say, shown

_MOST_SHOWN = 20


@click.command("verify")
@click.option("--repair", "with_repair", is_flag=True, help="Count wrong totals anew, in one transaction.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object with every fault.")
def command(with_repair: bool, as_json: bool) -> None:
    """Check the file and its totals.

    Every total must equal its events. Works beside a running service.

    Exit codes: 0 all is right (or was made right by --repair), 1 something is wrong.
    """
    with open_store(must_exist=True, access="inspect") as store:
        faults = store.faults()
        wrong = left = store.wrong_totals()
        if with_repair and wrong:
            store.repair(wrong)
            left = store.wrong_totals()
    totals = [str(total) for total in wrong]
    if as_json:
        say(json.dumps({"faults": faults, "wrong_totals": totals, "still_wrong": len(left)}))
    else:
        _show("The file", faults)
        _show("Totals", totals)
        if with_repair and wrong:
            say(f"Still wrong: {len(left)} totals." if left else "Repaired.")
    raise SystemExit(1 if faults or left else 0)


def _show(what: str, faults: list[str]) -> None:
    say(f"{what}: {f'{len(faults)} faults' if faults else 'all right'}.")
    for fault in faults[:_MOST_SHOWN]:
        say(f"  {shown(fault)}")
    if len(faults) > _MOST_SHOWN:
        say(f"  … and {len(faults) - _MOST_SHOWN} more")
