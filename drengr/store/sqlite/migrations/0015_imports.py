"""Imports, and which events each one brought. Of earlier imports nothing is known."""

from typing import Any

_IMPORTS = """\
CREATE TABLE imports ( -- files and uploads that were imported
  project_id  INTEGER NOT NULL REFERENCES projects (id),
  number      INTEGER NOT NULL, -- of the project's own, from 1
  source      TEXT    NOT NULL, -- as the importer was told
  app_package TEXT,             -- likewise
  file        TEXT,             -- its name; null: not known
  received_at INTEGER NOT NULL, -- epoch ms, when it began
  imported    INTEGER NOT NULL, -- rows that were stored
  skipped     INTEGER NOT NULL,
  duplicates  INTEGER NOT NULL,
  first_id    INTEGER,          -- smallest id of the events it brought, null: none
  last_id     INTEGER,          -- largest
  undone_at   INTEGER,          -- epoch ms; null: it was not undone
  PRIMARY KEY (project_id, number)
) STRICT, WITHOUT ROWID
"""
_IMPORT_IDS = """\
CREATE TABLE import_ids ( -- which events an import brought: all that there are from one id to another
  project_id INTEGER NOT NULL REFERENCES projects (id),
  number     INTEGER NOT NULL,
  first_id   INTEGER NOT NULL,
  last_id    INTEGER NOT NULL,
  PRIMARY KEY (project_id, number, first_id)
) STRICT, WITHOUT ROWID
"""


def up(migrator: object, db: Any) -> None:
    """Make the tables; what a killed run goes on with gets its number then."""
    db.execute_sql(_IMPORTS)
    db.execute_sql(_IMPORT_IDS)
    db.execute_sql("ALTER TABLE import_progress ADD COLUMN number INTEGER")
