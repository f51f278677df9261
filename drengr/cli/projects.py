"""`drengr project …`: make and list projects (contract 7)."""

import json

import click

from drengr.cli.database import open_store


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
    with open_store() as store:
        try:
            made = store.make_project(name)._asdict()
        except ValueError as error:
            raise click.UsageError(str(error)) from error
    if as_json:
        click.echo(json.dumps(made))
        return
    for member, value in made.items():
        click.echo(f"{member:16} {value}")


@group.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON array.")
def list_projects(as_json: bool) -> None:
    """List the projects: id and name."""
    with open_store() as store:
        projects = store.projects()
    if as_json:
        click.echo(json.dumps([{"project_id": p.uuid, "name": p.name} for p in projects]))
        return
    for project in projects:
        click.echo(f"{project.uuid}  {project.name}")
    if not projects:
        click.echo("No project yet. Make one: drengr project create NAME", err=True)
