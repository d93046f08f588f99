-- Undo and forget: deleted events and users.

-- An event that was deleted. Its deletion has a position of the log, so that whoever asks what is new is told of it.
create table event_deletions (
    position    bigint primary key,
    event_id    uuid not null unique,
    user_no     integer not null,
    deleted_at  timestamptz not null default now()
);

create index event_deletions_user on event_deletions (user_no);

-- Numbers whose users were forgotten: all that remains of them. Numbers are never given again.
create table forgotten_users (
    user_no       integer primary key,
    position      bigint not null unique,
    forgotten_at  timestamptz not null default now()
);

-- Whose history changed, and at which position: by an event, or by the deletion of one. Whoever asks whose live
-- vectors are behind must ask here.
create view user_news as
select position, user_no from interactions
union all
select position, user_no from event_deletions;

-- Stores events once each; the one way into the log. All arrays have one entry an event; item and kind
-- numbers must exist. Users are made as they appear with an event that is new.
create or replace function record_events(
    event_ids           uuid[],
    user_ids            text[],
    item_nos            integer[],
    kind_nos            smallint[],
    event_values        real[],
    occurred_ats        timestamptz[],
    recommendation_ids  uuid[]
) returns table (accepted integer, duplicates integer, touched_user_nos integer[])
language plpgsql as $$
#variable_conflict use_column
declare
    needed  text[];
    held    bigint;
begin
    if exists (select from unnest(kind_nos) as given (kind_no)
               where not exists (select from event_kinds where event_kinds.kind_no = given.kind_no)) then
        raise exception 'an event has an unknown kind number' using errcode = 'foreign_key_violation';
    end if;

    perform hold_event_horizon();

    -- Events sent again make no user: one who was forgotten would come back by a late retry.
    needed := array(
        select distinct given.user_id
        from unnest(event_ids, user_ids) as given (event_id, user_id)
        where not exists (select from event_receipts where event_receipts.event_id = given.event_id));

    -- Whoever is held here cannot be forgotten before the commit. One who was forgotten while we waited is not held
    -- but made anew; one whom somebody else made meanwhile is held in the next round. Rows are locked in one order
    -- by everybody, so that two batches cannot wait for each other.
    loop
        select count(*) into held
        from (select from users where user_id = any(needed) order by user_id for key share) as locked;
        exit when held = cardinality(needed);
        with made as (
            insert into users (user_id)
            select missing.user_id from unnest(needed) as missing (user_id)
            where not exists (select from users where users.user_id = missing.user_id)
            order by missing.user_id
            on conflict do nothing
            returning 1
        )
        select held + count(*) into held from made;
        exit when held = cardinality(needed);
    end loop;

    return query
    with given as (
        select distinct on (event_id) *
        from unnest(event_ids, user_ids, item_nos, kind_nos, event_values, occurred_ats, recommendation_ids)
            with ordinality as e (event_id, user_id, item_no, kind_no, value, occurred_at, recommendation_id, place)
        order by event_id, place
    ),
    claimed as (
        insert into event_receipts (event_id, position, occurred_at)
        select event_id, nextval('interaction_positions'), occurred_at from given order by event_id
        on conflict do nothing
        returning event_id, position
    ),
    stored as (
        insert into interactions
            (position, event_id, user_no, item_no, kind_no, value, occurred_at, recommendation_id)
        select claimed.position, event_id, users.user_no, given.item_no, given.kind_no, given.value,
               given.occurred_at, given.recommendation_id
        from claimed join given using (event_id) join users using (user_id)
        returning user_no
    )
    select count(*)::integer,
           (cardinality(event_ids) - count(*))::integer,
           coalesce(array_agg(distinct user_no), '{}')
    from stored;
end
$$;

-- Takes an event out of the log. No row: no such event was ever received. The receipt stays, so that the event does
-- not come back when it is sent again. is_new: whether this call deleted it; user_no and deleted_at are null if
-- its user was forgotten.
create function delete_event(given_id uuid)
returns table (is_new boolean, user_no integer, deleted_at timestamptz)
language plpgsql as $$
#variable_conflict use_column
declare
    receipt  event_receipts;
    owner    integer;
