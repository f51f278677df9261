"""`drengr project …`: make and list projects (contract 7)."""

import json

import click

from drengr.cli.database import open_store
from drengr.cli.printing import answer, check_output, say, show_once, shown


@click.group("project")
def group() -> None:
    """Make and list projects; each owns its events and keys."""


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


@group.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON array.")
def list_projects(as_json: bool) -> None:
    """List the projects: id, name, and how long events are kept."""
    with open_store(must_exist=True) as store:
        projects = [(project, store.keeping(project.id)) for project in store.projects()]
    if as_json:
        answer(
            json.dumps([{"project_id": p.uuid, "name": p.name, "keep_days": kept.days} for p, kept in projects])
        )
        return
    for project, kept in projects:
        days = "" if kept.days is None else f"  (events are kept for {kept.days} days)"
        stopped = "  Nothing expires, the clock jumped: say `drengr project keep` again." if kept.is_stopped else ""
        answer(f"{project.uuid}  {shown(project.name)}{days}{stopped}")
    if not projects:
        say("No project yet. Make one: drengr project create NAME", err=True)
