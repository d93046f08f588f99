-- Revisions of the database, for those who only want to know.

-- name: has_revision_table
-- Whether the database was ever migrated.
select to_regclass('alembic_version') is not null;

-- name: find_revision
select version_num from alembic_version;
