"""The last backup that was proved good."""

from typing import Any

_BACKUPS = """\
CREATE TABLE backups ( -- one row: the last backup that was proved good
  id      INTEGER PRIMARY KEY CHECK (id = 1),
  made_at INTEGER NOT NULL, -- epoch ms; it holds this moment of the database
  path    TEXT    NOT NULL  -- where it was put
) STRICT
"""


def up(migrator: object, db: Any) -> None:
    """Make the table; of earlier backups nothing is known."""
    db.execute_sql(_BACKUPS)
