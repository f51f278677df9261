"""`drengr tombstones`: who was erased, kept apart from the database and its backups (contract 9, 13)."""

import gzip
import zlib
from collections.abc import Iterator
from itertools import groupby, islice

import click

from drengr.cli.database import open_store
from drengr.cli.outputs import Write, writing
from drengr.cli.printing import answer, say, shown
from drengr.cli.removing import worked_off
from drengr.people import tombstones
from drengr.people.tombstones import NotTombstones, Origin, Saved
from drengr.store import Project, Store

_GZIP = b"\x1f\x8b"
_AT_ONCE = 1_000  # in one transaction: some milliseconds
_ELSEWHERE = "it is of another database"


@click.group("tombstones")
def group() -> None:
    """Who was erased, to be kept apart from backups.

    A backup that was made before somebody was erased brings them back when other tools than `drengr restore` put it in
    place (pg_dump, a copy of the disk). Save after erasing, and apply after such a restore.
    """


@group.command()
@click.argument("file", metavar="FILE[.gz]")
def save(file: str) -> None:
    """Write the tombstones of all projects to FILE.

    It holds hashes, no ids, and means something only to this database and its copies.
    """
    with open_store(must_exist=True) as store:
        with writing(file, "file") as write:
            write(tombstones.first_line(_origin(store)))
            count = sum(_save_project(store, project, write) for project in store.projects())
            write(tombstones.last_line(count))
        say(f"{count:,} tombstones in {shown(file)}", err=True)


def _save_project(store: Store, project: Project, write: Write) -> int:
    """How many were written."""
    count, last = 0, tombstones.FIRST
    while found := store.tombstones_after(project.id, last):
        write(tombstones.lines(project.uuid, project.id, found))
        count, last = count + len(found), found[-1]
    return count


@group.command()
@click.argument("file", metavar="FILE[.gz]")
def apply(file: str) -> None:
    """Let the tombstones of FILE hold again, and what they forbid go.

    For a database that other tools put back; also beside a running service, and as often as you like. Of two tombstones
    of a person the newer one holds.
    """
    with open_store(must_exist=True, access="write") as store:
        try:
            count, projects = _put_back(store, file)
        except (NotTombstones, OSError, EOFError, zlib.error) as error:
            why = (isinstance(error, OSError) and error.strerror) or error
            raise click.UsageError(f"{shown(file)} cannot be applied: {shown(why)}.") from error
        removals = {store.erase_entombed(project_id) for project_id in projects}

        def left() -> list[int]:
            return [removal.events for removal in store.under_way() if removal.id in removals]

        worked_off(store, lambda: not left(), lambda: f"{sum(left()):,} events are gone.")
        answer(f"{count:,} tombstones hold; what they forbid is gone.")


def _put_back(store: Store, file: str) -> tuple[int, list[int]]:
    """(how many tombstones hold again, whose: the numbers of the projects). Raises NotTombstones, before it writes."""
    known = {project.uuid: project.id for project in store.projects()}
    for saved in _saved(store, file):
        if known.get(saved.project, saved.number) != saved.number:
            raise NotTombstones(_ELSEWHERE)
    count, projects = 0, []
    there = (saved for saved in _saved(store, file) if saved.project in known)
    for number, of_project in groupby(there, lambda saved: saved.number):
        projects.append(number)
        while some := [saved.tombstone for saved in islice(of_project, _AT_ONCE)]:
            store.put_tombstones(number, some)
            count += len(some)
    return count, projects


def _saved(store: Store, file: str) -> Iterator[Saved]:
    """The lines of a file of this database. Raises NotTombstones, at the end when it is not whole."""
    with open(file, "rb") as plain, gzip.open(plain) if plain.peek(2)[:2] == _GZIP else plain as lines:
        if tombstones.origin_of(next(lines, b"")) != _origin(store):
            raise NotTombstones(_ELSEWHERE)
        yield from tombstones.read(lines)


def _origin(store: Store) -> Origin:
    return Origin(store.database_id(), store.key_check())
