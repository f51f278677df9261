-- Drengr's database, all of it. One SQLite file, WAL mode.
-- Times are epoch milliseconds UTC. To ask questions of the file, start from the view `events` at the end.

PRAGMA application_id = 1146244466; -- tells our file from any other SQLite file

-- The database itself. -------------------------------------------------------------------------------------------------

CREATE TABLE identity ( -- one row
  id          INTEGER PRIMARY KEY CHECK (id = 1),
  database_id TEXT    NOT NULL, -- made at random with the file; its copies and backups have the same
  words       BLOB    NOT NULL  -- changes with projects, event_names and origins: equal words, equal meaning of numbers
) STRICT;

INSERT INTO identity (id, database_id, words) VALUES (1, lower(hex(randomblob(16))), randomblob(16));

CREATE TABLE rules ( -- the settings that shape events, as `drengr serve` last ran with them; commands use these
  setting TEXT PRIMARY KEY, -- DRENGR_ALLOWED_KEYS, DRENGR_SENSITIVE_WORDS, …
  value   TEXT NOT NULL     -- as in the environment
) STRICT, WITHOUT ROWID;

CREATE TABLE backups ( -- one row: the last backup that was proved good
  id      INTEGER PRIMARY KEY CHECK (id = 1),
  made_at INTEGER NOT NULL, -- epoch ms; it holds this moment of the database
  path    TEXT    NOT NULL  -- where it was put
) STRICT;

CREATE TABLE hash_key ( -- one row: what ids are hashed with where they must not be readable
  id  INTEGER PRIMARY KEY CHECK (id = 1),
  key BLOB    NOT NULL CHECK (length(key) = 16)
) STRICT;

INSERT INTO hash_key (id, key) VALUES (1, randomblob(16));

-- Who owns events. -----------------------------------------------------------------------------------------------------
-- AUTOINCREMENT: a number that was given out is never given again, whatever is deleted.

CREATE TABLE projects (
  id         INTEGER PRIMARY KEY AUTOINCREMENT,
  uuid       TEXT    NOT NULL UNIQUE CHECK (length(uuid) = 36), -- the :projectId of the admin URLs
  name       TEXT    NOT NULL UNIQUE CHECK (name <> ''),
  created_at INTEGER NOT NULL                                   -- epoch ms
) STRICT;

CREATE TABLE api_keys (
  id         INTEGER PRIMARY KEY AUTOINCREMENT,
  project_id INTEGER NOT NULL REFERENCES projects (id),
  kind       TEXT    NOT NULL CHECK (kind IN ('publishable', 'secret')),
  key_hash   BLOB    NOT NULL UNIQUE CHECK (length(key_hash) = 32), -- sha256
  hint       TEXT    NOT NULL,                                      -- its first characters, for lists
  created_at INTEGER NOT NULL,                                      -- epoch ms
  revoked_at INTEGER,      -- epoch ms; it opens nothing from then on. Ahead of now: rotated. Null: good
  last_used_at INTEGER,    -- epoch ms, start of the hour; null: never, or before this was kept
  key_text   TEXT CHECK (key_text IS NULL OR kind = 'publishable') -- in full; null: secret, or made before this was kept
) STRICT;

-- Words that repeat in every event, stored once. -----------------------------------------------------------------------

CREATE TABLE event_names (
  id         INTEGER PRIMARY KEY AUTOINCREMENT, -- with gaps: the next is at a random distance
  project_id INTEGER NOT NULL REFERENCES projects (id),
  name       TEXT    NOT NULL,
  UNIQUE (project_id, name)
) STRICT;

CREATE TABLE origins ( -- the way an event came in
  id          INTEGER PRIMARY KEY AUTOINCREMENT, -- likewise
  source      TEXT    NOT NULL CHECK (source <> ''), -- amplitude_http, amplitude, mixpanel, posthog, ga4, generic, admin
  app_package TEXT                                   -- from the import envelope, else null
) STRICT;

