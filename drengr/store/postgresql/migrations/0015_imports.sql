-- Imports, and which events each one brought. Of earlier imports nothing is known.
CREATE TABLE imports ( -- files and uploads that were imported
  project_id  bigint NOT NULL REFERENCES projects (id),
  number      bigint NOT NULL, -- of the project's own, from 1
  source      text   COLLATE "C" NOT NULL, -- as the importer was told
  app_package text   COLLATE "C", -- likewise
  file        text   COLLATE "C", -- its name; null: not known
  received_at bigint NOT NULL, -- epoch ms, when it began
  imported    bigint NOT NULL, -- rows that were stored
  skipped     bigint NOT NULL,
  duplicates  bigint NOT NULL,
  first_id    bigint,          -- smallest id of the events it brought, null: none
  last_id     bigint,          -- largest
  undone_at   bigint,          -- epoch ms; null: it was not undone
  PRIMARY KEY (project_id, number)
);

CREATE TABLE import_ids ( -- which events an import brought: all that there are from one id to another
  project_id bigint NOT NULL REFERENCES projects (id),
  number     bigint NOT NULL,
  first_id   bigint NOT NULL,
  last_id    bigint NOT NULL,
  PRIMARY KEY (project_id, number, first_id)
);

ALTER TABLE import_progress ADD COLUMN number bigint;
