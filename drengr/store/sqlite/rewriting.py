"""Upgrades that make the file anew beside the old one, in short transactions: a killed run goes on (contract 8).

The name leads to the old file until the new one is whole. Both stand in the database's folder, with what sorting needs.
"""

import os
import sqlite3
import zlib
from collections.abc import Callable
from contextlib import closing

from drengr.store.errors import DatabaseError
from drengr.store.sqlite import place
from drengr.store.sqlite.connections import connect, uri

Say = Callable[[str], object]
Rewrite = Callable[[sqlite3.Connection, Say], object]

_CACHE_KIB = 65536
_SETTINGS = {"cache_size": -_CACHE_KIB, "temp_store": "file", "secure_delete": 1, "foreign_keys": 0}


def new_file(path: str) -> str:
    """Where the new one is made."""
    return path + ".upgrade"


def is_under_way(path: str) -> bool:
    """Whether a run was killed that began with the file as it is now."""
    try:
        return _read(new_file(path), "PRAGMA user_version") == (_state(path),)
    except (sqlite3.DatabaseError, FileNotFoundError):
        return False


def rewrite(path: str, fill: Rewrite, note: Callable[[str], object], say: Say) -> None:
    """Put a new file in the place of one that nobody uses.

    fill  makes the file `main` from `old`, and goes on where it was killed
    note  of a path: the step is done in that file
    """
    part = new_file(path)
    fold_log(path)
    if not is_under_way(path):
        _begin(path, part)
    with closing(sqlite3.connect(uri(part), uri=True, isolation_level=None)) as connection:
        _sort_in(connection, os.path.dirname(path))
        try:
            for name, value in _SETTINGS.items():
                connection.execute(f"PRAGMA {name} = {value}")
            connection.execute("ATTACH ? AS old", (uri(path),))
            connection.execute("PRAGMA old.locking_mode = exclusive")  # from the first look at it until the end
            fill(connection, say)
        finally:
            _sort_in(connection, "")
    note(part)
    replace(path, part)


def _begin(path: str, part: str) -> None:
    """A new file without tables, which knows the old one again."""
    for ending in ("", "-journal", "-wal", "-shm"):
        if os.path.exists(part + ending):
            os.unlink(part + ending)
    os.close(place.open_private(part))
    with closing(connect(part)) as connection:
        connection.execute("PRAGMA auto_vacuum = incremental")  # only before the first table
        (application_id,) = _read(path, "PRAGMA application_id")
        connection.execute(f"PRAGMA application_id = {application_id}")
        connection.execute(f"PRAGMA user_version = {_state(path)}")


def fold_log(path: str) -> None:
    """All of the old file is in the one file, and stays so. Raises DatabaseError when somebody has it open."""
    if place.lies_alone_on_a_mount(path):
        raise DatabaseError(f"{path} is mounted as a single file; mount its folder: a new file must take its name.")
    if _read(path, "PRAGMA journal_mode = delete") != ("delete",):
        raise DatabaseError(f"{path} is open in another program; close it first.")


def replace(path: str, part: str) -> None:
    """Give the new file the name, the mode and the owner of the old one."""
    with closing(connect(part)) as connection:
        connection.execute("PRAGMA user_version = 0")
    old = os.stat(path)
    if os.geteuid() == 0:
        os.chown(part, old.st_uid, old.st_gid)
    os.chmod(part, old.st_mode & 0o7777)
    place.sync(part)
    os.rename(part, path)
    place.sync(os.path.dirname(path))


def _sort_in(connection: sqlite3.Connection, folder: str) -> None:
    """Where SQLite sorts what does not fit into memory: beside the database, not where the system would."""
    quoted = folder.replace("'", "''")
    connection.execute(f"PRAGMA temp_store_directory = '{quoted}'")


def _read(path: str, pragma: str) -> tuple[object, ...]:
    try:
        with closing(connect(path)) as connection:
            found: tuple[object, ...] = connection.execute(pragma).fetchone()
            return found
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_BUSY:
            raise DatabaseError(f"{path} is open in another program; close it first.") from error
        raise


def _state(path: str) -> int:
    """A number that changes, most likely, whenever somebody writes to the file; never 0."""
    found = os.stat(path)
    return zlib.crc32(f"{found.st_ino} {found.st_size} {found.st_mtime_ns}".encode()) >> 1 | 1