CREATE UNIQUE INDEX origin_by_source_and_package ON origins (source, ifnull(app_package, ''), app_package IS NULL);

CREATE TRIGGER words_after_new_project AFTER INSERT ON projects BEGIN UPDATE identity SET words = randomblob(16); END;
CREATE TRIGGER words_after_changed_project AFTER UPDATE ON projects BEGIN UPDATE identity SET words = randomblob(16); END;
CREATE TRIGGER words_after_deleted_project AFTER DELETE ON projects BEGIN UPDATE identity SET words = randomblob(16); END;
CREATE TRIGGER words_after_new_name AFTER INSERT ON event_names BEGIN UPDATE identity SET words = randomblob(16); END;
CREATE TRIGGER words_after_changed_name AFTER UPDATE ON event_names BEGIN UPDATE identity SET words = randomblob(16); END;
CREATE TRIGGER words_after_deleted_name AFTER DELETE ON event_names BEGIN UPDATE identity SET words = randomblob(16); END;
CREATE TRIGGER words_after_new_origin AFTER INSERT ON origins BEGIN UPDATE identity SET words = randomblob(16); END;
CREATE TRIGGER words_after_changed_origin AFTER UPDATE ON origins BEGIN UPDATE identity SET words = randomblob(16); END;
CREATE TRIGGER words_after_deleted_origin AFTER DELETE ON origins BEGIN UPDATE identity SET words = randomblob(16); END;

-- Whose events they are (contract 8). ----------------------------------------------------------------------------------
-- Ids are "packed": a canonical lower-case UUID lies as its 16 bytes, a lower-case sha256 in event_id as its 32,
-- anything else as text. That makes their indexes half as large. The views show them as they were sent. No CHECK holds
-- the types of the ANY columns: four of them doubled the time of an insert.

CREATE TABLE persons ( -- every user and every device that has an event; the view `people` shows those who are a person
  id         INTEGER PRIMARY KEY AUTOINCREMENT, -- the number that Amplitude calls amplitude_id
  project_id INTEGER NOT NULL REFERENCES projects (id),
  is_device  INTEGER NOT NULL CHECK (is_device IN (0, 1)),
  person     ANY     NOT NULL, -- external_id or install_id, packed; a canonical UUID of any case as in lower case
  user_id    INTEGER,          -- of a device: persons.id of the only user ever seen with it; else null
  is_shared  INTEGER NOT NULL DEFAULT 0 CHECK (is_shared IN (0, 1)), -- of a device: it ever had two users
  UNIQUE (project_id, is_device, person)
) STRICT;

CREATE TABLE shared_devices ( -- devices that ever had two users: they stay their own, whatever is left of the users
  project_id INTEGER NOT NULL REFERENCES projects (id),
  device     BLOB    NOT NULL, -- hash of the install_id, with hash_key: it outlives the id
  PRIMARY KEY (project_id, device)
) STRICT, WITHOUT ROWID;

CREATE TABLE identities ( -- every pair of ids that an event has, as sent. It never changes; whose it is does.
  id          INTEGER PRIMARY KEY AUTOINCREMENT,
  project_id  INTEGER NOT NULL REFERENCES projects (id),
  install_id  ANY,     -- anonymous or device id, packed
  external_id ANY,     -- user id, packed
  device_id   INTEGER REFERENCES persons (id), -- the device of install_id
  user_id     INTEGER,                         -- persons.id of the user of external_id; null: anonymous
  person_id   INTEGER REFERENCES persons (id)  -- whose its events are now: the user's, or as its device decides
) STRICT;

-- Is this pair known? (No id is an empty blob, which stands for null: two nulls would not be equal.)
CREATE UNIQUE INDEX identity_by_ids ON identities (project_id, ifnull(install_id, x''), ifnull(external_id, x''));
-- Which users had this device, and which identity is anonymous?
CREATE INDEX identities_by_device ON identities (device_id, user_id);
-- Under which identities do the events of one person lie?
CREATE INDEX identities_by_person ON identities (person_id, user_id);