begin
    select * into receipt from event_receipts where event_id = given_id;
    if not found then
        return;
    end if;

    select user_no into owner from interactions
    where position = receipt.position and occurred_at = receipt.occurred_at;
    -- Held, so that forget_user finds the deletion. If it came before us, or somebody else's deletion did, the event is
    -- gone, and the row that is waited for is not deleted twice.
    perform from users where user_no = owner for key share;
    delete from interactions where position = receipt.position and occurred_at = receipt.occurred_at;
    if found then
        -- Drawn under the horizon's lock and after the deed: a vector at this position cannot know the event.
        perform hold_event_horizon();
        insert into event_deletions (position, event_id, user_no)
        values (nextval('interaction_positions'), given_id, owner);
        return query select true, owner, now();
    else
        return query
        select false, found_deletion.user_no, found_deletion.deleted_at
        from (values (1)) as one (row) left join event_deletions as found_deletion on found_deletion.event_id = given_id;
    end if;
end
$$;

-- Removes a user from every table; answers the number the user had (null: there was no such user) and how many rows
-- went. Receipts of events stay: they hold no user, and keep late retries from bringing one back.
create function forget_user(given_id text)
returns table (user_no integer, removed jsonb)
language plpgsql as $$
#variable_conflict use_column
declare
    gone    integer;
    counts  jsonb;
begin
    -- clear_forgotten waits for whoever is at it; taken first by everybody.
    perform pg_advisory_xact_lock_shared(31310, 4);
    -- Waits for those who are writing something of this user; who comes later finds nobody to write for. What
    -- the next statement sees is therefore everything.
    select user_no into gone from users where user_id = given_id for update;

    with
    of_users as (delete from users where user_no = gone returning 1),
    of_interactions as (delete from interactions where user_no = gone returning 1),
    of_deletions as (delete from event_deletions where user_no = gone returning 1),
    of_impressions as (delete from impressions where user_no = gone returning 1),
    of_lists as (delete from batch_recommendations where user_no = gone returning 1),
    of_vectors as (delete from user_embeddings where user_no = gone returning 1)
    select jsonb_build_object(
        'users', (select count(*) from of_users),
        'interactions', (select count(*) from of_interactions),
        'event_deletions', (select count(*) from of_deletions),
        'impressions', (select count(*) from of_impressions),
        'recommendation_lists', (select count(*) from of_lists),
        'user_embeddings', (select count(*) from of_vectors))
    into counts;

    if gone is not null then
        perform hold_event_horizon();
        insert into forgotten_users (user_no, position) values (gone, nextval('interaction_positions'));
    end if;
    return query select gone, counts;
end
$$;

-- Removes what a run has written of users who were forgotten after its cut-off; answers how many rows that were.
-- Until the commit nobody else is forgotten, and who was before has been forgotten completely: a bulk write that
-- forget_user could not see is either cleared here, or seen by it.
create function clear_forgotten(given_run_id integer) returns bigint
language plpgsql as $$
declare
    cleared  bigint;
begin
    perform pg_advisory_xact_lock(31310, 4);
    with
    gone as materialized (
        select user_no from forgotten_users
        where position > (select cut_off_position from model_runs where run_id = given_run_id)
    ),
    of_lists as (
        delete from batch_recommendations where run_id = given_run_id and user_no in (select user_no from gone)
        returning 1
    ),
    of_vectors as (
        delete from user_embeddings where run_id = given_run_id and user_no in (select user_no from gone)
        returning 1
    )
    select (select count(*) from of_lists) + (select count(*) from of_vectors) into cleared;
    return cleared;
end
$$;

create view analytics.removals_daily as
select day,
       count(*) filter (where what = 'event') as deleted_events,
       count(*) filter (where what = 'user') as forgotten_users
from (
    select (deleted_at at time zone 'UTC')::date as day, 'event' as what from public.event_deletions
    union all
    select (forgotten_at at time zone 'UTC')::date, 'user' from public.forgotten_users
) as removals
group by day;

comment on view analytics.removals_daily is 'Deleted events and forgotten users a day (UTC): why figures of the past change.';
comment on column analytics.removals_daily.day is 'Day of the deletions, in UTC; not that of the deleted interactions.';
comment on column analytics.removals_daily.deleted_events is 'Events deleted one by one; those of users forgotten since are not counted.';
comment on column analytics.removals_daily.forgotten_users is 'Users who were removed with all that was known of them.';

grant select on analytics.removals_daily to analyst;
