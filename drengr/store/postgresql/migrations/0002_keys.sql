-- When a key was last used, and publishable keys in clear; of the keys that are here, neither is known.
ALTER TABLE api_keys ADD COLUMN last_used_at bigint;
ALTER TABLE api_keys ADD COLUMN key_text text COLLATE "C" CHECK (key_text IS NULL OR kind = 'publishable');
