"""People. The file is made anew: events point to identities, and nothing that was deleted is left in its pages."""

import sqlite3
from collections.abc import Callable, Iterable
from typing import Any

from drengr.store.sqlite.people import recount

NEEDS = 2.4  # times the size of the file: the copy, the new file, and what sorting takes

_TABLES = (
    """\
CREATE TABLE hash_key ( -- one row: what ids are hashed with where they must not be readable
  id  INTEGER PRIMARY KEY CHECK (id = 1),
  key BLOB    NOT NULL CHECK (length(key) = 16)
) STRICT
""",
    """\
CREATE TABLE persons ( -- every user and every device that has an event; the view `people` shows those who are a person
  id         INTEGER PRIMARY KEY AUTOINCREMENT, -- the number that Amplitude calls amplitude_id
  project_id INTEGER NOT NULL REFERENCES projects (id),
  is_device  INTEGER NOT NULL CHECK (is_device IN (0, 1)),
  person     ANY     NOT NULL, -- external_id or install_id, packed; a canonical UUID of any case as in lower case
  user_id    INTEGER,          -- of a device: persons.id of the only user ever seen with it; else null
  is_shared  INTEGER NOT NULL DEFAULT 0 CHECK (is_shared IN (0, 1)), -- of a device: it ever had two users
  UNIQUE (project_id, is_device, person)
) STRICT
""",
    """\
CREATE TABLE shared_devices ( -- devices that ever had two users: they stay their own, whatever is left of the users
  project_id INTEGER NOT NULL REFERENCES projects (id),
  device     BLOB    NOT NULL, -- hash of the install_id, with hash_key: it outlives the id
  PRIMARY KEY (project_id, device)
) STRICT, WITHOUT ROWID
""",
    """\
CREATE TABLE identities ( -- every pair of ids that an event has, as sent. It never changes; whose it is does.
  id          INTEGER PRIMARY KEY AUTOINCREMENT,
  project_id  INTEGER NOT NULL REFERENCES projects (id),
  install_id  ANY,     -- anonymous or device id, packed
  external_id ANY,     -- user id, packed
  device_id   INTEGER REFERENCES persons (id), -- the device of install_id
  user_id     INTEGER,                         -- persons.id of the user of external_id; null: anonymous
  person_id   INTEGER REFERENCES persons (id)  -- whose its events are now: the user's, or as its device decides
) STRICT
""",
    """\
CREATE TABLE semantic_events (
  id          INTEGER PRIMARY KEY AUTOINCREMENT, -- grows in commit order, with gaps
  project_id  INTEGER NOT NULL REFERENCES projects (id),
  event_id    ANY,             -- dedup key, packed; null: never a repeat
  name_id     INTEGER NOT NULL REFERENCES event_names (id),
  origin_id   INTEGER NOT NULL REFERENCES origins (id),
  identity_id INTEGER NOT NULL REFERENCES identities (id),
  session_id  ANY,             -- integer or text as sent, null for none
  occurred_at INTEGER NOT NULL,    -- epoch ms
  received_at INTEGER NOT NULL,    -- epoch ms
  dims        TEXT    NOT NULL,    -- JSON object, every value a string
  measures    TEXT    NOT NULL,    -- JSON object, every value a finite number
  properties  TEXT                 -- JSON object as posted at the admin door, null elsewhere
) STRICT
""",
    """\
CREATE TABLE person_days ( -- one row a person and day with an event
  project_id   INTEGER NOT NULL REFERENCES projects (id),
  day          INTEGER NOT NULL, -- occurred_at / 86,400,000, rounded down
  person_id    INTEGER NOT NULL REFERENCES persons (id),
  events       INTEGER NOT NULL CHECK (events > 0),
  first_at     INTEGER NOT NULL, -- epoch ms of the first of them
  last_at      INTEGER NOT NULL, -- of the last
  previous_day INTEGER,          -- the person's day before this one; null: this is the first
  PRIMARY KEY (project_id, day, person_id)
) STRICT, WITHOUT ROWID
""",
    """\
CREATE TABLE day_people ( -- how many people were there on a day, by how long they had been away
  project_id INTEGER NOT NULL REFERENCES projects (id),
  day        INTEGER NOT NULL,
  gap        INTEGER NOT NULL, -- days since the person's day before; 0: it is the person's first day
  people     INTEGER NOT NULL CHECK (people >= 0),
  PRIMARY KEY (project_id, day, gap)
) STRICT, WITHOUT ROWID
""",
    """\
CREATE TABLE day_sets (
  id         INTEGER PRIMARY KEY, -- random: no other set ever has it, in whatever copy of the file
  project_id INTEGER NOT NULL REFERENCES projects (id),
  name_id    INTEGER NOT NULL, -- who had an event of that name; 0: whoever had any
  day        INTEGER NOT NULL,
  begun_at   INTEGER NOT NULL, -- epoch ms
  people     BLOB,             -- zlib of bits: the lowest of the first byte is persons.id 0. Null: not made yet
  newcomers  BLOB,             -- likewise: those whose first day it was; of a name: nobody
  UNIQUE (project_id, name_id, day)
) STRICT
""",
    "INSERT INTO hash_key (id, key) VALUES (1, randomblob(16))",
    """\
CREATE UNIQUE INDEX identity_by_ids ON identities (project_id, ifnull(install_id, x''), ifnull(external_id, x''))
""",
    "CREATE INDEX identities_by_device ON identities (device_id, user_id)",
    "CREATE INDEX identities_by_person ON identities (person_id, user_id)",
    "CREATE INDEX person_days_by_person ON person_days (person_id, day)",
)
# Made when the events are in: sorted, which is several times faster.
_INDEXES = (
    "CREATE UNIQUE INDEX event_by_dedup_id ON semantic_events (project_id, event_id) WHERE event_id IS NOT NULL",
    "CREATE INDEX events_by_time ON semantic_events (project_id, occurred_at)",
    "CREATE INDEX events_by_name_and_time ON semantic_events (name_id, occurred_at, id, identity_id)",
    "CREATE INDEX events_by_identity_and_time ON semantic_events (identity_id, occurred_at)",
)


