"""Whether the file is still the one that the numbers in memory belong to.

Projects, names and origins are words that events hold by number. A process remembers those numbers, and a request
brings a project's number along. Both may come from a state of the file that is gone: somebody puts a backup back into
it while the service runs (`sqlite3 .restore`, `cp`). Three things together keep an event from lying under a wrong word:

- `identity.words` changes with every change of the three tables, by triggers, whoever makes it. Equal words prove that
  every number means what it meant. A transaction compares them before it uses a number, also numbers that were
  looked up while it waited for its turn; when they differ, names and origins are looked up anew, and every project
  that this process has met must still have its uuid.
- Numbers are given out at random distances (`new_number`, `leave_a_gap`). After `cp` the -wal still holds pages of
  events of the other history; in the history that goes on, their numbers mean nothing: the view does not show them.
- When the main file was written to, by a checkpoint as a rule, a fresh connection must see the same words as the
  writing one, whose cache may hold pages that `cp` has overwritten, and the same identities of the newest events. Then
  that cache is emptied.
"""

import os
import sqlite3
from contextlib import closing

from drengr.store.errors import DatabaseError
from drengr.store.results import Project
from drengr.store.sqlite.connections import connect

_RESTART = "the service must be restarted"
_STATE = "SELECT words, (SELECT count(*) FROM schema_migration) FROM identity"
# Names are compared while nobody else can write, and a client may invent any number of them: the newest tell histories
# apart.
_MOST_NAMES = 5000
_WORDS = {
    "projects": "SELECT id, uuid FROM projects ORDER BY id",
    "event_names": f"SELECT id, project_id, name FROM event_names ORDER BY id DESC LIMIT {_MOST_NAMES}",
    "origins": "SELECT id, source, app_package FROM origins ORDER BY id",
}
# Nothing is remembered of people, but the writing connection's cache may hold their pages. All of them are too many.
_LAST_PEOPLE = """
SELECT id, project_id, install_id, external_id FROM identities
WHERE id > (SELECT max(id) FROM identities) - 50
  OR id IN (SELECT identity_id FROM semantic_events ORDER BY id DESC LIMIT 50)
"""
_LONGEST_STEP = 2**20  # a power of two; numbers of the first 2,000 names take four bytes of a row, then six


def new_number(table: str) -> str:
    """SQL of a number that the table never had: above all it gave out, at a random distance."""
    step = f"1 + (random() & {_LONGEST_STEP - 1})"
    return f"(SELECT ifnull(max(seq), 0) + {step} FROM sqlite_sequence WHERE name = '{table}')"


def leave_a_gap(connection: sqlite3.Connection) -> None:
    """Let the next project have a number at a random distance; the first of a file has 1."""
    step = f"(random() & {_LONGEST_STEP - 1})"
    connection.execute(f"UPDATE sqlite_sequence SET seq = seq + {step} WHERE name = 'projects'")


class History:
    """What this process remembers of one file, and the proof that it still holds."""

    def __init__(self, path: str, connection: sqlite3.Connection) -> None:
        self.codes: dict[tuple[object, ...], int] = {}  # of names and origins; another dict when it is void
        self._path = path
        self._uuids: dict[int, str] = {}  # of projects
        self._words, self._migrations = connection.execute(_STATE).fetchone()
        self._written_at = _written_at(path)
        self._lost: str | None = None

    def met(self, project: Project) -> Project:
        """The project, whose number means it from now on.

        Raises  DatabaseError when the number meant another one
        """
        if self._uuids.setdefault(project.id, project.uuid) != project.uuid:
            raise self._lose("was put back to another state while in use")
        return project

    def check(self, connection: sqlite3.Connection) -> None:
        """At the begin of a transaction that writes: what is remembered holds, or is forgotten.

        Raises  DatabaseError when the service cannot go on with this file
        """
        if self._lost is not None:
            raise self._lose(self._lost)
        words, migrations = connection.execute(_STATE).fetchone() or (b"", -1)
        if migrations != self._migrations:
            raise self._lose("was upgraded or put back to another version while in use")
        if words != self._words:
            self.codes = {}
            for number, uuid in connection.execute(_WORDS["projects"]):
                if self._uuids.get(number, uuid) != uuid:
                    raise self._lose("was put back to another state while in use")
            self._words = words

    def is_written_to(self) -> bool:
        """Whether somebody wrote to the main file, or deleted it, since it was compared."""
        return _written_at(self._path) != self._written_at

    def words(self, connection: sqlite3.Connection) -> bytes:
        """What is to be told to `committed`: the words as the transaction leaves them."""
        found: tuple[bytes] = connection.execute("SELECT words FROM identity").fetchone()
        return found[0]

    def committed(self, words: bytes) -> None:
        """The transaction is committed: its own new words are no reason to forget the others."""
        self._words = words

    def compare(self, connection: sqlite3.Connection) -> None:
        """The writing connection, its cache and a fresh look at the file must agree.

        Raises  DatabaseError when they do not
        """
        written_at = _written_at(self._path)
        with closing(connect(self._path, "rw", query_only=1)) as fresh:
            for table, statement in _WORDS.items():
                there = fresh.execute(statement).fetchall()
                if there != connection.execute(statement).fetchall():
                    raise self._lose("was overwritten while in use")
                numbers = {row[1:]: row[0] for row in there}
                oldest = there[-1][0] if table == "event_names" and len(there) == _MOST_NAMES else 0
                if table != "projects" and any(
                    numbers.get(word) != code
                    for word, code in self.codes.copy().items()
                    if code >= oldest and _is_of(table, word)
                ):
                    raise self._lose("was overwritten while in use")
            if fresh.execute(_LAST_PEOPLE).fetchall() != connection.execute(_LAST_PEOPLE).fetchall():
                raise self._lose("was overwritten while in use")
        connection.execute("PRAGMA shrink_memory")  # forgets its pages: from now on it sees what others see
        self._written_at = written_at

    def _lose(self, what: str) -> DatabaseError:
        self._lost = what
        return DatabaseError(f"{self._path} {what}; restart the service.", f"the database {what}; {_RESTART}")


def _is_of(table: str, word: tuple[object, ...]) -> bool:
    return isinstance(word[0], int) == (table == "event_names")


def _written_at(path: str) -> tuple[int, int] | None:
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size
