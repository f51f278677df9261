"""The database that a command works on."""

from collections.abc import Iterator
from contextlib import contextmanager

import click

from drengr import store as stores
from drengr.cli.printing import shown
from drengr.config import Config, read_config
from drengr.store import Access, Project, Store, StoreError, UnknownProject


@contextmanager
def open_store(*, must_exist: bool = False, access: Access | None = None) -> Iterator[Store]:
    """The store of DRENGR_DATABASE, closed afterwards; made when it is missing, unless it must exist.

    access  see drengr.store.open_store; default: "read" of what must exist, else "write"
    """
    config = read_config()
    if must_exist:
        must_be_there(config)
    access = access or ("read" if must_exist else "write")
    store = stores.open_store(
        config["DRENGR_DATABASE"], config["DRENGR_SYNCHRONOUS"], access,
        connections=config["DRENGR_CONNECTIONS"],
    )
    try:
        yield store
    finally:
        store.close()


def must_be_there(config: Config) -> None:
    """A usage error (exit code 2) when there is no database yet, or none can be there; nothing is made."""
    try:
        is_there = stores.exists(config["DRENGR_DATABASE"])
    except StoreError as error:
        if config.on_server:
            raise
        raise click.UsageError(shown(error)) from error
    if not is_there:
        raise click.UsageError(
            f"There is no database {shown(config.database_shown)} yet; set DRENGR_DATABASE, or make a project first:"
            " drengr project create NAME"
        )


def chosen_project(store: Store, name_or_uuid: str | None) -> Project:
    """The project asked for, or the only one; a usage error (exit code 2) that lists them otherwise."""
    try:
        return store.find_project(name_or_uuid)
    except UnknownProject as error:
        raise click.UsageError(shown(error)) from error
