"""The questions of contract 6 and 8 from the command line: what the file and a remote service have in common."""

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Protocol

import click

from drengr.admin.words import BadSlot
from drengr.cli.database import chosen_project, open_store
from drengr.cli.local_door import LocalDoor
from drengr.cli.printing import say, shown
from drengr.cli.remote_door import RemoteDoor
from drengr.events import event
from drengr.events.jsontext import clean_text

_OF_ALL_TIMES = "0001-01-01"


class Text(click.ParamType):
    """A name or id as somebody types it; bytes that are no UTF-8 become U+FFFD, as they do at the doors."""

    name = "TEXT"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """The text as it would be stored."""
        return clean_text(value)


project_option = click.option(
    "--project", type=Text(), metavar="NAME|ID", help="Default: the only one. With --url: its id."
)
only_project_option = click.option("--project", type=Text(), metavar="NAME|ID", help="Default: the only one.")
event_name_option = click.option(
    "--event-name", type=Text(), help="Only this event: as stored, or as people write it."
)
url_option = click.option("--url", type=Text(), help="Ask the service there; DRENGR_SECRET_KEY is its key.")


class AdminDoor(Protocol):
    """Answers as the admin API does; parameters are those of its query strings."""

    def page(self, asked: Mapping[str, str]) -> dict:
        """One page of the log: {"data": […], "next_cursor": …}."""

    def count(self, asked: Mapping[str, str]) -> dict:
        """{"total": n} and, when grouped, "buckets"."""

    def arrivals(self, asked: Mapping[str, str]) -> Iterator[list[dict]]:
        """What is stored from now on, look by look, the oldest first; at each look at most a page of the log."""

    def ask(self, call: str, asked: Mapping[str, str | Sequence[str]]) -> dict:
        """The API's answer to one of answering.CALLS. Raises BadSlot, NOT_FOUND too."""

    def names_near(self, name: str) -> list[str]:
        """Event names that look like this one."""


@contextmanager
def chosen_door(project: str | None, url: str | None) -> Iterator[AdminDoor]:
    """The door to ask; a question that it finds wrong ends with exit code 2, nothing found with 1."""
    try:
        if url is not None:
            yield _remote(url, project)
        else:
            with open_store(must_exist=True) as store:
                yield LocalDoor(store, chosen_project(store, project))
    except BadSlot as bad:
        if bad.code == "NOT_FOUND":
            raise click.ClickException(f"{shown(bad.message)}.") from bad
        raise click.UsageError(f"{shown(bad.message)} ({bad.code})") from bad


def name_meant(door: AdminDoor, name: str) -> str:
    """The stored name that somebody means who typed this; says so when it is another one."""
    stored = event.name_meant(name, partial(has_events, door))
    if stored != name:
        say(f'"{shown(name)}" is looked up as {stored}.', err=True)
    return stored


def has_events(door: AdminDoor, name: str) -> bool:
    """Whether there is an event with exactly this name."""
    return bool(door.page({"event_name": name, "since": _OF_ALL_TIMES, "limit": "1"})["data"])


def tell_near(door: AdminDoor, name: str) -> None:
    """Name the events that look like one of which nothing was found: most likely it was misspelt."""
    near = door.names_near(name)
    if near:
        names = ", ".join(shown(each) for each in near)
        say(f'Nothing was found of "{shown(name)}". Names that look like it: {names}', err=True)


def _remote(url: str, project: str | None) -> RemoteDoor:
    key = os.environ.get("DRENGR_SECRET_KEY", "").strip()
    if not key:
        raise click.UsageError("--url needs the project's secret key in the environment: DRENGR_SECRET_KEY.")
    if not (key.isascii() and key.isprintable()):
        raise click.UsageError("DRENGR_SECRET_KEY is no key of Drengr: it has characters that no key has.")
    if not project:
        raise click.UsageError("--url needs the project's id: --project ID (see `drengr project list` there).")
    if not url.startswith(("http://", "https://")):
        raise click.UsageError("--url takes an http:// or https:// address.")
    return RemoteDoor(url, project, key)
