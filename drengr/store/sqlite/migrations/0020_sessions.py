"""Who is signed in to the page."""

from typing import Any

_SIGNING = """\
CREATE TABLE signing ( -- one row
  id     INTEGER PRIMARY KEY CHECK (id = 1),
  secret BLOB    NOT NULL -- what the page signs its cookies with
) STRICT
"""
_SECRET = """\
INSERT INTO signing (id, secret) VALUES (1, randomblob(32))
"""
_SESSIONS = """\
CREATE TABLE sessions (
  id           INTEGER PRIMARY KEY AUTOINCREMENT,
  kind         TEXT    NOT NULL CHECK (kind IN ('key', 'link', 'unused_link')), -- how it began; unused: no session yet
  token_hash   BLOB    NOT NULL UNIQUE CHECK (length(token_hash) = 32), -- sha256 of what the cookie or the link holds
  created_at   INTEGER NOT NULL, -- epoch ms
  last_used_at INTEGER NOT NULL  -- epoch ms, now and then
) STRICT
"""
_SESSION_PROJECTS = """\
CREATE TABLE session_projects ( -- what a session opens
  session_id INTEGER NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
  project_id INTEGER NOT NULL REFERENCES projects (id) ON DELETE CASCADE,
  key_id     INTEGER REFERENCES api_keys (id) ON DELETE CASCADE, -- opened with it, and ends with it; null: by a link
  PRIMARY KEY (session_id, project_id)
) STRICT, WITHOUT ROWID
"""


def up(migrator: object, db: Any) -> None:
    """Make the tables; nobody is signed in."""
    for statement in (_SIGNING, _SECRET, _SESSIONS, _SESSION_PROJECTS):
        db.execute_sql(statement)
