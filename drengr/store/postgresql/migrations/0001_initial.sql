-- The first version. Its tables come from schema_postgresql.sql; this is where the history of changes to it begins.
SELECT 1;
