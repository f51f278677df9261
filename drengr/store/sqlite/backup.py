"""`drengr backup`: one moment of the database in a file of its own, proved before it gets its name (contract 9).

VACUUM INTO reads one state however long it takes and holds nobody up, where `Connection.backup` begins anew whenever
another process writes. What it leaves has no free pages, so no byte of what was deleted, and needs no -wal.
"""

import gzip
import os
import re
import shutil
import sqlite3
import stat
import time
from contextlib import closing, suppress

from drengr.store.clock import now_ms
from drengr.store.errors import DatabaseError, StoreError
from drengr.store.results import Backup
from drengr.store.sqlite import checked, place
from drengr.store.sqlite.connections import Readable, connect
from drengr.store.sqlite.database import Database
from drengr.store.sqlite.group_commit import GroupCommit

_NAME = re.compile(r"drengr-\d{8}T\d{6}Z\.db")
_DAMAGED = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
_BLOCK_BYTES = 1 << 20
_PACKED = 6  # gzip's level; 9 takes three times as long for a file smaller by some percent
_NOTE = """
INSERT INTO backups (id, made_at, path) VALUES (1, ?, ?)
ON CONFLICT (id) DO UPDATE SET made_at = excluded.made_at, path = excluded.path
"""


def make(database: Database, commits: GroupCommit, target: str, keep: int | None) -> Backup:
    """See drengr.store.back_up."""
    began, at = time.monotonic(), now_ms()
    known = checked.database_id(database)
    with place.in_plain_words(target):
        folder = _folder(target)
        path = _named_in(folder, at) if folder else _resolved(target)
        _must_be_free(database.path, path, known)
        with place.made_whole(path) as part:
            events = _packed(database, part, path, known) if path.endswith(".gz") else _proved(database, part, known)
            size = os.path.getsize(part)
            _must_be_free(database.path, path, known)  # whoever put something there meanwhile
        not_noted = _note(commits, at, path)
        removed = _remove_older(database.path, folder, path, keep, known) if folder and keep else []
    return Backup(path, events, size, time.monotonic() - began, not_noted, removed)


def last_at(database: Readable) -> int:
    """When the last backup was made that was proved good, epoch ms; 0: never."""
    if not database.read("SELECT 1 FROM sqlite_schema WHERE name = 'backups'"):  # an older file has none
        return 0
    found = database.read("SELECT made_at FROM backups")
    return int(found[0][0]) if found else 0


def _proved(database: Database, copy: str, known: str | None) -> int:
    """How many events the copy has, which is made at this path, in an empty file. Raises DatabaseError."""
    mode = "rw"
    if database.is_read_only:
        mode = "ro" if os.path.exists(database.path + "-wal") else "immutable"
    try:
        # secure_delete goes over to the copy: the unused part of a new page is zeros, not what lay in memory before.
        with closing(connect(database.path, mode, secure_delete=1)) as source:
            source.execute("VACUUM INTO ?", (copy,))
    except sqlite3.DatabaseError as error:
        if getattr(error, "sqlite_errorcode", 0) & 0xFF in _DAMAGED:
            raise _damaged(database, str(error)) from error
        raise
    with closing(connect(copy, journal_mode="off", synchronous="off")) as marked:
        marked.execute(f"PRAGMA user_version = {checked.mark(known)}")
    with closing(checked.Copy(copy)) as looked_at:
        found = checked.findings(looked_at)
    if found.fault:
        raise _damaged(database, found.fault)
    if found.wrong_totals:
        raise DatabaseError(
            f"{database.path} was not backed up: {len(found.wrong_totals)} totals are wrong, such as"
            f" {found.wrong_totals[0]}; run `drengr verify --repair` first."
        )
    return found.events


def _damaged(database: Database, fault: str) -> DatabaseError:
    return DatabaseError(f"{database.path} was not backed up, it is damaged: {fault}; see `drengr verify`.")


def _packed(database: Database, part: str, path: str, known: str | None) -> int:
    """As _proved; what was proved is packed into the part, and read back to the end."""
    with place.scratch(path.removesuffix(".gz")) as copy:
        events = _proved(database, copy, known)
        with open(copy, "rb") as plain, gzip.open(part, "wb", _PACKED) as packed:
            shutil.copyfileobj(plain, packed, _BLOCK_BYTES)
    with gzip.open(part) as packed:
        while packed.read(_BLOCK_BYTES):  # raises when its checksum is not that of what was read
            pass
    return events


def _folder(target: str) -> str | None:
    """The folder that the target is, made when it ends in a /; None for a file."""
    if not (target.endswith("/") or os.path.isdir(target)):
        return None
    folder = os.path.realpath(target)
    with suppress(FileExistsError):
        place.make_private_folder(folder)
    return folder


def _named_in(folder: str, at: int) -> str:
    for name in os.listdir(folder):
        if name.endswith(".part") and _NAME.fullmatch(name.removesuffix(".part")):
            place.remove_abandoned(os.path.join(folder, name))
    return os.path.join(folder, time.strftime("drengr-%Y%m%dT%H%M%SZ.db", time.gmtime(at / 1000)))


def _resolved(target: str) -> str:
    path, real = os.path.abspath(target), os.path.realpath(target)
    if os.path.islink(path) and not os.path.exists(real):
        raise DatabaseError(f"{path} is a link to {real}, which does not exist; name another file.")
    if not os.path.isdir(os.path.dirname(real)):
        raise DatabaseError(f"The folder {os.path.dirname(real)} does not exist; make it or name another file.")
    return real


def _must_be_free(database: str, path: str, known: str | None) -> None:
    """Raises DatabaseError when there is something at the path that may not be replaced."""
    if _belongs_to(database, path):
        raise DatabaseError(f"{path} belongs to the database that is to be backed up; name another file.")
    if os.path.lexists(path) and not _is_ours(path, known):
        raise DatabaseError(f"{path} exists and is no backup of this database; name another file.")


def _belongs_to(database: str, path: str) -> bool:
    files = [database + ending for ending in ("", "-wal", "-shm", "-lock", "-queue", "-journal")]
    return path in files or any(
        os.path.exists(path) and os.path.exists(file) and os.path.samefile(path, file) for file in files
    )


def _is_ours(path: str, known: str | None) -> bool:
    """Whether it is a backup of this database that nobody writes to."""
    is_file = stat.S_ISREG(os.lstat(path).st_mode)
    return is_file and not os.path.exists(path + "-wal") and checked.is_backup_of(known, path)


def _note(commits: GroupCommit, at: int, path: str) -> str | None:
    """Why the time of the backup could not be noted in the database; None when it was."""
    try:
        commits.run(lambda connection: connection.execute(_NOTE, (at, path)))
    except (StoreError, sqlite3.Error) as error:
        return str(error)
    return None


def _remove_older(database: str, folder: str, newest: str, keep: int, known: str | None) -> list[str]:
    """Remove all but the newest; the paths of what went."""
    named = sorted(name for name in os.listdir(folder) if _NAME.fullmatch(name))
    paths = [path for path in (os.path.join(folder, name) for name in named) if path != newest]
    older = [path for path in paths if not _belongs_to(database, path) and _is_ours(path, known)]
    gone = older[: max(0, len(older) - (keep - 1))]
    for path in gone:
        os.unlink(path)
    return gone
