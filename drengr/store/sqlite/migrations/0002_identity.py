"""The database's own id, the settings that shape events, and numbers that are never given out twice."""

from typing import Any

_NEW_TABLES = (
    """\
CREATE TABLE identity ( -- one row
  id          INTEGER PRIMARY KEY CHECK (id = 1),
  database_id TEXT    NOT NULL, -- made at random with the file; its copies and backups have the same
  words       BLOB    NOT NULL  -- changes with projects, event_names and origins: equal words, equal meaning of numbers
) STRICT
""",
    "INSERT INTO identity (id, database_id, words) VALUES (1, lower(hex(randomblob(16))), randomblob(16))",
    """\
CREATE TABLE rules ( -- the settings that shape events, as `drengr serve` last ran with them; commands use these
  setting TEXT PRIMARY KEY, -- DRENGR_ALLOWED_KEYS, DRENGR_SENSITIVE_WORDS, …
  value   TEXT NOT NULL     -- as in the environment
) STRICT, WITHOUT ROWID
""",
    "DROP TABLE heartbeat",
    """\
CREATE TABLE heartbeat ( -- what /healthz writes to prove that the file can be written
  id         INTEGER PRIMARY KEY CHECK (id = 1),
  written_at INTEGER NOT NULL, -- epoch ms
  proof      BLOB    NOT NULL  -- zeros, so many that they need room on the disk
) STRICT
""",
)
# Made anew, because SQLite cannot add AUTOINCREMENT to a table: name, columns, statements.
_ANEW = (
    (
        "projects",
        """\
CREATE TABLE projects (
  id         INTEGER PRIMARY KEY AUTOINCREMENT,
  uuid       TEXT    NOT NULL UNIQUE CHECK (length(uuid) = 36), -- the :projectId of the admin URLs
  name       TEXT    NOT NULL UNIQUE CHECK (name <> ''),
  created_at INTEGER NOT NULL                                   -- epoch ms
) STRICT
""",
    ),
    (
        "api_keys",
        """\
CREATE TABLE api_keys (
  id         INTEGER PRIMARY KEY AUTOINCREMENT,
  project_id INTEGER NOT NULL REFERENCES projects (id),
  kind       TEXT    NOT NULL CHECK (kind IN ('publishable', 'secret')),
  key_hash   BLOB    NOT NULL UNIQUE CHECK (length(key_hash) = 32), -- sha256; no key itself is stored
  hint       TEXT    NOT NULL,                                      -- its first characters, for lists
  created_at INTEGER NOT NULL,                                      -- epoch ms
  revoked_at INTEGER                                                -- epoch ms, null while it is good
) STRICT
""",
    ),
    (
        "event_names",
        """\
CREATE TABLE event_names (
  id         INTEGER PRIMARY KEY AUTOINCREMENT, -- with gaps: the next is at a random distance
  project_id INTEGER NOT NULL REFERENCES projects (id),
  name       TEXT    NOT NULL,
  UNIQUE (project_id, name)
) STRICT
""",
    ),
    (
        "origins",
        """\
CREATE TABLE origins ( -- the way an event came in
  id          INTEGER PRIMARY KEY AUTOINCREMENT, -- likewise
  source      TEXT    NOT NULL CHECK (source <> ''), -- amplitude_http, amplitude, mixpanel, posthog, …
  app_package TEXT                                   -- from the import envelope, else null
) STRICT
""",
    ),
)
_ORIGIN_INDEX = (
    "CREATE UNIQUE INDEX origin_by_source_and_package ON origins (source, ifnull(app_package, ''), app_package IS NULL)"
)
_WATCHED = {"projects": "project", "event_names": "name", "origins": "origin"}
_CHANGES = {"INSERT": "new", "UPDATE": "changed", "DELETE": "deleted"}


def up(migrator: object, db: Any) -> None:
    """Make the new tables, the numbered ones anew, and the triggers. Small tables: it takes no time."""
    for statement in _NEW_TABLES:
        db.execute_sql(statement)
    db.execute_sql("PRAGMA legacy_alter_table = 1")  # what points to the old table points to the new one
    for table, definition in _ANEW:
        db.execute_sql(f"ALTER TABLE {table} RENAME TO old_{table}")
        db.execute_sql(definition)
        db.execute_sql(f"INSERT INTO {table} SELECT * FROM old_{table}")
        db.execute_sql(f"DROP TABLE old_{table}")
    db.execute_sql(_ORIGIN_INDEX)
    for table, one in _WATCHED.items():
        for change, what in _CHANGES.items():
            db.execute_sql(
                f"CREATE TRIGGER words_after_{what}_{one} AFTER {change} ON {table}"
                " BEGIN UPDATE identity SET words = randomblob(16); END"
            )
    db.execute_sql("PRAGMA legacy_alter_table = 0")
