-- The command line on one machine: runs, keys and what a first start needs to know.

-- name: has_events
-- Whether there is anything to learn from.
select exists (select from interactions);

-- name: find_personal_user
-- Somebody for whom the run being served has a list of their own.
select users.user_id
from live_run
join batch_recommendations as lists using (run_id)
join users using (user_no)
where cardinality(lists.item_nos) > 0
order by lists.user_no
limit 1;

-- name: lock_kinds
-- One at a time says what events mean, to the end of the transaction; who reads kinds does not wait.
lock table event_kinds in share row exclusive mode;

-- name: store_kind
-- Creates a kind with the next number, or changes the one of this name. Under `lock_kinds`.
insert into event_kinds (kind_no, kind, weight, marks_seen, value_reference, half_life_days, smallest_value,
                         greatest_value, description)
select coalesce(max(kind_no), 0) + 1, :kind, :weight, :marks_seen, cast(:value_reference as real),
       cast(:half_life_days as real), cast(:smallest_value as double precision),
       cast(:greatest_value as double precision), :description
from event_kinds
on conflict (kind) do update
set weight = excluded.weight, marks_seen = excluded.marks_seen, value_reference = excluded.value_reference,
    half_life_days = excluded.half_life_days, smallest_value = excluded.smallest_value,
    greatest_value = excluded.greatest_value, description = excluded.description;

-- name: kind_is_used
-- Whether the log has an event of this kind. Reads the whole log if it has none.
select exists (select from interactions where kind_no = :kind_no);

-- name: count_everything
-- What `empty` takes away.
select (select count(*) from interactions) as events, (select count(*) from users) as users,
       (select count(*) from items) as items, (select count(*) from model_runs) as runs;

-- name: empty_store
-- Takes away all that came in and all that was made of it; keys, the team's accounts and kinds of events stay. Numbers of
-- users, items and runs are not given again: whoever still remembers some remembers nothing of those who come.
do $$
declare
    part  regclass;
    names text;
begin
    for part in
        select inhrelid from pg_inherits
        where inhparent in (select cast(name as regclass) from unnest(run_tables()) as name)
    loop
        execute format('drop table %s', part);
    end loop;
    select string_agg(format('%I', relname), ', ') into names
    from pg_class
    where relkind in ('r', 'p') and relnamespace = cast('public' as regnamespace) and not relispartition
      and relname not in ('alembic_version', 'api_keys', 'token_revocations', 'audit_log', 'event_kinds', 'accounts',
                          'sessions', 'refresh_tokens', 'account_links', 'account_addresses', 'sign_in_attempts');
    execute format('truncate %s', names);
    delete from accounts where role = 'user';
    delete from account_links where role = 'user';
end
$$;
