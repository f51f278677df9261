"""`drengr restore`: a backup in the database's place (contract 9, Restore).

Only events and what counts them go back. At every moment the name leads to a whole database: everything is done to a
copy beside it, which then takes the name.
"""

import gzip
import os
import shutil
import sqlite3
import time
import zlib
from collections.abc import Callable
from contextlib import closing

from drengr.store.errors import DatabaseError
from drengr.store.results import Restored
from drengr.store.sqlite import checked, migrate, place, undoing
from drengr.store.sqlite.connections import connect
from drengr.store.sqlite.entombed import remove_erased
from drengr.store.sqlite.kept import ENDS, Kept, carry_over, held

_PATIENCE_S = 2.0  # with commands that use the database for a moment
_BLOCK_BYTES = 1 << 20

Say = Callable[[str], object]


def restore(path: str, source: str, say: Say, without_old: bool) -> Restored:
    """See drengr.store.restore. `path` is the real one."""
    began = time.monotonic()
    source = os.path.abspath(source)
    _must_be_a_file(source, path)
    with place.in_plain_words(path):
        if not place.is_writable(path):
            raise DatabaseError(place.unwritable_sentence(path))
        with closing(place.UseLock(path)) as lock:
            if not lock.take(_PATIENCE_S):
                raise DatabaseError(f"{path} is in use by another process; stop the service and commands that use it.")
            with held(path, without_old) as kept, place.made_whole(path) as part:
                events = _prepare(part, source, kept, say)
                size = os.path.getsize(part)
                set_aside = _set_aside(path)
    return Restored(path, events, size, time.monotonic() - began, set_aside, kept is not None)


def _prepare(part: str, source: str, kept: Kept | None, say: Say) -> int:
    """Make the part the database that is to be; how many events it has."""
    say(f"Copying and checking {source}.")
    _copy(source, part)
    steps = migrate.missing(part, source)
    events = _must_be_sound(part, source)
    with closing(checked.Copy(part)) as copy:
        database_id, projects = checked.database_id(copy), dict(copy.read("SELECT id, uuid FROM projects"))
    if kept is not None:
        _must_be_the_same(source, database_id, projects, kept)
    if steps:
        migrate.run(part, steps, say)
        events = _must_be_sound(part, source)
    with closing(connect(part, foreign_keys=0)) as connection:
        if kept is not None and carry_over(connection, kept, projects):
            events = connection.execute("SELECT count(*) FROM semantic_events").fetchone()[0]
        for table in ENDS:
            connection.execute(f"DELETE FROM {table}")
        connection.execute("BEGIN")
        erased = remove_erased(connection)
        undoing.take_up(connection)
        connection.execute("COMMIT")
    if erased:
        say(f"{erased:,} events of people who were erased since are not restored.")
    migrate.serve_from(part)
    return events - erased


def _must_be_a_file(source: str, path: str) -> None:
    if not os.path.isfile(source):
        raise DatabaseError(f"There is no file {source}; name a backup.")
    if not os.access(source, os.R_OK):
        raise DatabaseError(f"{source} cannot be read: permission denied.")
    if os.path.exists(path) and os.path.samefile(source, path):
        raise DatabaseError(f"{source} is the database itself; name a backup.")


def _copy(source: str, part: str) -> None:
    """The backup, unpacked, page by page, in a file without a -wal."""
    try:
        if _is_packed(source):
            with gzip.open(source) as packed, open(part, "wb") as plain:
                shutil.copyfileobj(packed, plain, _BLOCK_BYTES)
        else:
            mode = "ro" if any(os.path.exists(source + ending) for ending in ("-wal", "-journal")) else "immutable"
            with closing(connect(source, mode)) as old, closing(connect(part, synchronous="off")) as new:
                old.backup(new)
        with closing(connect(part, synchronous="off")) as new:
            new.execute("PRAGMA journal_mode = delete")
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise DatabaseError(f"{source} is damaged: {error}; take another backup.") from error
    except sqlite3.DatabaseError as error:
        code = getattr(error, "sqlite_errorcode", 0) & 0xFF
        if code == sqlite3.SQLITE_NOTADB:
            raise DatabaseError(f"{source} is no backup of Drengr.") from error
        if code == sqlite3.SQLITE_CORRUPT:
            raise DatabaseError(f"{source} is damaged: {error}; take another backup.") from error
        raise


def _is_packed(source: str) -> bool:
    with open(source, "rb") as file:
        return file.read(len(checked.GZIP)) == checked.GZIP


def _must_be_sound(part: str, source: str) -> int:
    """How many events it has. Raises DatabaseError."""
    with closing(checked.Copy(part)) as copy:
        found = checked.findings(copy)
    if found.fault:
        fault = " ".join(found.fault.split())  # SQLite's own words may stand on several lines
        raise DatabaseError(f"{source} is damaged: {fault}; take another backup.")
    if found.wrong_totals:
        raise DatabaseError(
            f"{source}: {len(found.wrong_totals)} totals are not those of its events, such as {found.wrong_totals[0]};"
            f" run `drengr verify --repair` on it, with DRENGR_DATABASE={source}."
        )
    return found.events


def _must_be_the_same(source: str, database_id: str | None, projects: dict[int, str], kept: Kept) -> None:
    """Raises DatabaseError when the backup is not one of the database that is there.

    A file of the first version has no id: it is known by a project.
    """
    theirs = kept.projects
    if database_id is None or kept.database_id is None:
        is_same = bool(projects.items() & theirs.items())
    else:
        is_same = database_id == kept.database_id
    if not is_same:
        raise DatabaseError(
            f"{source} is a backup of another database; restore it to a place where there is none: set DRENGR_DATABASE."
        )
    numbers = {uuid: number for number, uuid in theirs.items()}
    for number, uuid in projects.items():
        if theirs.get(number, uuid) != uuid or numbers.get(uuid, number) != number:
            raise DatabaseError(f"{source} has another history: its project {uuid} has a number that is another's.")


def _set_aside(path: str) -> str | None:
    """Where the database lies from now on, beside the name it still has; None when there is none.

    One that could not be read has its -wal yet, which must not be taken for the new one's.
    """
    before = time.strftime(f"{path}.before-%Y%m%dT%H%M%SZ", time.gmtime())
    while os.path.lexists(before):
        before += "-2"
    is_there = os.path.exists(path) and os.path.getsize(path) > 0
    endings = [ending for ending in ("-wal", "-journal") if os.path.exists(path + ending)]
    for ending in [*endings, *([""] if is_there else [])]:
        os.link(path + ending, before + ending)
    place.sync(os.path.dirname(path))
    for ending in [*endings, "-shm"]:
        if os.path.exists(path + ending):
            os.unlink(path + ending)
    return before if is_there else None
