-- What events mean: said by the owner of the tables, or over HTTP by operators through functions of the owner.

-- name: lock_kinds
-- One at a time says what events mean, to the end of the transaction; who reads kinds does not wait.
lock table event_kinds in share row exclusive mode;

-- name: store_kind
-- Creates a kind, or changes the one of this name.
select store_event_kind(cast(:given as jsonb));

-- name: kind_is_used
-- Whether the log has an event of this kind. Reads the whole log if it has none.
select exists (select from interactions where kind_no = :kind_no);

-- name: put_kind
-- The same as store_kind, with its entry in the audit log; none where nothing is different.
with
stored as materialized (select store_event_kind(cast(:given as jsonb)) as is_new),
done as (
    select cast(:kind as text) as subject, cast(:differences as jsonb) as details from stored
    where cast(:differences as jsonb) <> '{}'
),
{audited}
select is_new from stored;

-- name: delete_kind
-- Deletes a kind of which the log has no event: deleted, used, or unknown.
with
gone as materialized (select delete_event_kind(:kind) as outcome),
done as (select cast(:kind as text) as subject, cast('{}' as jsonb) as details from gone where outcome = 'deleted'),
{audited}
select outcome from gone;