def _uuid(packed: str) -> str:
    """SQL of the text that 16 bytes stand for."""
    ends = ((1, ", 8"), (9, ", 4"), (13, ", 4"), (17, ", 4"), (21, ""))
    return "lower(" + " || '-' || ".join(f"substr(hex({packed}), {at}{length})" for at, length in ends) + ")"


_VIEWS = (
    f"""\
CREATE VIEW events AS
SELECT
  e.id,
  p.uuid AS project,
  CASE WHEN typeof(e.event_id) <> 'blob' THEN e.event_id
    WHEN length(e.event_id) = 32 THEN lower(hex(e.event_id))
    ELSE {_uuid('e.event_id')} END AS event_id,
  n.name AS event_name,
  o.source,
  o.app_package,
  CASE WHEN typeof(i.install_id) <> 'blob' THEN i.install_id
    ELSE {_uuid('i.install_id')} END AS install_id,
  CASE WHEN typeof(i.external_id) <> 'blob' THEN i.external_id
    ELSE {_uuid('i.external_id')} END AS external_id,
  e.session_id,
  e.occurred_at,
  e.received_at,
  e.dims,
  e.measures,
  e.properties
FROM semantic_events AS e
JOIN projects AS p ON p.id = e.project_id
JOIN event_names AS n ON n.id = e.name_id
JOIN origins AS o ON o.id = e.origin_id
JOIN identities AS i ON i.id = e.identity_id
""",
    f"""\
CREATE VIEW people AS
SELECT
  p.uuid AS project,
  CASE WHEN k.is_device THEN 'device' ELSE 'user' END AS kind,
  CASE WHEN typeof(k.person) <> 'blob' THEN k.person
    ELSE {_uuid('k.person')} END AS id,
  min(d.first_at) AS first_seen_at, -- epoch ms
  max(d.last_at) AS last_seen_at,   -- epoch ms
  sum(d.events) AS events
FROM persons AS k
CROSS JOIN person_days AS d ON d.person_id = k.id
JOIN projects AS p ON p.id = k.project_id
GROUP BY k.id
""",
    f"""\
CREATE VIEW events_and_people AS
SELECT
  v.*,
  CASE WHEN k.is_device THEN 'device' WHEN NOT k.is_device THEN 'user' END AS person_kind,
  CASE WHEN typeof(k.person) <> 'blob' THEN k.person
    ELSE {_uuid('k.person')} END AS person
FROM events AS v
JOIN semantic_events AS e ON e.id = v.id
JOIN identities AS i ON i.id = e.identity_id
LEFT JOIN persons AS k ON k.id = i.person_id
""",
)

