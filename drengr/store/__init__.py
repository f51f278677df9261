"""All SQL. A Store is what the rest of the program holds: one file, who reads it, who writes it."""

import sqlite3
import time

from peewee import PeeweeException

from drengr.store.database import Database, DatabaseError
from drengr.store.group_commit import Busy, GroupCommit
from drengr.store.write import EventWriter

# What callers catch when the file cannot be read or written; nothing was stored then. (peewee's: a connection that
# cannot be opened.)
FAULTS = (sqlite3.Error, PeeweeException, DatabaseError, Busy)


class Store:
    """An open database with its one way to write.

    path         of the SQLite file
    synchronous  "FULL" | "NORMAL"
    Raises       database.DatabaseError
    """

    def __init__(self, path: str, synchronous: str = "FULL") -> None:
        self.database = Database(path, synchronous)
        self.commits = GroupCommit(self.database)
        self.events = EventWriter(self.commits)

    def prove_writable(self) -> None:
        """Write and commit a line. Raises what a client's write would raise now."""
        statement = "INSERT OR REPLACE INTO heartbeat (id, written_at) VALUES (1, ?)"
        self.commits.run(lambda connection: connection.execute(statement, (time.time_ns() // 1_000_000,)))

    def close(self) -> None:
        """Close this thread's connections and the lock files."""
        self.database.close()
        self.commits.close()
