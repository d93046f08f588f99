-- What the service itself writes: the lists it gave; and how a user is forgotten everywhere.

-- Lists that were given. `explored`: which of `item_nos` were in the list to become known.
create table impressions (
    recommendation_id  uuid primary key,
    user_no            integer,
    run_id             integer,
    source             text not null,
    arm                text,
    item_nos           integer[] not null,
    shown_at           timestamptz not null default now(),
    explored           integer[] not null default '{}'
);

create index impressions_user on impressions (user_no, shown_at);

-- Old impressions are found by it, oldest first.
create index impressions_shown on impressions (shown_at);

-- Each row counts impressions that were deleted in the same transaction, so none is lost or counted twice.
create table impression_days (
    day          date not null,
    run_id       integer,
    source       text not null,
    arm          text,
    impressions  bigint not null,
    items        bigint not null,
    explored     bigint not null,
    users        bigint not null,
    unique nulls not distinct (day, run_id, source, arm)
);

-- ---------------------------------------------------------------- forgetting

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
    of_interests as (delete from user_interests where user_no = gone returning 1),
    of_interactions as (delete from interactions where user_no = gone returning 1),
    of_deletions as (delete from event_deletions where user_no = gone returning 1),
    of_changes as (delete from history_changes where user_no = gone returning 1),
    of_impressions as (delete from impressions where user_no = gone returning 1),
    of_lists as (delete from batch_recommendations where user_no = gone returning 1),
    of_vectors as (delete from user_embeddings where user_no = gone returning 1),
    of_sessions as (
        delete from sessions using accounts where sessions.account_id = accounts.account_id and user_id = given_id returning 1
    ),
    of_accounts as (delete from accounts where user_id = given_id returning 1)
    select jsonb_build_object(
        'users', (select count(*) from of_users),
        'interests', (select count(*) from of_interests),
        'interactions', (select count(*) from of_interactions),
        'event_deletions', (select count(*) from of_deletions),
        'impressions', (select count(*) from of_impressions),
        'recommendation_lists', (select count(*) from of_lists),
        'user_embeddings', (select count(*) from of_vectors),
        'accounts', (select count(*) from of_accounts),
        'sessions', (select count(*) from of_sessions))
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
