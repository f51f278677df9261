"""The database's own id, and the settings that shape events."""

_STATEMENTS = (
    """\
CREATE TABLE identity ( -- one row
  id          INTEGER PRIMARY KEY CHECK (id = 1),
  database_id TEXT    NOT NULL -- made at random with the file; its copies and backups have the same
) STRICT
""",
    "INSERT INTO identity (id, database_id) VALUES (1, lower(hex(randomblob(16))))",
    """\
CREATE TABLE rules ( -- the settings that shape events, as `drengr serve` last ran with them; commands use these
  setting TEXT PRIMARY KEY, -- DRENGR_ALLOWED_KEYS, DRENGR_SENSITIVE_WORDS, …
  value   TEXT NOT NULL     -- as in the environment
) STRICT, WITHOUT ROWID
""",
)


def up(migrator, db):
    """Make both tables."""
    for statement in _STATEMENTS:
        db.execute_sql(statement)
