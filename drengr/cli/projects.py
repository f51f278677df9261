"""`drengr project …`: make, list, rename and delete projects (contract 7, 9)."""

import json

import click

from drengr.admin.deletions import DeletionQuery
from drengr.cli.asking import Text
from drengr.cli.database import chosen_project, open_store
from drengr.cli.printing import answer, check_output, say, show_once, shown
from drengr.cli.removing import agreed, dry_run_option, worked_off, yes_option
from drengr.store.clock import now_ms


@click.group("project")
def group() -> None:
    """Make, list, rename, keep and delete projects; each owns its events and keys."""


@group.command()
@click.argument("name")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def create(name: str, as_json: bool) -> None:
    """Make a project with one key of each kind.

    Prints its id and both keys; they are never shown again.
    """
    check_output()
    with open_store() as store:
        try:
            made = store.make_project(name)
        except ValueError as error:
            raise click.UsageError(str(error)) from error

        def revoke_both() -> None:
            for key in (made.publishable_key, made.secret_key):
                store.revoke_key(key)

        lines = [f"{member:16} {value}" for member, value in made._asdict().items()]
        show_once(
            json.dumps(made._asdict()) if as_json else "\n".join(lines),
            revoke_both,
            "The project is there, its keys were revoked; make new ones: drengr key create PROJECT --kind …",
        )


@group.command()
@click.argument("project", metavar="NAME|ID", type=Text())
@click.argument("name")
def rename(project: str, name: str) -> None:
    """Give a project another name; its id, keys and events stay."""
    with open_store(must_exist=True, access="write") as store:
        found = chosen_project(store, project)
        try:
            store.rename_project(found, name)
        except ValueError as error:
            raise click.UsageError(shown(error)) from error
        answer(f"{shown(found.name)} is named {shown(store.find_project(found.uuid).name)} now.")


@group.command()
@click.argument("project", metavar="NAME|ID", type=Text())
@dry_run_option
@yes_option
def delete(project: str, dry_run: bool, yes: bool) -> None:
    """Delete a project: its events, people, keys and counts.

    Its keys end at once. There is no way back but a backup, and a backup that is restored later brings nothing of it.
    """
    with open_store(must_exist=True, access="write") as store:
        found = chosen_project(store, project)
        keys = sum(key.is_good(now_ms()) for key in store.all_keys(found))
        say(f"{store.would_delete(found.id, DeletionQuery()):,} events and {keys} keys would go.", err=True)
        if dry_run:
            return
        agreed(f"Delete the project {shown(found.name)}, with everything it has?", yes=yes)
        number = store.delete_project(found)

        def left() -> list[int]:
            return [removal.events for removal in store.under_way() if removal.id == number]

        def progress() -> str:
            return "".join(f"{gone:,} events are gone." for gone in left())

        worked_off(store, lambda: not left(), progress)
        answer(f"The project {shown(found.name)} is gone.")
        for path in store.copies():
            say(f"This copy may still hold it: {shown(path)}", err=True)


@group.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON array.")
def list_projects(as_json: bool) -> None:
    """List the projects: id, name, and how long events are kept."""
    with open_store(must_exist=True) as store:
        projects = [(project, store.keeping(project.id)) for project in store.projects()]
        going = {removal.project for removal in store.under_way() if removal.is_of_all}
    if as_json:
        answer(
            json.dumps([{"project_id": p.uuid, "name": p.name, "keep_days": kept.days} for p, kept in projects])
        )
        return
    for project, kept in projects:
        days = "" if kept.days is None else f"  (events are kept for {kept.days} days)"
        stopped = "  Nothing expires, the clock jumped: say `drengr project keep` again." if kept.is_stopped else ""
        deleted = "  It is being deleted." if project.name in going else ""
        answer(f"{project.uuid}  {shown(project.name)}{days}{stopped}{deleted}")
    if not projects:
        say("No project yet. Make one: drengr project create NAME", err=True)
