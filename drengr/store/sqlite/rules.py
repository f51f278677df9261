"""What the database knows of itself: its id, and the settings that shape events (contract 7)."""

import sqlite3

from drengr.store.sqlite.database import Database
from drengr.store.sqlite.group_commit import GroupCommit


def database_id(database: Database) -> str:
    """32 hex digits, made at random with the file."""
    return database.read("SELECT database_id FROM identity")[0][0]


def rules(database: Database) -> dict[str, str]:
    """The settings that shape events, by name, as they were last saved; empty when they never were."""
    return dict(database.read("SELECT setting, value FROM rules"))


def save_rules(database: Database, commits: GroupCommit, wanted: dict[str, str]) -> None:
    """These and no others, from now on. Nothing is written when they are there already."""

    def write(connection: sqlite3.Connection) -> None:
        connection.execute("DELETE FROM rules")
        connection.executemany("INSERT INTO rules (setting, value) VALUES (?, ?)", sorted(wanted.items()))

    if rules(database) != wanted:
        commits.run(write)