-- The events. ----------------------------------------------------------------------------------------------------------

CREATE TABLE semantic_events (
  id          INTEGER PRIMARY KEY AUTOINCREMENT, -- grows in commit order, with gaps
  project_id  INTEGER NOT NULL REFERENCES projects (id),
  event_id    ANY,             -- dedup key, packed; null: never a repeat
  name_id     INTEGER NOT NULL REFERENCES event_names (id),
  origin_id   INTEGER NOT NULL REFERENCES origins (id),
  identity_id INTEGER NOT NULL REFERENCES identities (id),
  session_id  ANY,             -- integer or text as sent, null for none
  occurred_at INTEGER NOT NULL,    -- epoch ms
  received_at INTEGER NOT NULL,    -- epoch ms
  dims        TEXT    NOT NULL,    -- JSON object, every value a string
  measures    TEXT    NOT NULL,    -- JSON object, every value a finite number
  properties  TEXT                 -- JSON object as posted at the admin door, null elsewhere
) STRICT;

-- Is this event already here?
CREATE UNIQUE INDEX event_by_dedup_id ON semantic_events (project_id, event_id) WHERE event_id IS NOT NULL;
-- What happened in a project, newest first? (id, the rowid, is the last column of every index)
CREATE INDEX events_by_time ON semantic_events (project_id, occurred_at);
-- When did this happen, and to whom? (With the identity, questions about people need not read the events; with the id
-- before it, pages are in order within a millisecond too.)
CREATE INDEX events_by_name_and_time ON semantic_events (name_id, occurred_at, id, identity_id);
-- What did one user or device do, newest first? (Through the few identities of a person.)
CREATE INDEX events_by_identity_and_time ON semantic_events (identity_id, occurred_at);

-- Who was there on which day, kept in the transaction that stores the events. ------------------------------------------

CREATE TABLE person_days ( -- one row a person and day with an event
  project_id   INTEGER NOT NULL REFERENCES projects (id),
  day          INTEGER NOT NULL, -- occurred_at / 86,400,000, rounded down
  person_id    INTEGER NOT NULL REFERENCES persons (id),
  events       INTEGER NOT NULL CHECK (events > 0),
  first_at     INTEGER NOT NULL, -- epoch ms of the first of them
  last_at      INTEGER NOT NULL, -- of the last
  previous_day INTEGER,          -- the person's day before this one; null: this is the first
  PRIMARY KEY (project_id, day, person_id)
) STRICT, WITHOUT ROWID;

-- On which days was one person there?
CREATE INDEX person_days_by_person ON person_days (person_id, day);

CREATE TABLE day_people ( -- how many people were there on a day, by how long they had been away
  project_id INTEGER NOT NULL REFERENCES projects (id),
  day        INTEGER NOT NULL,
  gap        INTEGER NOT NULL, -- days since the person's day before; 0: it is the person's first day
  people     INTEGER NOT NULL CHECK (people >= 0),
  PRIMARY KEY (project_id, day, gap)
) STRICT, WITHOUT ROWID;

-- Sets of people, made when there is time and dropped by whatever changes them: what is there is right, and may be missing.
CREATE TABLE day_sets (
  id         INTEGER PRIMARY KEY, -- random: no other set ever has it, in whatever copy of the file
  project_id INTEGER NOT NULL REFERENCES projects (id),
  name_id    INTEGER NOT NULL, -- who had an event of that name; 0: whoever had any
  day        INTEGER NOT NULL,
  begun_at   INTEGER NOT NULL, -- epoch ms
  people     BLOB,             -- zlib of bits: the lowest of the first byte is persons.id 0. Null: not made yet
  newcomers  BLOB,             -- likewise: those whose first day it was; of a name: nobody
  UNIQUE (project_id, name_id, day)
) STRICT;

-- Totals, kept in the transaction that stores the events: counts need not read them. -----------------------------------

