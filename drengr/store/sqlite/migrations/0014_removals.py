"""Floors, tombstones, removals and receipts: events that go and stay gone."""

from typing import Any

_TABLES = (
    """\
CREATE TABLE floors ( -- what a project takes no more; looked at in each transaction that stores events of it
  project_id       INTEGER PRIMARY KEY REFERENCES projects (id),
  keep_days        INTEGER CHECK (keep_days >= 1), -- older events go; null: they stay
  checked_at       INTEGER,          -- epoch ms of the last look at the clock; null: none since keep_days was given
  is_stopped       INTEGER NOT NULL CHECK (is_stopped IN (0, 1)), -- two looks were over 31 days apart: nothing goes
  looked_up_before INTEGER NOT NULL, -- epoch ms: ids of earlier events are looked up in the two tables below
  has_admin_ids    INTEGER NOT NULL CHECK (has_admin_ids IN (0, 1)) -- ids of the admin door are looked up always
) STRICT
""",
    """\
CREATE TABLE tombstones ( -- people whose events are not taken any more if they occurred before
  project_id INTEGER NOT NULL REFERENCES projects (id),
  person     BLOB    NOT NULL, -- hash of the user's or device's id, with hash_key
  erased_at  INTEGER NOT NULL, -- epoch ms
  PRIMARY KEY (project_id, person)
) STRICT, WITHOUT ROWID
""",
    """\
CREATE TABLE removed_ids ( -- events that do not come back, whatever their time
  project_id INTEGER NOT NULL REFERENCES projects (id),
  event      BLOB    NOT NULL, -- hash of the event_id, with hash_key
  is_erased  INTEGER NOT NULL CHECK (is_erased IN (0, 1)), -- its person was: a backup does not bring it
  PRIMARY KEY (project_id, event)
) STRICT, WITHOUT ROWID
""",
    """\
CREATE TABLE removals ( -- events that are going, a few at a time; a row for as long as they go
  id         INTEGER PRIMARY KEY AUTOINCREMENT,
  project_id INTEGER NOT NULL REFERENCES projects (id),
  why        TEXT    NOT NULL CHECK (why IN ('erased', 'undone', 'deleted')),
  began_at   INTEGER NOT NULL, -- epoch ms
  bound      INTEGER NOT NULL, -- the highest id of an event then: younger ones stay
  condition  TEXT    NOT NULL, -- which of them: JSON, name_id, source, since, until; of an erasure see erasing
  events     INTEGER NOT NULL, -- gone so far
  worked_at  INTEGER NOT NULL  -- epoch ms; whoever has not worked on it for some seconds has left it to others
) STRICT
""",
    """\
CREATE TABLE erasing ( -- the identities whose events an erasure has still to take
  removal_id  INTEGER NOT NULL REFERENCES removals (id),
  is_named    INTEGER NOT NULL, -- anonymous ones go first: whose they are hangs on the others
  identity_id INTEGER NOT NULL,
  PRIMARY KEY (removal_id, is_named, identity_id)
) STRICT, WITHOUT ROWID
""",
    """\
CREATE TABLE erasures ( -- the receipts
  id             INTEGER PRIMARY KEY AUTOINCREMENT,
  project_id     INTEGER NOT NULL REFERENCES projects (id),
  kind           TEXT    NOT NULL CHECK (kind IN ('user', 'device')),
  person         BLOB    NOT NULL, -- as in tombstones
  number         INTEGER,          -- the person's, in persons; null: nobody had the id
  events         INTEGER NOT NULL, -- gone so far
  devices        INTEGER NOT NULL, -- whose anonymous events went along
  shared_devices INTEGER NOT NULL, -- whose anonymous events stayed
  erased_at      INTEGER NOT NULL, -- epoch ms
  erased_by      TEXT    NOT NULL CHECK (erased_by IN ('api', 'command', 'amplitude', 'page')),
  requester      TEXT,             -- as Amplitude's call names one
  removal_id     INTEGER           -- of removals, until the last event is gone
) STRICT
""",
    """\
CREATE INDEX erasures_by_project ON erasures (project_id)
""",
)


def up(migrator: object, db: Any) -> None:
    """Make the tables."""
    for statement in _TABLES:
        db.execute_sql(statement)
