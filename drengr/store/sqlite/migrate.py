"""Make a file, and bring an older one up to date: recognised, copied, migrated (contract 7, 8)."""

import logging
import os
import shutil
from collections.abc import Callable, Sequence
from contextlib import closing
from functools import partial
from pathlib import Path
from time import gmtime, strftime

from peewee import SqliteDatabase
from playhouse.migrations import Migration, Runner

from drengr.store.errors import DatabaseError
from drengr.store.results import Access, Upgrade
from drengr.store.sqlite import place, rewriting
from drengr.store.sqlite.connections import connect, uri
from drengr.store.sqlite.place import UseLock

APPLICATION_ID = 1146244466  # as in schema.sql
MIGRATIONS = Path(__file__).with_name("migrations")
HOW_TO_UPGRADE = "start the service or run `drengr db migrate` to upgrade it"

_PATIENCE_S = 2.0  # with commands that use the file for a moment
_COPY_BYTES_PER_S = 40_000_000  # of a slow disk, copying and migrating together
_LEAST_ROOM_BYTES = 4 << 20
_PAGES_A_STEP = 2500  # 10 MB

_log = logging.getLogger("drengr.database")

Say = Callable[[str], object]


def make_ready(path: str, lock: UseLock, access: Access, say: Say | None = None) -> bool:
    """The file exists, is ours, and has every migration; whether it is older, for who may see that.

    Raises  DatabaseError, and SQLite's and the system's errors
    """
    lock.share()  # kept as long as the file is in use
    applied = _applied(path)
    if applied == [] and access in ("read", "inspect"):
        raise DatabaseError(f"There is no database {path}; set DRENGR_DATABASE to its path.")
    pending = _pending(path, applied)
    if access == "upgrade" and place.lies_alone_on_a_mount(path):
        _log.warning("%s is mounted as a single file: its -wal lies elsewhere; mount the folder instead.", path)
    if not pending or access == "inspect":
        if access in ("write", "upgrade"):
            serve_from(path)
        return bool(pending)
    if applied and access != "upgrade":
        raise DatabaseError(f"{path} was written by an older version of Drengr; {HOW_TO_UPGRADE}.")
    if not lock.take(_PATIENCE_S):
        raise DatabaseError(f"{path} is in use by another process; stop the service and commands that use it first.")
    _bring_up_to_date(path, say or (lambda text: _log.warning("%s", text)))
    serve_from(path)
    lock.share()
    return False


def plan(path: str) -> Upgrade | None:
    """What an upgrade of the file would do; None when there is nothing to do, or no file."""
    applied = _applied(path)
    pending = _pending(path, applied)
    if not applied or not pending:
        return None
    size = sum(os.path.getsize(path + ending) for ending in ("", "-wal") if os.path.exists(path + ending))
    free = shutil.disk_usage(os.path.dirname(path)).free
    needed = int(size * max(getattr(_script(step), "NEEDS", 2) for step in pending)) + _LEAST_ROOM_BYTES
    if rewriting.is_under_way(path):
        needed -= size + os.path.getsize(rewriting.new_file(path))
    return Upgrade(tuple(pending), size, needed, free, 1 + size // _COPY_BYTES_PER_S // 60)


def schema_sql() -> str:
    """The text of schema.sql: beside this file in an installed wheel, at the top of a checkout."""
    installed = Path(__file__).with_name("schema.sql")
    return (installed if installed.exists() else Path(__file__).parents[3] / "schema.sql").read_text("utf-8")


def _bring_up_to_date(path: str, say: Say) -> None:
    """Make or upgrade the file, unless somebody did while the lock was waited for."""
    if not _applied(path):
        _make(path)
        return
    planned = plan(path)
    if planned is None:
        return
    say(f"Upgrading {path}: {planned}")
    if planned.free_bytes < planned.needed_bytes:
        raise DatabaseError(
            f"{path} cannot be upgraded: that needs {planned.needed_bytes / 1e6:,.0f} MB of room in its folder,"
            f" and {planned.free_bytes / 1e6:,.0f} MB are free."
        )
    if any(map(_rewrites, planned.steps)):
        rewriting.fold_log(path)  # before anything is changed beside somebody who has it open
    if not rewriting.is_under_way(path):  # else the copy is there, from before the run that was killed
        say(f"The file as it was is {_back_up(path, planned.steps[0], say)}.")
    run(path, planned.steps, say)


def missing(path: str, called: str) -> list[str]:
    """The migrations that a file lacks, which stands there or is a copy of the one it is called by.

    Raises  DatabaseError when it is another program's, or was written by a newer version
    """
    with closing(connect(path)) as connection:
        tables = connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0]
        if not tables or connection.execute("PRAGMA application_id").fetchone()[0] != APPLICATION_ID:
            raise DatabaseError(f"{called} is no database of Drengr; name another file.")
    return _pending(called, _applied(path))


