"""What a stranger sees in a database, and does to it, whichever store it is: SQL with ? for a parameter."""

import sqlite3
from contextlib import closing
from typing import Any


def read(location: str, sql: str, *parameters: Any) -> list[tuple]:
    """Rows of a query."""
    if not location.startswith("postgresql://"):
        with closing(sqlite3.connect(location, timeout=30)) as connection:
            return connection.execute(sql, parameters).fetchall()
    with _postgresql(location) as connection:
        return connection.execute(_placeholders(sql), parameters or None).fetchall()


def write(location: str, sql: str) -> None:
    """One statement, committed."""
    if not location.startswith("postgresql://"):
        with closing(sqlite3.connect(location, timeout=30)) as connection, connection:
            connection.execute(sql)
    else:
        with _postgresql(location) as connection:
            connection.execute(sql)


def events_in(location: str, tail: str = "", *parameters: Any) -> list[dict[str, Any]]:
    """Rows of the view `events`; JSON columns as text, a session as it was sent.

    tail  what follows SELECT * FROM events, such as "WHERE project = ? ORDER BY id"
    """
    if not location.startswith("postgresql://"):
        with closing(sqlite3.connect(location, timeout=30)) as connection:
            cursor = connection.execute(f"SELECT * FROM events {tail}", parameters)
            names = [column[0] for column in cursor.description]
            return [dict(zip(names, row, strict=True)) for row in cursor]
    with _postgresql(location) as connection:
        cursor = connection.execute(_placeholders(f"SELECT * FROM events {tail}"), parameters or None)
        names = [column.name for column in cursor.description]
        rows = [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
        numbers = "SELECT id FROM semantic_events WHERE session_is_integer"
        with_numbers = {row[0] for row in connection.execute(numbers).fetchall()}
    return [row | {"session_id": int(row["session_id"])} if row["id"] in with_numbers else row for row in rows]


def _postgresql(location: str):
    import psycopg
    from psycopg.types.string import TextLoader

    connection = psycopg.connect(location, autocommit=True, prepare_threshold=None)
    connection.adapters.register_loader("json", TextLoader)
    return connection


def _placeholders(sql: str) -> bytes:
    return sql.replace("%", "%%").replace("?", "%s").encode() if "?" in sql else sql.encode()
