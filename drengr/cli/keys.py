"""`drengr key …`: make, list, rotate and revoke keys (contract 7, 9)."""

import json
from datetime import UTC, datetime

import click

from drengr.cli.database import chosen_project, open_store
from drengr.cli.printing import answer, check_output, say, show_once, shown
from drengr.cli.times import Span
from drengr.events.times import DAY_MS
from drengr.keys import KINDS
from drengr.store import Key, Store, StoreError
from drengr.store.clock import now_ms


@click.group("key")
def group() -> None:
    """Make, list, rotate and revoke keys."""


@group.command()
@click.argument("project")
@click.option("--kind", type=click.Choice(list(KINDS)), required=True, help="publishable sends events, secret reads.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def create(project: str, kind: str, as_json: bool) -> None:
    """Make a key of a project.

    PROJECT is its name or id. Prints the key; a secret one is never shown again.
    """
    check_output()
    with open_store(must_exist=True, access="write") as store:
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

    Id, project, kind, the key (of secret ones the first characters), when made, when last used, until when good.
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
@click.option(
    "--grace",
    type=Span(),
    metavar="TIME",
    help="How long the old key stays good: 90s, 30m, 24h, 7d; 0: not at all. Default of a secret key: 24h.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def rotate(key: str, grace: int | None, as_json: bool) -> None:
    """Make a new key in the place of an old one.

    KEY is the id that `drengr key list` shows, or the key itself. Prints the new key; the old one stays good for the
    time of --grace, or until it is revoked.
    """
    check_output()
    with open_store(must_exist=True, access="write") as store:
        old = _good_key(store, key)
        if old.revoked_at is not None:
            raise click.UsageError(
                f"Key {old.id} was rotated already and is good until {_moment(old.revoked_at)};"
                f" to end it now: drengr key revoke {old.id}"
            )
        if grace is None and old.kind == "publishable":
            raise click.UsageError(
                "Say with --grace how long the old publishable key stays good: apps in the field keep it for months,"
                " and what they send with a revoked one is lost. It was last used: " + _last_used(old)
            )
        new = store.make_key(store.find_project(old.project), old.kind)
        end = now_ms() + (DAY_MS if grace is None else grace)
        told = {f"{old.kind}_key": new, "old_key": old.id, "good_until": end, "last_used_at": old.last_used_at}
        show_once(
            json.dumps(told) if as_json else new,
            lambda: store.revoke_key(new),
            "The new key was revoked, because nobody saw it; the old one is as it was.",
        )
        try:
            store.revoke_key(str(old.id), end)
        except StoreError as error:
            raise click.ClickException(
                f"{error}. The new key is good, but the old one too, without an end: drengr key revoke {old.id}"
            ) from error
    until = "stopped" if grace == 0 else f"is good until {_moment(end)}"
    say(f"The old key, {old.id}, {until}; it was last used: {_last_used(old)}", err=True)


@group.command()
@click.argument("key")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def revoke(key: str, as_json: bool) -> None:
    """Revoke a key; it stops at once.

    KEY is the id that `drengr key list` shows, or the key itself. Tells when it was last used.
    """
    with open_store(must_exist=True, access="write") as store:
        old = _good_key(store, key)
        if not store.revoke_key(str(old.id)):
            raise _no_good_key()
    as_object = {"revoked": True, "last_used_at": old.last_used_at}
    say(json.dumps(as_object) if as_json else f"revoked; last used: {_last_used(old)}")


def _good_key(store: Store, key_or_id: str) -> Key:
    key = store.find_key(key_or_id)
    if key is None or not key.is_good(now_ms()):
        raise _no_good_key()
    return key


def _no_good_key() -> click.UsageError:
    return click.UsageError("No good key has this id or text; see `drengr key list`.")


def _line(key: Key) -> str:
    text = key.key or key.hint
    return (
        f"{key.id:4}  {shown(key.project):20}  {key.kind:11}  {text:42}  made {_day(key.created_at)}"
        f"  used {_last_used(key)}  {_end(key)}"
    )


def _end(key: Key) -> str:
    if key.revoked_at is None:
        return "good"
    return f"good until {_moment(key.revoked_at)}" if key.is_good(now_ms()) else f"revoked {_day(key.revoked_at)}"


def _last_used(key: Key) -> str:
    return "never" if key.last_used_at is None else _day(key.last_used_at)


def _day(epoch_ms: int) -> str:
    return f"{datetime.fromtimestamp(epoch_ms / 1000, UTC):%Y-%m-%d %H:%M}Z"


def _moment(epoch_ms: int) -> str:
    return f"{datetime.fromtimestamp(epoch_ms / 1000, UTC):%Y-%m-%d %H:%M:%S}Z"
