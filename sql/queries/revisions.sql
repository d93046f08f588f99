-- Revisions of the database, for those who only want to know, and how it is migrated.

-- name: has_revision_tables
-- Whether the database was ever migrated, and whether it says which versions work with it: none before 0.1.0 did.
select to_regclass('alembic_version') is not null as has_revision, to_regclass('schema_support') is not null as has_support;

-- name: find_revision
select version_num, cast(null as text) as oldest_revision from alembic_version;

-- name: find_supported_revision
select version_num, oldest_revision from alembic_version cross join schema_support;

-- name: wait_briefly_for_tables
-- Who waits for a table to change it holds up all who come after: better to give up and try again.
select set_config('lock_timeout', '500ms', true);
