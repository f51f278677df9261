"""The first version. Its tables come from schema.sql; this is where the history of changes to it begins."""

from typing import Any


def up(migrator: object, db: Any) -> None:
    """Nothing to do: a file that has this line was made from schema.sql."""