CREATE TABLE day_totals (
  project_id INTEGER NOT NULL REFERENCES projects (id),
  day        INTEGER NOT NULL, -- occurred_at / 86,400,000, rounded down
  name_id    INTEGER NOT NULL REFERENCES event_names (id),
  events     INTEGER NOT NULL CHECK (events >= 0),
  PRIMARY KEY (project_id, day, name_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE hour_totals (
  project_id INTEGER NOT NULL REFERENCES projects (id),
  hour       INTEGER NOT NULL, -- occurred_at / 3,600,000, rounded down
  name_id    INTEGER NOT NULL REFERENCES event_names (id),
  events     INTEGER NOT NULL CHECK (events >= 0),
  PRIMARY KEY (project_id, hour, name_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE live_usage ( -- what the daily quota is measured by
  project_id INTEGER NOT NULL REFERENCES projects (id),
  day        INTEGER NOT NULL, -- received_at / 86,400,000
  events     INTEGER NOT NULL CHECK (events >= 0),
  PRIMARY KEY (project_id, day)
) STRICT, WITHOUT ROWID;

-- The ledger: what became of every row that came (contract 10). One line a project, UTC day and door. ------------------
-- received = stored + duplicates + all of dropped_*; stored - all of removed_* = the events of that day and door.

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
) STRICT, WITHOUT ROWID;

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
) STRICT;

-- What is gone and stays gone (contract 9). ----------------------------------------------------------------------------

CREATE TABLE floors ( -- what a project takes no more; looked at in each transaction that stores events of it
  project_id       INTEGER PRIMARY KEY REFERENCES projects (id),
  keep_days        INTEGER CHECK (keep_days >= 1), -- older events go; null: they stay
  checked_at       INTEGER,          -- epoch ms of the last look at the clock; null: none since keep_days was given
  is_stopped       INTEGER NOT NULL CHECK (is_stopped IN (0, 1)), -- two looks were over 31 days apart: nothing goes
  looked_up_before INTEGER NOT NULL, -- epoch ms: ids of earlier events are looked up in the two tables below
  has_admin_ids    INTEGER NOT NULL CHECK (has_admin_ids IN (0, 1)) -- ids of the admin door are looked up always
) STRICT;

CREATE TABLE tombstones ( -- people whose events are not taken any more if they occurred before
  project_id INTEGER NOT NULL REFERENCES projects (id),
  person     BLOB    NOT NULL, -- hash of the user's or device's id, with hash_key
  erased_at  INTEGER NOT NULL, -- epoch ms
  PRIMARY KEY (project_id, person)
) STRICT, WITHOUT ROWID;

CREATE TABLE removed_ids ( -- events that do not come back, whatever their time
  project_id INTEGER NOT NULL REFERENCES projects (id),
  event      BLOB    NOT NULL, -- hash of the event_id, with hash_key
  is_erased  INTEGER NOT NULL CHECK (is_erased IN (0, 1)), -- its person was: a backup does not bring it
  PRIMARY KEY (project_id, event)
) STRICT, WITHOUT ROWID;

CREATE TABLE removals ( -- events that are going, a few at a time; a row for as long as they go
  id         INTEGER PRIMARY KEY AUTOINCREMENT,
  project_id INTEGER NOT NULL REFERENCES projects (id),
  why        TEXT    NOT NULL CHECK (why IN ('erased', 'undone', 'deleted')),
  began_at   INTEGER NOT NULL, -- epoch ms
  bound      INTEGER NOT NULL, -- the highest id of an event then: younger ones stay
  condition  TEXT    NOT NULL, -- which of them: JSON, name_id, source, since, until; of an erasure see erasing
  events     INTEGER NOT NULL, -- gone so far
  worked_at  INTEGER NOT NULL  -- epoch ms; whoever has not worked on it for some seconds has left it to others
) STRICT;

CREATE TABLE erasing ( -- the identities whose events an erasure has still to take
  removal_id  INTEGER NOT NULL REFERENCES removals (id),
  is_named    INTEGER NOT NULL, -- anonymous ones go first: whose they are hangs on the others
  identity_id INTEGER NOT NULL,
  PRIMARY KEY (removal_id, is_named, identity_id)
) STRICT, WITHOUT ROWID;

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
) STRICT;

-- Which erasures has a project seen?
CREATE INDEX erasures_by_project ON erasures (project_id);

-- What was imported, so that it can be undone. --------------------------------------------------------------------------

CREATE TABLE imports ( -- files and uploads that were imported
  project_id  INTEGER NOT NULL REFERENCES projects (id),
  number      INTEGER NOT NULL, -- of the project's own, from 1
  source      TEXT    NOT NULL, -- as the importer was told
  app_package TEXT,             -- likewise
  file        TEXT,             -- its name; null: not known
  received_at INTEGER NOT NULL, -- epoch ms, when it began
  imported    INTEGER NOT NULL, -- rows that were stored
  skipped     INTEGER NOT NULL,
  duplicates  INTEGER NOT NULL,
  first_id    INTEGER,          -- smallest id of the events it brought, null: none
  last_id     INTEGER,          -- largest
  undone_at   INTEGER,          -- epoch ms; null: it was not undone
  PRIMARY KEY (project_id, number)
) STRICT, WITHOUT ROWID;

CREATE TABLE import_ids ( -- which events an import brought: all that there are from one id to another
  project_id INTEGER NOT NULL REFERENCES projects (id),
  number     INTEGER NOT NULL,
  first_id   INTEGER NOT NULL,
  last_id    INTEGER NOT NULL,
  PRIMARY KEY (project_id, number, first_id)
) STRICT, WITHOUT ROWID;

-- How far `drengr import` has come in each file, so that a killed run goes on where it stopped.
CREATE TABLE import_progress (
  project_id INTEGER NOT NULL REFERENCES projects (id),
  file_key   TEXT    NOT NULL, -- sha256 of what identifies the file and the way it is read
  rows       INTEGER NOT NULL CHECK (rows = imported + skipped + duplicates), -- rows read and stored so far
  imported   INTEGER NOT NULL,
  skipped    INTEGER NOT NULL,
  duplicates INTEGER NOT NULL,
  reasons    TEXT    NOT NULL, -- JSON array: why the first rows were skipped
  number     INTEGER,          -- of imports; null: begun before there were numbers
  PRIMARY KEY (project_id, file_key)
) STRICT, WITHOUT ROWID;

CREATE TABLE heartbeat ( -- what /healthz writes to prove that the file can be written
  id         INTEGER PRIMARY KEY CHECK (id = 1),
  written_at INTEGER NOT NULL, -- epoch ms
  proof      BLOB    NOT NULL  -- zeros, so many that they need room on the disk
) STRICT;

-- The page: who is signed in to it. -------------------------------------------------------------------------------------

CREATE TABLE signing ( -- one row
  id     INTEGER PRIMARY KEY CHECK (id = 1),
  secret BLOB    NOT NULL -- what the page signs its cookies with
) STRICT;

INSERT INTO signing (id, secret) VALUES (1, randomblob(32));

CREATE TABLE sessions (
  id           INTEGER PRIMARY KEY AUTOINCREMENT,
  kind         TEXT    NOT NULL CHECK (kind IN ('key', 'link', 'unused_link')), -- how it began; unused: no session yet
  token_hash   BLOB    NOT NULL UNIQUE CHECK (length(token_hash) = 32), -- sha256 of what the cookie or the link holds
  created_at   INTEGER NOT NULL, -- epoch ms
  last_used_at INTEGER NOT NULL  -- epoch ms, now and then
) STRICT;

CREATE TABLE session_projects ( -- what a session opens
  session_id INTEGER NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
  project_id INTEGER NOT NULL REFERENCES projects (id) ON DELETE CASCADE,
  key_id     INTEGER REFERENCES api_keys (id) ON DELETE CASCADE, -- opened with it, and ends with it; null: by a link
  PRIMARY KEY (session_id, project_id)
) STRICT, WITHOUT ROWID;

-- For people. ----------------------------------------------------------------------------------------------------------

CREATE VIEW events AS
SELECT
  e.id,
  p.uuid AS project,
  CASE WHEN typeof(e.event_id) <> 'blob' THEN e.event_id
    WHEN length(e.event_id) = 32 THEN lower(hex(e.event_id))
    ELSE lower(substr(hex(e.event_id), 1, 8) || '-' || substr(hex(e.event_id), 9, 4) || '-' || substr(hex(e.event_id), 13, 4)
      || '-' || substr(hex(e.event_id), 17, 4) || '-' || substr(hex(e.event_id), 21)) END AS event_id,
  n.name AS event_name,
  o.source,
  o.app_package,
  CASE WHEN typeof(i.install_id) <> 'blob' THEN i.install_id
    ELSE lower(substr(hex(i.install_id), 1, 8) || '-' || substr(hex(i.install_id), 9, 4) || '-'
      || substr(hex(i.install_id), 13, 4) || '-' || substr(hex(i.install_id), 17, 4) || '-' || substr(hex(i.install_id), 21)) END AS install_id,
  CASE WHEN typeof(i.external_id) <> 'blob' THEN i.external_id
    ELSE lower(substr(hex(i.external_id), 1, 8) || '-' || substr(hex(i.external_id), 9, 4) || '-'
      || substr(hex(i.external_id), 13, 4) || '-' || substr(hex(i.external_id), 17, 4) || '-' || substr(hex(i.external_id), 21)) END AS external_id,
  e.session_id,
  e.occurred_at,
  e.received_at,
  e.dims,
  e.measures,
  e.properties
FROM semantic_events AS e
JOIN projects AS p ON p.id = e.project_id
JOIN event_names AS n ON n.id = e.name_id
JOIN origins AS o ON o.id = e.origin_id
JOIN identities AS i ON i.id = e.identity_id;

-- Users, and devices that are nobody's or several users': whoever has events (contract 8).
CREATE VIEW people AS
SELECT
  p.uuid AS project,
  CASE WHEN k.is_device THEN 'device' ELSE 'user' END AS kind,
  CASE WHEN typeof(k.person) <> 'blob' THEN k.person
    ELSE lower(substr(hex(k.person), 1, 8) || '-' || substr(hex(k.person), 9, 4) || '-' || substr(hex(k.person), 13, 4)
      || '-' || substr(hex(k.person), 17, 4) || '-' || substr(hex(k.person), 21)) END AS id,
  min(d.first_at) AS first_seen_at, -- epoch ms
  max(d.last_at) AS last_seen_at,   -- epoch ms
  sum(d.events) AS events
FROM persons AS k
CROSS JOIN person_days AS d ON d.person_id = k.id
JOIN projects AS p ON p.id = k.project_id
GROUP BY k.id;

-- The events, and whose they are; person is null for an event without any id.
CREATE VIEW events_and_people AS
SELECT
  v.*,
  CASE WHEN k.is_device THEN 'device' WHEN NOT k.is_device THEN 'user' END AS person_kind,
  CASE WHEN typeof(k.person) <> 'blob' THEN k.person
    ELSE lower(substr(hex(k.person), 1, 8) || '-' || substr(hex(k.person), 9, 4) || '-' || substr(hex(k.person), 13, 4)
      || '-' || substr(hex(k.person), 17, 4) || '-' || substr(hex(k.person), 21)) END AS person
FROM events AS v
JOIN semantic_events AS e ON e.id = v.id
JOIN identities AS i ON i.id = e.identity_id
LEFT JOIN persons AS k ON k.id = i.person_id;

-- received = stored + duplicates + dropped; stored - removed = the events of that day and door.
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
FROM ledger_days AS l LEFT JOIN projects AS p ON p.id = l.project_id;
