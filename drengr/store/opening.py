"""Which store a location means, and what is done to a database that is not open (contract 2, 9, 13)."""

from collections.abc import Callable
from contextlib import closing
from typing import TYPE_CHECKING

from drengr.store.errors import DatabaseError, StoreError, Unreachable
from drengr.store.results import Access, Backup, Compacted, Restored, Upgrade

if TYPE_CHECKING:
    from drengr.store import Store
    from drengr.store.postgresql import PostgresqlStore


def open_store(
    location: str,
    synchronous: str = "FULL",
    access: Access = "write",
    *,
    connections: int = 8,
    reachable: bool = True,
) -> "Store":
    """The store at this place.

    location     path of an SQLite file, or postgresql://…
    synchronous  "FULL" | "NORMAL"
    access       "upgrade": make it when missing, bring an older one up to date (who starts the service) | "write": make
                 it when missing, refuse an older one | "read": it must be there, the right to read is enough |
                 "inspect": as read, an older one too
    connections  PostgreSQL: the most that this process may hold
    reachable    False: a database that cannot be reached now is no error; the verbs say so until it can
    Raises       StoreError
    """
    if not _is_url(location):
        from drengr.store.sqlite import SqliteStore

        return SqliteStore(location, synchronous, access)
    store = _postgresql(location, synchronous, access, connections)
    try:
        store.make_ready()
    except StoreError as error:
        if reachable or not isinstance(error, Unreachable):
            store.close()
            raise
    return store


def planned_upgrade(location: str) -> Upgrade | None:
    """What an upgrade of the database there would take; None when it has every change. Raises StoreError."""
    if _is_url(location):
        with closing(_postgresql(location, "FULL", "inspect", 1)) as store:
            return store.planned_upgrade()
    from drengr.store.sqlite import planned_upgrade as planned

    return planned(location)


def upgrade(location: str, say: Callable[[str], object]) -> None:
    """Bring an older database up to date, and tell each step. Raises StoreError."""
    if _is_url(location):
        with closing(_postgresql(location, "FULL", "upgrade", 1)) as store:
            return store.make_ready()
    from drengr.store.sqlite import upgrade as bring_up_to_date

    bring_up_to_date(location, say)


def back_up(location: str, target: str, keep: int | None = None) -> Backup:
    """Make a backup of the database, also beside a running service and of an older version.

    target  a file, which ends in .gz for a packed one; or a folder, with a / at its end unless it is there
    keep    of a folder: how many backups of this database it holds afterwards; None: all
    Raises  StoreError; then nothing has the name of the backup that had not before
    """
    if _is_url(location):
        raise DatabaseError("`drengr backup` copies an SQLite file; back PostgreSQL up with pg_dump or pgBackRest.")
    from drengr.store.sqlite import back_up as make

    return make(location, target, keep)


def restore(location: str, source: str, say: Callable[[str], object], *, without_old: bool = False) -> Restored:
    """Put a backup in the database's place; what is no event stays as the database that was there has it.

    without_old  also when the database that is there cannot be read
    Raises       StoreError; then the database is as it was
    """
    if _is_url(location):
        raise DatabaseError("`drengr restore` puts an SQLite file back; use what pg_dump or pgBackRest made.")
    from drengr.store.sqlite import restore as put_back

    return put_back(location, source, say, without_old)


def compact(location: str, say: Callable[[str], object]) -> Compacted:
    """Make the database anew, which nobody may use meanwhile: nothing is left in it of what was deleted.

    Raises  StoreError; then the database is as it was
    """
    if _is_url(location):
        raise DatabaseError("`drengr db compact` makes an SQLite file anew; in PostgreSQL VACUUM FULL does that.")
    from drengr.store.sqlite import compact as make_anew

    return make_anew(location, say)


def exists(location: str) -> bool:
    """Whether there is a database with tables at this place; nothing is made.

    Raises  StoreError when that cannot be known
    """
    if not _is_url(location):
        from drengr.store.sqlite import is_there

        return is_there(location)
    with closing(_postgresql(location, "FULL", "inspect", 1)) as store:
        return store.has_tables()


def _is_url(location: str) -> bool:
    return location.startswith(("postgresql://", "postgres://"))


def _postgresql(url: str, synchronous: str, access: Access, connections: int) -> "PostgresqlStore":
    try:
        from drengr.store.postgresql import PostgresqlStore
    except ImportError as error:
        if error.name != "psycopg":
            raise
        raise DatabaseError("PostgreSQL needs one more package: pip install 'drengr[postgresql]'") from None
    return PostgresqlStore(url, synchronous, access, connections)
