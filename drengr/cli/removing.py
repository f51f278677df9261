"""Events that go, by command: a person's, a bug's or a spammer's, and old ones (contract 9)."""

import re
import sys
import time
from collections.abc import Callable

import click

from drengr.admin.deletions import MOST_KEPT_DAYS, DeletionQuery
from drengr.admin.words import instant_ms, rest_of_day_ms
from drengr.cli import export
from drengr.cli.asking import Text, event_name_option, name_meant, only_project_option
from drengr.cli.database import chosen_project, open_store
from drengr.cli.local_door import LocalDoor
from drengr.cli.printing import answer, say, shown
from drengr.cli.times import Time
from drengr.people.erasures import Erasure
from drengr.people.questions import Who
from drengr.sources import STORED_SOURCES
from drengr.store import Store

_STEP_S = 1.0
_LEAST_STEP_S = 0.3
_DAYS = re.compile("([0-9]{1,6})d")

yes_option = click.option("--yes", is_flag=True, help="Do not ask; without a terminal nothing is done without it.")
dry_run_option = click.option("--dry-run", is_flag=True, help="Only say how many events would go.")


def agreed(question: str, *, yes: bool) -> None:
    """Returns when it may be done; else ends the command: exit code 1 when somebody says no, 2 when nobody can."""
    if yes:
        return
    if not (sys.stdin and sys.stdin.isatty()):
        raise click.UsageError("nothing was done: nobody can be asked here; say --yes if it is meant.")
    click.confirm(question, abort=True, err=True)


def worked_off(store: Store, is_done: Callable[[], bool], progress: Callable[[], str]) -> None:
    """Go on with what is to go until it is gone, and tell how far it has come; Ctrl-C leaves it to the service.

    On PostgreSQL it takes 30 s until no transaction can still be open that began before.
    """
    last, waits = "", False
    try:
        while not is_done():
            begun = time.monotonic()
            store.go_on_removing(_STEP_S)
            time.sleep(max(0.0, begun + _LEAST_STEP_S - time.monotonic()))  # a service may be at it
            text = progress()
            if text and text != last:
                say(text, err=True)
            elif text and not waits:
                say("Waiting for what was under way when it began.", err=True)
                waits = True
            last = text
    except KeyboardInterrupt:
        say("Stopped. What is left goes on when the service runs, or the next command of this kind.", err=True)
        raise click.Abort from None


@click.command("export")
@click.argument("person_id", metavar="ID", type=Text())
@click.option("--device", is_flag=True, help="ID is that of a device: its events that have no user id.")
@click.option("-o", "output", metavar="FILE[.gz]", help="Packed when the name ends so; default: standard output.")
@only_project_option
@click.pass_context
def export_person(
    context: click.Context, person_id: str, device: bool, output: str | None, project: str | None
) -> None:
    """Take out the events that `person erase` would take, as NDJSON."""
    whose = {"install_id" if device else "external_id": person_id}
    context.invoke(export.command, output=output, project=project, chosen="ndjson", **whose)


@click.command("erase")
@click.argument("person_id", metavar="ID", type=Text())
@click.option("--device", is_flag=True, help="ID is that of a device: its events that have no user id.")
@only_project_option
@dry_run_option
@yes_option
def erase(person_id: str, device: bool, project: str | None, dry_run: bool, yes: bool) -> None:
    """Forget a person: the events go, and do not come back.

    With a user go the anonymous events of devices that nobody else used. Events that occur later are taken again.
    """
    who = Who("device" if device else "user", person_id)
    with open_store(must_exist=True, access="write") as store:
        found = chosen_project(store, project)
        planned = store.would_erase(found.id, who, "command")
        _tell_plan(planned, who)
        if dry_run:
            return
        agreed("Erase them?", yes=yes)
        receipt = store.erase(found.id, who, "command", None, _STEP_S)

        def is_done() -> bool:
            nonlocal receipt
            (receipt,) = store.erasures(found.id, 1, (receipt.id or 0) + 1)
            return receipt.status == "done"

        worked_off(store, is_done, lambda: f"{receipt.events:,} of {planned.events:,} events are gone.")
        answer(f"Erased {receipt.events:,} events; receipt {receipt.id}.")
        for path in store.copies():
            say(f"This copy may still hold them: {shown(path)}", err=True)
        if receipt.events and store.leaves_traces():
            say(
                "In unused parts of so large a file a few copies of ids may be left until `drengr db compact`, which"
                " wants the service stopped.",
                err=True,
            )