_EVENTS_IN_A_SLICE = 50_000  # a second or two; what a killed run loses
_IDENTITY = """
(SELECT i.id FROM main.identities AS i WHERE i.project_id = e.project_id
   AND ifnull(i.install_id, x'') = ifnull(e.install_id, x'')
   AND ifnull(i.external_id, x'') = ifnull(e.external_id, x''))
"""
_SLICE_END = "SELECT max(id) FROM (SELECT id FROM old.semantic_events WHERE id > ? ORDER BY id LIMIT ?)"
_IDENTITIES = f"""
INSERT INTO main.identities (project_id, install_id, external_id)
SELECT DISTINCT e.project_id, e.install_id, e.external_id FROM old.semantic_events AS e
WHERE e.id > ? AND e.id <= ? AND {_IDENTITY} IS NULL
"""
_EVENTS = f"""
INSERT INTO main.semantic_events (id, project_id, event_id, name_id, origin_id, identity_id, session_id, occurred_at,
                                  received_at, dims, measures, properties)
SELECT e.id, e.project_id, e.event_id, e.name_id, e.origin_id, {_IDENTITY}, e.session_id, e.occurred_at,
  e.received_at, e.dims, e.measures, e.properties
FROM old.semantic_events AS e WHERE e.id > ? AND e.id <= ? ORDER BY e.id
"""
_SEQUENCES = (
    """
UPDATE main.sqlite_sequence AS n SET seq = o.seq FROM old.sqlite_sequence AS o WHERE o.name = n.name AND o.seq > n.seq
""",
    """
INSERT INTO main.sqlite_sequence (name, seq)
SELECT name, seq FROM old.sqlite_sequence WHERE name NOT IN (SELECT name FROM main.sqlite_sequence)
""",
)


def up(migrator: object, db: Any) -> None:
    """Nothing is left to do: `rewrite` did it, see drengr.store.sqlite.rewriting."""


def rewrite(connection: sqlite3.Connection, say: Callable[[str], object]) -> None:
    """Fill the file `main` with what is in `old`. What is there already, from a run that was killed, stays."""
    if not _has(connection, "semantic_events"):
        _in_one(connection, _begin)
    _copy_events(connection, say)
    for number, index in enumerate(_INDEXES, 1):
        say(f"Index {number} of {len(_INDEXES)}.")
        if not _has(connection, index.split(" INDEX ")[1].split()[0]):
            connection.execute(index)
    say("Who the events are of, and on which days.")
    if not _has(connection, "events"):
        _in_one(connection, lambda connection: _end(connection, say))


def _begin(connection: sqlite3.Connection) -> None:
    """The tables; those that are as they were with what is in them."""
    for statement in _TABLES:
        connection.execute(statement)
    for name, sql in _objects(connection, "table"):
        if not _has(connection, name):
            connection.execute(sql)
            connection.execute(f'INSERT INTO main."{name}" SELECT * FROM old."{name}"')
    for statement in _SEQUENCES:
        connection.execute(statement)


def _copy_events(connection: sqlite3.Connection, say: Callable[[str], object]) -> None:
    done, last = (connection.execute(f"SELECT ifnull(max(id), 0) FROM {file}.semantic_events").fetchone()[0]
                  for file in ("main", "old"))  # fmt: skip
    shown = -1
    while done < last:
        if 10 * done // last > shown:
            shown = 10 * done // last
            say(f"Events: {10 * shown} %")
        (end,) = connection.execute(_SLICE_END, (done, _EVENTS_IN_A_SLICE)).fetchone()
        connection.execute("BEGIN")
        for statement in (_IDENTITIES, _EVENTS):
            connection.execute(statement, (done, end))
        connection.execute("COMMIT")
        done = end


def _end(connection: sqlite3.Connection, say: Callable[[str], object]) -> None:
    """What rests on the events; and what the operator made, as far as it fits the new tables."""
    recount.fill(connection)
    for view in _VIEWS:
        connection.execute(view)
    for kind in ("index", "view", "trigger"):
        for name, sql in _objects(connection, kind):
            if not _has(connection, name):
                try:
                    connection.execute(sql)
                except sqlite3.OperationalError as error:
                    say(f"The {kind} {name} is not there any more: {error}.")
    _raise_unless_whole(connection)


def _raise_unless_whole(connection: sqlite3.Connection) -> None:
    there, were = (connection.execute(f"SELECT count(*) FROM {file}.semantic_events").fetchone()[0]
                   for file in ("main", "old"))  # fmt: skip
    if there != were:
        raise sqlite3.DatabaseError(f"{were} events were to be copied, and {there} are there")


def _objects(connection: sqlite3.Connection, kind: str) -> Iterable[tuple[str, str]]:
    """(name, SQL) of the old file's tables, indexes, views or triggers that have any."""
    found = connection.execute("SELECT name, sql FROM old.sqlite_schema WHERE type = ?", (kind,))
    return [(name, sql) for name, sql in found if sql and not name.startswith("sqlite_")]


def _has(connection: sqlite3.Connection, name: str) -> bool:
    return connection.execute("SELECT 1 FROM main.sqlite_schema WHERE name = ?", (name,)).fetchone() is not None


def _in_one(connection: sqlite3.Connection, work: Callable[[sqlite3.Connection], object]) -> None:
    """In one transaction."""
    connection.execute("BEGIN")
    try:
        work(connection)
    except BaseException:
        connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")
