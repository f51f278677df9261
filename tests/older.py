"""Files as older versions of Drengr left them, made of what this version stores."""

import os
import sqlite3
from contextlib import closing

from tests.conftest import shared_data

_EVENTS = """
INSERT INTO new.semantic_events SELECT e.id, e.project_id, e.event_id, e.name_id, e.origin_id, i.install_id,
  i.external_id, e.session_id, e.occurred_at, e.received_at, e.dims, e.measures, e.properties
FROM semantic_events AS e JOIN identities AS i ON i.id = e.identity_id ORDER BY e.id
"""
_NOT_COPIED = ("semantic_events", "identity", "sqlite_sequence")


def make_older(path: str, version: str = "0012_keys") -> None:
    """Make the file what that version would have made of the same events: "0012_keys" | "0010_ledger"."""
    older = path + ".older"
    with closing(sqlite3.connect(older)) as connection:
        connection.executescript(shared_data("schemas", "0012.sql").read_text())
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("ATTACH ? AS new", (older,))
        (mark,) = connection.execute("PRAGMA main.user_version").fetchone()
        connection.execute(f"PRAGMA new.user_version = {mark}")
        tables = [row[0] for row in connection.execute("SELECT name FROM new.sqlite_schema WHERE type = 'table'")]
        connection.execute("BEGIN")
        connection.execute("CREATE TABLE new.schema_migration (id INTEGER PRIMARY KEY, name TEXT UNIQUE, applied TEXT)")
        notes = "INSERT INTO new.schema_migration SELECT id, name, applied FROM main.schema_migration WHERE name <= ?"
        connection.execute(notes, (version,))
        for table in tables:
            if table not in _NOT_COPIED:
                columns = ", ".join(row[1] for row in connection.execute(f"PRAGMA new.table_info({table})"))
                connection.execute(f"INSERT INTO new.{table} ({columns}) SELECT {columns} FROM main.{table}")
        connection.execute(_EVENTS)
        connection.execute("DELETE FROM new.identity")
        connection.execute("INSERT INTO new.identity SELECT * FROM main.identity")
        connection.execute("DELETE FROM new.sqlite_sequence")
        connection.execute(
            "INSERT INTO new.sqlite_sequence SELECT * FROM main.sqlite_sequence"
            " WHERE name IN ('projects', 'api_keys', 'event_names', 'origins')"
        )
        if version < "0011":
            connection.execute("DROP TABLE new.backups")
            for column in ("last_used_at", "key_text"):
                connection.execute(f"ALTER TABLE new.api_keys DROP COLUMN {column}")
        connection.execute("COMMIT")
        connection.execute("DETACH new")
        (mode,) = connection.execute("PRAGMA journal_mode = delete").fetchone()
        assert mode == "delete"
    os.replace(older, path)
