"""Whether a copy of the database is one that can be relied on, and the mark of a backup (contract 9, Backup)."""

import gzip
import hashlib
import sqlite3
import zlib
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from drengr.store.results import FIRST_DAY, WrongAccount, WrongTotal
from drengr.store.sqlite import ledger, totals
from drengr.store.sqlite.connections import Readable, connect
from drengr.store.sqlite.migrate import APPLICATION_ID
from drengr.store.sqlite.people import proof

_HEADER_BYTES = 100
_USER_VERSION, _APPLICATION_ID = 60, 68  # where SQLite's header has them, four bytes each
GZIP = b"\x1f\x8b"


class Copy:
    """A file that nobody writes, with one connection."""

    def __init__(self, path: str) -> None:
        self._connection = connect(path, "immutable", cache_size=-16384)

    def read(self, sql: str, parameters: Sequence[object] | Mapping[str, object] = ()) -> list[tuple[Any, ...]]:
        """All rows of a query."""
        return self._connection.execute(sql, parameters).fetchall()

    def reading_connection(self) -> sqlite3.Connection:
        """The one."""
        return self._connection

    def close(self) -> None:
        """Close it."""
        self._connection.close()


class Findings(NamedTuple):
    """What a look at all of a file found."""

    events: int
    fault: str | None  # the first; None for a sound file
    wrong_totals: list[WrongTotal | WrongAccount]


def findings(copy: Readable) -> Findings:
    """Of every page, every total and the ledger; wrong totals are looked for in a sound file only."""
    try:
        found = copy.read("PRAGMA integrity_check(1)")
        faults = [" ".join(row[0].split()) for row in found if row[0] != "ok"]  # one of a page has two lines
        faults = faults or totals.orphans(copy)
        if faults:
            return Findings(0, faults[0], [])
        events = copy.read("SELECT count(*) FROM semantic_events")[0][0]
        counted = copy.read("SELECT ifnull(sum(events), 0) FROM hour_totals")[0][0]
        wrong = wrong_totals(copy)
    except sqlite3.DatabaseError as error:
        return Findings(0, str(error), [])
    uncounted = f"{events} events, {counted} by its totals" if events != counted and not wrong else None
    if not uncounted and not wrong and has_people(copy):
        uncounted = proof.uncounted(copy)
    return Findings(events, uncounted, wrong)


def has_people(database: Readable) -> bool:
    """Whether the file keeps what it takes to answer for people; an older one does not."""
    return bool(database.read("SELECT 1 FROM sqlite_schema WHERE name = 'person_days'"))


def wrong_totals(database: Readable, first_day: int = FIRST_DAY) -> list[WrongTotal | WrongAccount]:
    """See drengr.store.Store.wrong_totals."""
    wrong = totals.wrong_totals(database, first_day)
    if database.read("SELECT 1 FROM sqlite_schema WHERE name = 'ledger_days'"):  # an older file has none
        return [*wrong, *ledger.wrong_accounts(database, first_day)]
    return list(wrong)


def database_id(database: Readable) -> str | None:
    """The id that a database shares with its copies; None for one of the first version."""
    if not database.read("SELECT 1 FROM sqlite_schema WHERE name = 'identity'"):
        return None
    return str(database.read("SELECT database_id FROM identity")[0][0])


# The mark lies in SQLite's header, at user_version: it can be put into a file of any version, and read at the beginning
# of a packed one. A database that serves has 0 there.


def mark(database_id: str | None) -> int:
    """What a backup of the database is marked by; of one of the first version a mark that tells nothing apart."""
    if database_id is None:
        return 1
    digest = hashlib.sha256(b"backup of " + database_id.encode()).digest()
    return 2 + int.from_bytes(digest[:4], "big") % (2**31 - 2)


def is_backup_of(database_id: str | None, path: str) -> bool:
    """Whether the file, packed or not, carries the mark of a backup of this very database. Raises OSError."""
    if database_id is None:
        return False
    header = _header(path)
    numbers = (int.from_bytes(header[at : at + 4], "big") for at in (_APPLICATION_ID, _USER_VERSION))
    return tuple(numbers) == (APPLICATION_ID, mark(database_id))


def _header(path: str) -> bytes:
    with open(path, "rb") as file:
        if file.read(len(GZIP)) != GZIP:
            file.seek(0)
            return file.read(_HEADER_BYTES)
    try:
        with gzip.open(path) as inflated:
            return inflated.read(_HEADER_BYTES)
    except (EOFError, zlib.error, gzip.BadGzipFile):
        return b""
