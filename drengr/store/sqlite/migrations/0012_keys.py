"""When a key was last used, and publishable keys in clear."""

from typing import Any


def up(migrator: object, db: Any) -> None:
    """Add the columns; of the keys that are here, neither is known."""
    db.execute_sql("ALTER TABLE api_keys ADD COLUMN last_used_at INTEGER")
    db.execute_sql("ALTER TABLE api_keys ADD COLUMN key_text TEXT CHECK (key_text IS NULL OR kind = 'publishable')")
