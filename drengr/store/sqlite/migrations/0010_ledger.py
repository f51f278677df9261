"""The ledger. Of earlier days it knows the events that are there: each was received and stored."""

from typing import Any

_LEDGER_DAYS = """\
CREATE TABLE ledger_days (
  project_id       INTEGER NOT NULL, -- 0: of no project, such as requests with an unknown key
  day              INTEGER NOT NULL, -- received_at / 86,400,000
  door             TEXT    NOT NULL CHECK (door IN ('acceptor', 'importer', 'admin')),
  first_id         INTEGER,          -- smallest id of its events, null while there was none
  last_id          INTEGER,          -- largest
  last_received_at INTEGER,          -- epoch ms
  received         INTEGER NOT NULL, -- rows as they came, counted before they were read
  stored           INTEGER NOT NULL,
  duplicates       INTEGER NOT NULL, -- rows that were here already
  dropped_unreadable INTEGER NOT NULL, -- rows that are no event, by the first reason that holds
  dropped_no_name  INTEGER NOT NULL,
  dropped_no_id    INTEGER NOT NULL,
  dropped_bad_time INTEGER NOT NULL, -- importer only
  dropped_too_old  INTEGER NOT NULL, -- older than the project keeps
  dropped_erased   INTEGER NOT NULL, -- of somebody who was erased
  changed_values_cut      INTEGER NOT NULL, -- of stored and duplicates: rows that lost something
  changed_keys_over_limit INTEGER NOT NULL,
  changed_keys_sensitive  INTEGER NOT NULL,
  changed_times_replaced  INTEGER NOT NULL,
  removed_erased   INTEGER NOT NULL, -- events that went later
  removed_expired  INTEGER NOT NULL,
  removed_undone   INTEGER NOT NULL,
  removed_deleted  INTEGER NOT NULL,
  refused_bad_key  INTEGER NOT NULL, -- requests that were answered 4xx or 5xx with nothing read
  refused_not_json INTEGER NOT NULL,
  refused_bad_request INTEGER NOT NULL,
  refused_too_large   INTEGER NOT NULL,
  refused_quota    INTEGER NOT NULL,
  refused_timeout  INTEGER NOT NULL,
  refused_unavailable INTEGER NOT NULL,
  PRIMARY KEY (project_id, day, door)
) STRICT, WITHOUT ROWID
"""
_PROBLEMS = """\
CREATE TABLE problems ( -- why rows were dropped and requests refused; the 200 last seen of a project. Never a value.
  id          INTEGER PRIMARY KEY,
  project_id  INTEGER NOT NULL, -- 0: none
  door        TEXT    NOT NULL,
  reason      TEXT    NOT NULL,
  event_name  TEXT    NOT NULL, -- '' where none is known
  sdk         TEXT    NOT NULL,
  sdk_version TEXT    NOT NULL,
  key_hint    TEXT    NOT NULL, -- first characters of an unknown key
  count       INTEGER NOT NULL,
  first_at    INTEGER NOT NULL, -- epoch ms
  last_at     INTEGER NOT NULL, -- epoch ms
  UNIQUE (project_id, door, reason, event_name, sdk, sdk_version, key_hint)
) STRICT
"""
_LEDGER = """\
CREATE VIEW ledger AS
SELECT
  ifnull(p.uuid, '-') AS project,
  date(l.day * 86400, 'unixepoch') AS day, -- UTC day of received_at
  l.door, l.received, l.stored, l.duplicates,
  l.dropped_unreadable + l.dropped_no_name + l.dropped_no_id + l.dropped_bad_time + l.dropped_too_old
    + l.dropped_erased AS dropped,
  l.removed_erased + l.removed_expired + l.removed_undone + l.removed_deleted AS removed,
  l.refused_bad_key + l.refused_not_json + l.refused_bad_request + l.refused_too_large
    + l.refused_quota + l.refused_timeout + l.refused_unavailable AS refused,
  l.dropped_unreadable, l.dropped_no_name, l.dropped_no_id, l.dropped_bad_time, l.dropped_too_old, l.dropped_erased,
  l.changed_values_cut, l.changed_keys_over_limit, l.changed_keys_sensitive, l.changed_times_replaced,
  l.removed_erased, l.removed_expired, l.removed_undone, l.removed_deleted,
  l.refused_bad_key, l.refused_not_json, l.refused_bad_request, l.refused_too_large,
  l.refused_quota, l.refused_timeout, l.refused_unavailable,
  l.first_id, l.last_id, l.last_received_at
FROM ledger_days AS l LEFT JOIN projects AS p ON p.id = l.project_id
"""
_FILL = """
INSERT INTO ledger_days (project_id, day, door, first_id, last_id, last_received_at, received, stored, duplicates,
  dropped_unreadable, dropped_no_name, dropped_no_id, dropped_bad_time, dropped_too_old, dropped_erased,
  changed_values_cut, changed_keys_over_limit, changed_keys_sensitive, changed_times_replaced,
  removed_erased, removed_expired, removed_undone, removed_deleted,
  refused_bad_key, refused_not_json, refused_bad_request, refused_too_large, refused_quota, refused_timeout,
  refused_unavailable)
SELECT e.project_id, e.received_at / 86400000,
  CASE o.source WHEN 'amplitude_http' THEN 'acceptor' WHEN 'admin' THEN 'admin' ELSE 'importer' END,
  min(e.id), max(e.id), max(e.received_at), count(*), count(*),
  0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0
FROM semantic_events AS e JOIN origins AS o ON o.id = e.origin_id GROUP BY 1, 2, 3
"""


def up(migrator: object, db: Any) -> None:
    """Make the tables and the view, and fill in the earlier days."""
    for statement in (_LEDGER_DAYS, _PROBLEMS, _LEDGER, _FILL):
        db.execute_sql(statement)
