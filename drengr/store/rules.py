"""What the database knows of itself: its id, and the settings that shape events (contract 7)."""

from drengr.store.sql import Reader, Statements, Writer


def database_id(database: Reader) -> str:
    """32 hex digits, made at random with the database."""
    return str(database.read("SELECT database_id FROM identity")[0][0])


def rules(database: Reader) -> dict[str, str]:
    """The settings that shape events, by name, as they were last saved; empty when they never were."""
    return dict(database.read("SELECT setting, value FROM rules"))


def save_rules(database: Reader, commits: Writer, wanted: dict[str, str]) -> None:
    """These and no others, from now on. Nothing is written when they are there already."""

    def write(connection: Statements) -> None:
        connection.execute("DELETE FROM rules")
        connection.executemany("INSERT INTO rules (setting, value) VALUES (?, ?)", sorted(wanted.items()))

    if rules(database) != wanted:
        commits.run(write)
