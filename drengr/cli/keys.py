"""`drengr key …`: make, list and revoke keys (contract 7)."""

import json
from datetime import UTC, datetime

import click

from drengr.cli.database import chosen_project, open_store
from drengr.cli.printing import answer, check_output, say, show_once, shown
from drengr.keys import KINDS
from drengr.store import Key


@click.group("key")
def group() -> None:
    """Make, list and revoke keys."""


@group.command()
@click.argument("project")
@click.option("--kind", type=click.Choice(list(KINDS)), required=True, help="publishable sends events, secret reads.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def create(project: str, kind: str, as_json: bool) -> None:
    """Make a key of a project.

    PROJECT is its name or id. Prints the key; it is never shown again.
    """
    check_output()
    with open_store(must_exist=True) as store:
        key = store.make_key(chosen_project(store, project), kind)
        show_once(
            json.dumps({f"{kind}_key": key}) if as_json else key,
            lambda: store.revoke_key(key),
            "The key was revoked, because nobody saw it.",
        )


@group.command("list")
@click.option("--project", metavar="NAME|ID", help="Only its keys; default: those of all projects.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON array.")
def list_keys(project: str | None, as_json: bool) -> None:
    """List keys.

    Id, project, kind, first characters, when made, when revoked.
    """
    with open_store(must_exist=True) as store:
        keys = store.all_keys(None if project is None else chosen_project(store, project))
    if as_json:
        answer(json.dumps([key._asdict() for key in keys]))
        return
    for key in keys:
        answer(_line(key))


@group.command()
@click.argument("key")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def revoke(key: str, as_json: bool) -> None:
    """Revoke a key; it stops at once.

    KEY is the id that `drengr key list` shows, or the key itself.
    """
    with open_store(must_exist=True) as store:
        if not store.revoke_key(key):
            raise click.UsageError("No good key has this id or text; see `drengr key list`.")
    say(json.dumps({"revoked": True}) if as_json else "revoked")


def _line(key: Key) -> str:
    end = f"revoked {_day(key.revoked_at)}" if key.revoked_at else "good"
    return f"{key.id:4}  {shown(key.project):20}  {key.kind:11}  {key.hint}  {_day(key.created_at)}  {end}"


def _day(epoch_ms: int) -> str:
    return f"{datetime.fromtimestamp(epoch_ms / 1000, UTC):%Y-%m-%d %H:%M}Z"
