-- API keys, revocations of tokens, and the audit log. Each act that is audited is one statement with its entry.

-- part: in_force
revoked_at is null and (expires_at is null or expires_at > now())

-- part: as_shown
-- A key as people see it.
key_id, name, prefix, scopes, per_minute, created_at, expires_at, revoked_at, last_used_at

-- name: find_key
-- A key in force.
select key_id, name, key_hash, scopes, per_minute, expires_at from api_keys
where key_hash = :key_hash and
{in_force}

-- name: load_keys_in_force
-- All keys in force.
select key_id, name, key_hash, scopes, per_minute, expires_at from api_keys where
{in_force}

-- name: list_keys
-- All keys, oldest first; the keys themselves are stored nowhere.
select
{as_shown}
from api_keys
order by key_id;

-- name: store_key
-- A new key, by its hash. A name that a key has or had is refused by the unique index. Sent again, as a statement is
-- whose connection was lost, it makes no second key and no second entry.
with
made as (
    insert into api_keys (name, prefix, key_hash, scopes, per_minute, expires_at)
    values (:name, :prefix, :key_hash, cast(:scopes as text[]), cast(:per_minute as integer),
            cast(:expires_at as timestamptz))
    on conflict (key_hash) do update set key_hash = excluded.key_hash
    returning xmax = 0 as is_new,
{as_shown}
),
done as (
    select name as subject,
           jsonb_build_object('scopes', scopes, 'expires_at', expires_at, 'per_minute', per_minute) as details
    from made where is_new
),
{audited}
select
{as_shown}
from made;

-- name: change_key
-- Another limit or expiry for a key that is not revoked and has no scopes but :grantable; null is a value like others.
with
changed as (
    update api_keys
    set per_minute = case when :sets_limit then cast(:per_minute as integer) else per_minute end,
        expires_at = case when :sets_expiry then cast(:expires_at as timestamptz) else expires_at end
    where key_id = cast(:key_id as integer) and revoked_at is null and scopes <@ cast(:grantable as text[])
    returning
{as_shown}
),
done as (
    select name as subject, jsonb_build_object('expires_at', expires_at, 'per_minute', per_minute) as details
    from changed
),
{audited}
select
{as_shown}
from changed;

-- name: revoke_key
-- Ends a key; twice is once, and told once. A row: there is such a key.
with
ended as (
    update api_keys set revoked_at = now()
    where key_id = cast(:key_id as integer) and revoked_at is null
    returning name
),
done as (select name as subject, cast('{}' as jsonb) as details from ended),
{audited}
select key_id, name from api_keys where key_id = cast(:key_id as integer);

-- name: find_key_name
-- The name of the key in force with this hash, if it has all of :scopes.
select name from api_keys where key_hash = :key_hash and scopes @> cast(:scopes as text[]) and
{in_force}

-- name: note_use_of_keys
-- When keys were used last; a later use that is known already stays.
update api_keys
set last_used_at = greatest(last_used_at, used.at)
from unnest(cast(:key_ids as integer[]), cast(:ats as timestamptz[])) as used (key_id, at)
where api_keys.key_id = used.key_id
returning api_keys.key_id;

-- name: revoke_tokens
-- Of a subject, those made until :revoked_at; what no token can need any more is taken away on the way.
with
gone as (
    delete from token_revocations
    where revoked_at < now() - make_interval(secs => cast(:longest_seconds as double precision)) and subject <> :token_subject
)
insert into token_revocations (subject, revoked_at)
values (:token_subject, cast(:revoked_at as timestamptz))
on conflict (subject) do update set revoked_at = greatest(token_revocations.revoked_at, excluded.revoked_at)
returning subject;

-- name: load_revocations
-- All subjects whose tokens were revoked within the life of the longest, a day; and an hour, as clocks differ.
select subject, revoked_at from token_revocations where revoked_at > now() - interval '25 hours';

-- name: add_audit_entry
-- Of an act that is no statement of its own, in its transaction.
with
done as (select cast(:subject as text) as subject, cast(:details as jsonb) as details),
{audited}
select subject from done;

-- name: list_audit
-- The newest entries before :before (null: of all), newest first.
select audit_id, at, actor, act, subject, details, request_id
from audit_log
where cast(:before as bigint) is null or audit_id < cast(:before as bigint)
order by audit_id desc
limit cast(:most as integer);

-- name: delete_old_audit_entries
-- Deletes what the audit log tells of before :before; answers how much.
with deleted as (delete from audit_log where at < cast(:before as timestamptz) returning 1)
select count(*) from deleted;
