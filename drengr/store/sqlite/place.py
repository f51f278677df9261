"""Where the file lies: what a path may name, and the modes and owners of what is made there (contract 7, 9 Files)."""

import errno
import fcntl
import os
import sqlite3
import stat
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from urllib.parse import quote

from peewee import PeeweeException

from drengr.store.errors import DatabaseError, NoRoom

_PRIVATE = 0o600

_KINDS = {
    stat.S_IFIFO: "a pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}
_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_ELSEWHERE = "set DRENGR_DATABASE to the path of a file"
_INDEX_BYTES = 32768  # of a -shm file, at least
_PAUSE_S = 0.02  # between two looks at a lock that somebody holds


def resolved(path: str, *, may_be_damaged: bool = False) -> str:
    """The real path of the database, links followed once: what is behind them later is another file.

    Raises  DatabaseError, one sentence, when no database can be there
    """
    if "://" in path:
        scheme = path[: path.index("://")].rpartition("/")[2]  # the rest may hold a password
        raise DatabaseError(f"DRENGR_DATABASE is a {scheme}:// address, which is not known; {_ELSEWHERE}.")
    path = os.path.abspath(path)
    real = os.path.realpath(path)
    folder = os.path.dirname(real)
    if os.path.isdir(real):
        raise DatabaseError(f"{path} is a folder; {_ELSEWHERE}.")
    if os.path.islink(path) and not os.path.exists(real):
        raise DatabaseError(f"{path} is a link to {real}, which does not exist; {_ELSEWHERE}.")
    if not os.path.isdir(folder):
        raise DatabaseError(f"The folder {folder} does not exist; make it or set DRENGR_DATABASE to another path.")
    kind = _kind_of(real)
    if kind is not None and kind != stat.S_IFREG:
        raise DatabaseError(f"{path} is {_KINDS.get(kind, 'no file')}; {_ELSEWHERE}.")
    if kind is not None and not may_be_damaged and not _may_be_sqlites(real):  # before anything is made beside it
        raise DatabaseError(f"{path} is no SQLite database; set DRENGR_DATABASE to another path.")
    return real


def is_writable(path: str) -> bool:
    """Whether this process may write the file, or make it, and make others beside it."""
    return os.access(os.path.dirname(path), os.W_OK | os.X_OK) and (
        not os.path.exists(path) or os.access(path, os.W_OK)
    )


def unwritable_sentence(path: str, reason: str = "permission denied") -> str:
    """Why nothing can be written there, and what to do."""
    folder = os.path.dirname(path)
    if os.path.isdir(folder) and os.statvfs(folder).f_flag & os.ST_RDONLY:
        return f"{path} cannot be written: {folder} is mounted read-only; mount it writable."
    return f"{path} cannot be used: {reason}. Check who owns the file and its folder."


@contextmanager
def in_plain_words(path: str) -> Iterator[None]:
    """DatabaseError, a sentence for the operator, in the place of what SQLite and the system raise."""
    try:
        yield
    except (sqlite3.Error, PeeweeException, OSError) as error:
        if _lacks_room(path, error):
            reason = getattr(error, "strerror", None) or "its disk is full"
            raise NoRoom(f"{path} cannot be used: {reason}; make room.") from error
        raise DatabaseError(_sentence(path, error)) from error


def _lacks_room(path: str, error: Exception) -> bool:
    """Without room for the -shm file, which readers need too, SQLite says "disk I/O error"."""
    if getattr(error, "errno", None) in _NO_ROOM or "disk is full" in str(error):
        return True
    if "disk I/O error" in str(error):
        with suppress(OSError):
            disk = os.statvfs(os.path.dirname(path))
            return disk.f_bavail * disk.f_frsize < _INDEX_BYTES
    return False


def _sentence(path: str, error: Exception) -> str:
    text = getattr(error, "strerror", None) or str(error)
    if "not a database" in text:
        return f"{path} is no SQLite database; set DRENGR_DATABASE to another path."
    if isinstance(error, OSError) or "readonly" in text or "unable to open" in text:
        return unwritable_sentence(path, text)
    return f"{path} cannot be used: {text}."


def lies_alone_on_a_mount(path: str) -> bool:
    """Whether the file itself is mounted (`-v events.db:/data/events.db`): its -wal then lies somewhere else."""
    try:
        with open("/proc/self/mountinfo", encoding="utf-8", errors="surrogateescape") as mounts:
            points = [line.split()[4] for line in mounts]
    except (OSError, IndexError):
        return False
    return path.translate({ord(c): f"\\{ord(c):03o}" for c in " \t\n\\"}) in points


def open_private(path: str, flags: int = os.O_RDWR) -> int:
    """A descriptor of the file; made when it is missing, for its owner alone.

    What root makes belongs to the folder's owner: after `sudo drengr key list` the service must still start.
    """
    try:
        descriptor = os.open(path, flags | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, _PRIVATE)
    except FileExistsError:
        return os.open(path, flags | os.O_CLOEXEC)
    if os.geteuid() == 0:
        owner = os.stat(os.path.dirname(path))
        os.fchown(descriptor, owner.st_uid, owner.st_gid)
    return descriptor


@contextmanager
def made_whole(path: str) -> Iterator[str]:
    """A private file to write to, `path` with `.part`; it gets its name when it is whole and on the disk.

    Raises  DatabaseError when another process makes the same file now
    """
    with scratch(path) as part:
        yield part
        sync(part)
        os.rename(part, path)
        sync(os.path.dirname(path))


@contextmanager
def scratch(path: str) -> Iterator[str]:
    """A private, empty file, `path` with `.part`, which is removed afterwards.

    Raises  DatabaseError when another process has it now
    """
    part = path + ".part"
    lock = _locked_anew(part)
    if lock is None:
        raise DatabaseError(f"{path} is being made by another process; wait for its end.")
    try:
        yield part
    finally:
        with suppress(FileNotFoundError):
            if os.path.samestat(os.fstat(lock), os.stat(part)):
                _remove(part)
        os.close(lock)


def make_private_folder(path: str) -> None:
    """A folder for its owner alone; what root makes belongs to the owner of the folder it lies in."""
    os.mkdir(path, 0o700)
    if os.geteuid() == 0:
        owner = os.stat(os.path.dirname(path))
        os.chown(path, owner.st_uid, owner.st_gid)


def remove_abandoned(part: str) -> None:
    """Remove what a killed process left of a file it was making; nothing when it is made now."""
    lock = _locked_anew(part)
    if lock is not None:
        _remove(part)
        os.close(lock)


def sync(path: str) -> None:
    """What was written to the file, or the names in the folder, are on the disk."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _locked_anew(part: str) -> int | None:
    """The lock of a new, empty file of this name; None while somebody else has it. A killed process has it no more."""
    descriptor = open_private(part)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if not os.path.samestat(os.fstat(descriptor), os.stat(part)):  # it got its name, or was removed, just now
            raise BlockingIOError
        _remove(part, ("-journal", "-wal", "-shm"))
        os.ftruncate(descriptor, 0)
        os.fchmod(descriptor, _PRIVATE)
    except (BlockingIOError, FileNotFoundError):
        os.close(descriptor)
        return None
    return descriptor


def _remove(path: str, endings: tuple[str, ...] = ("", "-journal", "-wal", "-shm")) -> None:
    for ending in endings:
        with suppress(FileNotFoundError):
            os.unlink(path + ending)


class UseLock:
    """The file `-lock`: shared while a database is in use, exclusive while it is made or upgraded."""

    def __init__(self, database_path: str) -> None:
        self._descriptor: int | None = None
        try:
            self._descriptor = open_private(database_path + "-lock")
        except OSError as error:
            if error.errno not in (errno.EACCES, errno.EROFS, errno.EPERM):
                raise
            with suppress(OSError):
                self._descriptor = os.open(database_path + "-lock", os.O_RDONLY | os.O_CLOEXEC)

    def share(self) -> None:
        """Use the database beside others; waits for whoever makes or upgrades it."""
        if self._descriptor is not None:
            fcntl.flock(self._descriptor, fcntl.LOCK_SH)

    def take(self, patience_s: float) -> bool:
        """Have it alone; False when others go on using it for that long. Whoever upgrades it is waited for."""
        if self._descriptor is None:
            return False
        deadline = time.monotonic() + patience_s
        self._unlock()  # two who each keep their share would wait for each other
        while not self._got(fcntl.LOCK_EX):
            if not self._got(fcntl.LOCK_SH):
                deadline = time.monotonic() + patience_s
            elif time.monotonic() > deadline:
                return False
            self._unlock()
            time.sleep(_PAUSE_S)
        return True

    def _got(self, lock: int) -> bool:
        assert self._descriptor is not None
        try:
            fcntl.flock(self._descriptor, lock | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def _unlock(self) -> None:
        assert self._descriptor is not None
        fcntl.flock(self._descriptor, fcntl.LOCK_UN)

    def close(self) -> None:
        """Let go."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


def _may_be_sqlites(path: str) -> bool:
    """Whether it begins as SQLite's files do, is empty, or cannot be read.

    Asked of SQLite: to open and close the file ourselves would drop every lock that this process has on it (POSIX).
    """
    address = f"file:{quote(path)}?mode=ro"
    try:
        with closing(sqlite3.connect(address, uri=True, timeout=0)) as connection:
            connection.execute("PRAGMA schema_version")
    except sqlite3.DatabaseError as error:
        return error.sqlite_errorcode != sqlite3.SQLITE_NOTADB
    return True


def _kind_of(path: str) -> int | None:
    try:
        return stat.S_IFMT(os.stat(path).st_mode)
    except OSError:
        return None