def run(path: str, steps: Sequence[str], say: Say) -> None:
    """Bring a file up to date that nobody uses."""
    for step in steps:
        fill = getattr(_script(step), "rewrite", None)
        if fill is None:
            _note(path, step)
        else:
            rewriting.rewrite(path, fill, partial(_note, step=step), say)
        say(f"{step} is done.")


def _rewrites(step: str) -> bool:
    return hasattr(_script(step), "rewrite")


def _note(path: str, step: str) -> None:
    """Do what the step does in its one transaction, and that it is done."""
    database = _peewee(path)
    with database.connection_context():
        Runner(database, str(MIGRATIONS)).up(step)


def serve_from(path: str) -> None:
    """A file that was put in place, such as a backup, is a backup no more, and is written through a -wal."""
    with closing(connect(path)) as connection:
        if connection.execute("PRAGMA user_version").fetchone()[0]:  # the mark of a backup; see checked
            connection.execute("PRAGMA user_version = 0")
        if connection.execute("PRAGMA journal_mode").fetchone()[0] != "wal":
            connection.execute("PRAGMA journal_mode = wal")


def _script(step: str) -> object:
    """The module of a migration."""
    return next(script for script in Migration.load_directory(str(MIGRATIONS)) if script.name == step).load()


def _applied(path: str) -> list[str]:
    """Names of the migrations that the file has; empty for a file that is to be made.

    Raises  DatabaseError when it is another program's
    """
    if not os.path.exists(path) or not os.path.getsize(path):
        return []
    mode = "rw" if place.is_writable(path) else "ro" if os.path.exists(path + "-wal") else "immutable"
    with closing(connect(path, mode)) as connection:
        tables = {row[0] for row in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")}
        if tables and connection.execute("PRAGMA application_id").fetchone()[0] != APPLICATION_ID:
            raise DatabaseError(f"{path} is a SQLite file of another program; set DRENGR_DATABASE to another path.")
        if "schema_migration" not in tables:  # the process that made it died before it noted them
            return []
        return [row[0] for row in connection.execute("SELECT name FROM schema_migration ORDER BY name")]


def _pending(path: str, applied: list[str]) -> list[str]:
    known = sorted(script.stem for script in MIGRATIONS.glob("[0-9]*.py"))
    newer = sorted(set(applied) - set(known))
    if newer:
        raise DatabaseError(f"{path} was written by a newer version of Drengr ({newer[-1]}); upgrade the service.")
    return [name for name in known if name not in applied]


def _make(path: str) -> None:
    """A new file from schema.sql, which is the newest state: it has nothing to catch up with."""
    os.close(place.open_private(path))
    with closing(connect(path)) as connection:
        connection.execute("PRAGMA auto_vacuum = incremental")  # only before the first table
        connection.execute("PRAGMA journal_mode = wal")
        if not connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0]:
            connection.executescript(f"BEGIN IMMEDIATE; {schema_sql()} COMMIT;")
    database = _peewee(path)
    with database.connection_context(), database.atomic("IMMEDIATE"):  # all are noted, or none: whoever comes next sees
        Runner(database, str(MIGRATIONS)).fake()


def _peewee(path: str) -> SqliteDatabase:
    """For migrations; foreign keys are off, because tables that others point to are made anew."""
    return SqliteDatabase(uri(path), uri=True, pragmas={"temp_store": "memory", "secure_delete": 1})


def _back_up(path: str, step: str, say: Say) -> str:
    """The path of a whole copy of the file, private, readable without a -wal."""
    copy = f"{path}.before-{step}"
    if os.path.exists(copy):
        copy += strftime("-%Y%m%dT%H%M%SZ", gmtime())
    shown = 0

    def progress(_status: int, remaining: int, total: int) -> None:
        nonlocal shown
        percent = 100 * (total - remaining) // max(total, 1)
        if percent >= shown + 10:
            shown = percent
            say(f"Copying: {percent} %")

    with place.made_whole(copy) as part, closing(connect(path)) as source, closing(connect(part)) as target:
        source.backup(target, pages=_PAGES_A_STEP, progress=progress)
        target.execute("PRAGMA journal_mode = delete")
    return copy
