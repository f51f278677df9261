"""Imports that were being undone, in a file that was restored (contract 9)."""

import sqlite3

from drengr.store import removal_rows
from drengr.store.sqlite.erasing import newest_id

_OF_THE_FILE = """
SELECT project_id, number, undone_at FROM imports AS i WHERE undone_at IS NOT NULL
  AND EXISTS (SELECT 1 FROM import_ids AS r WHERE r.project_id = i.project_id AND r.number = i.number)
"""


def take_up(connection: sqlite3.Connection) -> None:
    """Imports went back with their events: what is to be undone is what the file says, not what the database was at."""
    connection.execute("DELETE FROM removals WHERE why = 'undone'")
    for project_id, number, undone_at in connection.execute(_OF_THE_FILE).fetchall():
        condition = {"import": number}
        removal_rows.begin(connection, project_id, "undone", newest_id(connection), condition, began_at=undone_at)
