-- The command line on one machine: runs, keys and what a first start needs to know.

-- name: has_events
-- Whether there is anything to learn from.
select exists (select from interactions where user_no <> 0);

-- name: find_personal_user
-- Somebody for whom the run being served has a list of their own.
select users.user_id
from live_run
join batch_recommendations as lists using (run_id)
join users using (user_no)
where cardinality(lists.item_nos) > 0
order by lists.user_no
limit 1;

-- name: count_everything
-- What `empty` takes away.
select (select count(*) from interactions where user_no <> 0) as events,
       (select count(*) from users where user_no <> 0) as users,
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
                          'sessions', 'refresh_tokens', 'account_links', 'account_addresses', 'sign_in_attempts',
                          'kafka_offsets');
    execute format('truncate %s', names);
    delete from accounts where role = 'user';
    delete from account_links where role = 'user';
end
$$;
