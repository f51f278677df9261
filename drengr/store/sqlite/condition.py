"""How the file is doing: sizes, room, what the operator should know (contract 11)."""

import os
import shutil
from collections.abc import Iterator
from contextlib import suppress

from drengr.store.errors import TooLong
from drengr.store.results import Condition
from drengr.store.sqlite import backup, place
from drengr.store.sqlite.database import Database
from drengr.store.sqlite.deadlines import deadline

_NETWORK = ("nfs", "cifs", "smb", "9p", "fuse.sshfs", "afs", "ceph", "glusterfs", "lustre")


def condition(database: Database) -> Condition:
    """Sizes and room, asked of the file system; nothing is read of the events."""
    return Condition(
        bytes={"db": _size(database.path), "wal": _size(database.path + "-wal")},
        disk_free_bytes=shutil.disk_usage(os.path.dirname(database.path)).free,
        last_backup_at=backup.last_at(database),
        network_share=network_share(database.path),
        alone_on_a_mount=place.lies_alone_on_a_mount(database.path),
        open_to_others=[name for name, found in _files(database.path) if found.st_mode & 0o077],
        not_writable=[name for name, found in _files(database.path) if not _writable(database.path, found)],
    )


def network_share(path: str) -> str | None:
    """The type of the network file system that the path lies on, None for a local one (or an unknown system)."""
    best, kind = "", ""
    try:
        with open("/proc/self/mountinfo", encoding="utf-8", errors="replace") as mounts:
            for line in mounts:
                left, _, right = line.partition(" - ")
                point = left.split()[4].replace("\\040", " ")
                inside = path == point or path.startswith(point.rstrip("/") + "/")
                if inside and len(point) >= len(best):
                    best, kind = point, right.split()[0]
    except (OSError, IndexError):
        return None
    return kind if kind.startswith(_NETWORK) else None


def quick_check(database: Database, seconds: float) -> list[str] | None:
    """SQLite's own findings, at most 20; None when they were not there in time."""
    connection = database.reading_connection()
    with suppress(TooLong), deadline(connection, seconds):
        return [row[0] for row in connection.execute("PRAGMA quick_check(20)") if row[0] != "ok"]
    return None


def _files(path: str) -> Iterator[tuple[str, os.stat_result]]:
    """(name, what the system knows of it) of the files that make up the database."""
    for ending in ("", "-wal", "-shm", "-lock", "-queue"):
        with suppress(FileNotFoundError):
            yield os.path.basename(path + ending), os.stat(path + ending)


def _writable(path: str, found: os.stat_result) -> bool:
    """Whether the service can write the file; it runs as who owns the folder, whoever asks now."""
    owner = os.stat(os.path.dirname(path)).st_uid
    if found.st_uid == owner:
        return bool(found.st_mode & 0o200)
    return owner == 0 or bool(found.st_mode & 0o002)


def _size(path: str) -> int:
    try:
        return os.path.getsize(path)
    except FileNotFoundError:
        return 0