def _tell_plan(planned: Erasure, who: Who) -> None:
    with_devices = f", with the anonymous events of {planned.devices:,} devices" if planned.devices else ""
    say(f"{planned.events:,} events would go{with_devices}.", err=True)
    if planned.shared_devices:
        say(f"{planned.shared_devices:,} devices keep their anonymous events: others used them too.", err=True)
    if planned.user is not None:
        say(f"The device is the user's {shown(planned.user)}: erase that id for the rest.", err=True)
    if planned.number is None:
        say(f'No event has the {who.kind} id "{shown(who.id)}" now; from now on older ones are refused.', err=True)


@click.group("events")
def events() -> None:
    """The events themselves."""


@events.command("delete")
@event_name_option
@click.option("--source", type=click.Choice(STORED_SOURCES), help="Only what came from there.")
@click.option("--since", type=Time(), help="Only since: 7d, 12h, 90m, or an ISO-8601 time.")
@click.option("--until", type=Time(), help="The same; a date means that whole day.")
@only_project_option
@dry_run_option
@yes_option
def delete(
    event_name: str | None,
    source: str | None,
    since: str | None,
    until: str | None,
    project: str | None,
    dry_run: bool,
    yes: bool,
) -> None:
    """Delete the events that meet every condition given: those of a bug, or of a spammer.

    They may be sent or imported again. At least one condition is needed.
    """
    if event_name is None and source is None and since is None and until is None:
        raise click.UsageError("say which: --event-name, --source, --since or --until.")
    with open_store(must_exist=True, access="write") as store:
        found = chosen_project(store, project)
        if event_name is not None:
            event_name = name_meant(LocalDoor(store, found), event_name)
        query = DeletionQuery(
            event_name,
            source,
            None if since is None else instant_ms(since),
            None if until is None else instant_ms(until) + rest_of_day_ms(until),
        )
        going = store.would_delete(found.id, query)
        say(f"{going:,} events would go.", err=True)
        if dry_run or not going:
            return
        agreed("Delete them?", yes=yes)
        number = store.delete_events(found.id, query)
        gone_of(store, number, going)


def gone_of(store: Store, number: int, going: int) -> None:
    """Work a removal off, and tell of it."""

    def left() -> list[int]:
        return [removal.events for removal in store.under_way() if removal.id == number]

    def progress() -> str:
        return "".join(f"{gone:,} of {going:,} events are gone." for gone in left())

    worked_off(store, lambda: not left(), progress)
    answer(f"{going:,} events are gone.")


class Days(click.ParamType):
    """`395d`, or `forever`; the value is the number of days, 0 for ever."""

    name = "DAYS"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """How many days."""
        match = _DAYS.fullmatch(value.strip())
        if value.strip() == "forever":
            return 0
        if match is None or not 1 <= int(match[1]) <= MOST_KEPT_DAYS:
            self.fail(f"{value!r} is neither a number of days such as 395d (at least 1d) nor forever", param, ctx)
        return int(match[1])


@click.command("keep")
@click.argument("project", metavar="NAME|ID", type=Text())
@click.argument("days", type=Days())
@dry_run_option
@yes_option
def keep(project: str, days: int, dry_run: bool, yes: bool) -> None:
    """Keep a project's events for so many days, such as 395d, or forever.

    What occurred earlier goes, now and every minute while the service runs, and is not taken any more.
    """
    with open_store(must_exist=True, access="write") as store:
        found = chosen_project(store, project)
        going = store.would_expire(found.id, days) if days else 0
        if going or dry_run:
            say(f"{going:,} events are older and would go.", err=True)
        if dry_run:
            return
        if going:
            agreed(f"Keep only {days} days of {shown(found.name)}?", yes=yes)
        store.keep(found.id, days or None)
        answer(f"{shown(found.name)}: events are kept " + (f"for {days} days." if days else "for ever."))
        if days:

            def left() -> int:
                return store.would_expire(found.id, days)

            worked_off(store, lambda: not left(), lambda: f"{left():,} events are still to go.")
