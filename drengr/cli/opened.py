"""The database that a command works on."""

from collections.abc import Iterator
from contextlib import contextmanager

import click

from drengr.config import read_config
from drengr.store import Store
from drengr.store.projects import Project, UnknownProject, find_project


@contextmanager
def open_store() -> Iterator[Store]:
    """The store of DRENGR_DATABASE, closed afterwards."""
    config = read_config()
    store = Store(config["DRENGR_DATABASE"], config["DRENGR_SYNCHRONOUS"])
    try:
        yield store
    finally:
        store.close()


def chosen_project(store: Store, name_or_uuid: str | None) -> Project:
    """The project asked for, or the only one; a usage error (exit code 2) that lists them otherwise."""
    try:
        return find_project(store.database, name_or_uuid)
    except UnknownProject as error:
        raise click.UsageError(str(error)) from error
