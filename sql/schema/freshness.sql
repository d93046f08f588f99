-- How soon lists follow users, measured at intervals: a canary posts an event, reads its list until that shows it, and takes
-- the event back. It is the user 0, whose events are left out of all that counts or learns.

-- `outcome`: `fresh`, the list showed the event; `late`, it did not in time; `failed`, something was answered with an error;
-- null: under way, or its process died. Seconds are counted from the sending of the event: until it was answered, and until
-- a list was answered that shows it. `is_taken_back`: whether the event is known to be out of the log again.
create table freshness_checks (
    check_no        bigint generated always as identity primary key,
    began_at        timestamptz not null default clock_timestamp(),
    event_id        text not null,
    outcome         text check (outcome in ('fresh', 'late', 'failed')),
    stored_seconds  real,
    seconds         real,
    is_taken_back   boolean not null default false,
    constraint freshness_checks_fresh_have_seconds check (
        coalesce(outcome = 'fresh', false) = (seconds is not null))
);

create index freshness_checks_began on freshness_checks (began_at);

-- Begins a check unless one began within `rest_seconds`, or another process begins one just now, or the app has a user of
-- the canary's name: then there is no row. `left_event_ids`: of checks that did not take their events back, a minute after they
-- began. What earlier checks left in the log goes, but for the newest deletion: live vectors are behind until they know it. Of
-- measurements goes what is older than `kept_days`.
create function begin_freshness_check(canary_id text, given_event_id text, rest_seconds float8, kept_days integer)
returns table (check_no bigint, left_event_ids text[])
language plpgsql as $$
#variable_conflict use_column
declare
    left_ids  text[];
    ended_by  timestamptz := clock_timestamp() - interval '1 minute';
begin
    if not pg_try_advisory_xact_lock(31310, 11) then
        return;
    end if;
    if exists (select from freshness_checks where began_at > clock_timestamp() - make_interval(secs => rest_seconds)) then
        return;
    end if;
    delete from forgotten_users where user_no = 0;
    insert into users (user_no, user_id) overriding system value values (0, canary_id) on conflict do nothing;
    if not exists (select from users where user_no = 0 and user_id = canary_id) then
        return;
    end if;
    with gone as (
        delete from event_deletions
        where user_no = 0 and position < (select max(position) from event_deletions where user_no = 0)
        returning event_id
    )
    delete from event_receipts where event_id in (select event_id from gone);
    delete from freshness_checks where began_at < now() - make_interval(days => kept_days);
    update freshness_checks set outcome = 'failed' where outcome is null and began_at < ended_by;
    left_ids := array(select event_id from freshness_checks where not is_taken_back and began_at < ended_by);
    return query
    insert into freshness_checks (event_id) values (given_event_id) returning freshness_checks.check_no, left_ids;
end
$$;
