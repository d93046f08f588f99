-- What the service itself writes: the lists it gave; and how a user is forgotten everywhere, or merged into another.

-- Lists that were given. `explored`: which of `item_nos` were in the list to become known. `placement_version`: 0 where
-- nothing was decided for the placement. `arm`: of the experiment. `context_no`: the context it was asked for in.
create table impressions (
    recommendation_id  uuid primary key,
    user_no            integer,
    run_id             integer,
    source             text not null,
    arm                text,
    item_nos           integer[] not null,
    shown_at           timestamptz not null default now(),
    explored           integer[] not null default '{}',
    placement          text,
    placement_version  integer,
    experiment_id      text,
    context_no         integer
);

create index impressions_user on impressions (user_no, shown_at);

create index impressions_experiment on impressions (experiment_id, shown_at) where experiment_id is not null;

-- Old impressions are found by it, oldest first.
create index impressions_shown on impressions (shown_at);

-- Each row counts impressions that were deleted in the same transaction, so none is lost or counted twice.
create table impression_days (
    day                date not null,
    run_id             integer,
    source             text not null,
    arm                text,
    placement          text,
    placement_version  integer,
    impressions        bigint not null,
    items              bigint not null,
    explored           bigint not null,
    users              bigint not null,
    unique nulls not distinct (day, run_id, source, arm, placement, placement_version)
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
    names   text[];
begin
    -- clear_forgotten waits for whoever is at it; taken first by everybody.
    perform pg_advisory_xact_lock_shared(31310, 4);
    -- Waits for those who are writing something of this user; who comes later finds nobody to write for. What
    -- the next statement sees is therefore everything.
    select user_no into gone from users where user_id = given_id for update;
    -- Files and messages that could not be recorded may name the user by an id that was merged.
    names := array[given_id] || array(select from_user_id from merged_users where user_no = gone and from_user_id <> given_id);

    with
    of_users as (delete from users where user_no = gone returning 1),
    of_interests as (delete from user_interests where user_no = gone returning 1),
    of_preferences as (delete from preferences where user_no = gone returning 1),
    of_interactions as (delete from interactions where user_no = gone returning 1),
    of_deletions as (delete from event_deletions where user_no = gone returning 1),
    of_changes as (delete from history_changes where user_no = gone returning 1),
    of_merged as (delete from merged_users where user_no = gone or from_user_id = given_id returning 1),
    of_impressions as (delete from impressions where user_no = gone returning 1),
    of_lists as (delete from batch_recommendations where user_no = gone returning 1),
    of_vectors as (delete from user_embeddings where user_no = gone returning 1),
    of_activity as (delete from user_activity where user_no = gone returning 1),
    of_experiments as (delete from experiment_users where user_id = given_id returning 1),
    of_sessions as (
        delete from sessions using accounts where sessions.account_id = accounts.account_id and user_id = given_id returning 1
    ),
    of_accounts as (delete from accounts where user_id = given_id returning 1),
    of_rejects as (delete from kafka_rejects where user_id = any(names) returning 1)
    select jsonb_build_object(
        'users', (select count(*) from of_users),
        'interests', (select count(*) from of_interests),
        'preferences', (select count(*) from of_preferences),
        'interactions', (select count(*) from of_interactions),
        'event_deletions', (select count(*) from of_deletions),
        'history_changes', (select count(*) from of_changes),
        'merged_ids', (select count(*) from of_merged),
        'impressions', (select count(*) from of_impressions),
        'recommendation_lists', (select count(*) from of_lists),
        'user_embeddings', (select count(*) from of_vectors),
        'activity', (select count(*) from of_activity),
        'experiments', (select count(*) from of_experiments),
        'accounts', (select count(*) from of_accounts),
        'sessions', (select count(*) from of_sessions),
        'kafka_rejects', (select count(*) from of_rejects),
        'loads', (select sum(forget_in_loads(name)) from unnest(names) as name))
    into counts;

    if gone is not null then
        perform hold_event_horizon();
        insert into forgotten_users (user_no, position) values (gone, nextval('interaction_positions'));
    end if;
    return query select gone, counts;
end
$$;

-- Makes one user of two, in one transaction: events, deletions, impressions, interests, preferences, attributes and the
-- account of `given_from` become those of `given_id`, whose own come first. The id is noted in `merged_users`, the number in
-- `forgotten_users`, so that whoever writes of it, or has, is cleared of it. Twice is once. Outcomes: merged; known: it was
-- before; elsewhere, and gone: `given_from`, or `given_id` itself, was merged into another user, `other_id`; accounts: both
-- are those of an account.
create function merge_users(given_from text, given_id text)
returns table (outcome text, user_no integer, from_user_no integer, events bigint, other_id text)
language plpgsql as $$
#variable_conflict use_column
declare
    into_no   integer;
    from_no   integer;
    known    merged_users;
    held     bigint;
    moved    bigint;
begin
    perform pg_advisory_xact_lock_shared(31310, 4);
    perform hold_event_horizon();
    loop
        select * into known from merged_users where from_user_id = given_id;
        if found then
            return query select 'gone', null::integer, null::integer, 0::bigint,
                                (select user_id from users where users.user_no = known.user_no);
            return;
        end if;
        select * into known from merged_users where from_user_id = given_from;
        if found then
            return query
            select case when user_id = given_id then 'known' else 'elsewhere' end, users.user_no, known.from_user_no,
                   0::bigint, user_id
            from users where users.user_no = known.user_no;
            return;
        end if;
        -- In one order by everybody. Who writes of one of them is waited for; who comes later finds the other.
        with locked as (
            select user_id, user_no from users where user_id in (given_from, given_id) order by user_id for update
        )
        select count(*), max(user_no) filter (where user_id = given_id), max(user_no) filter (where user_id = given_from)
        into held, into_no, from_no
        from locked;
        exit when held = 2;
        insert into users (user_id)
        select missing.user_id from unnest(array[given_from, given_id]) as missing (user_id)
        where not exists (select from users where users.user_id = missing.user_id)
          and not exists (select from merged_users where from_user_id = missing.user_id)
        order by missing.user_id
        on conflict do nothing;
        -- Whom we made while another call merged them: their ids are nobody's.
        delete from users
        where user_id in (select from_user_id from merged_users where from_user_id in (given_from, given_id));
    end loop;

    if (select count(*) from accounts where user_id in (given_from, given_id)) > 1 then
        -- Who was made just now goes again.
        raise exception 'both users have accounts' using errcode = 'TD411';
    end if;
    update interactions set user_no = into_no where interactions.user_no = from_no;
    get diagnostics moved = row_count;
    update event_deletions set user_no = into_no where event_deletions.user_no = from_no;
    update history_changes set user_no = into_no where history_changes.user_no = from_no;
    update impressions set user_no = into_no where impressions.user_no = from_no;

    insert into user_interests (user_no, words, item_nos, position)
    select into_no,
           array(select word from unnest(own.words || others.words) with ordinality as listed (word, ordinal)
                 group by word order by min(ordinal) limit 50),
           array(select item_no from unnest(own.item_nos || others.item_nos) with ordinality as listed (item_no, ordinal)
                 group by item_no order by min(ordinal) limit 50),
           nextval('interaction_positions')
    from user_interests as others left join user_interests as own on own.user_no = into_no
    where others.user_no = from_no
    on conflict (user_no) do update
    set words = excluded.words, item_nos = excluded.item_nos, position = excluded.position, declared_at = now();
    delete from user_interests where user_interests.user_no = from_no;
    -- Together they may have more than one user may store: nothing that anybody said is lost.
    insert into preferences (user_no, preference_id, item_no, category, attribute, value, direction, created_at)
    select into_no, preference_id, item_no, category, attribute, value, direction, created_at
    from preferences where preferences.user_no = from_no
    on conflict (user_no, preference_id) do nothing;
    delete from preferences where preferences.user_no = from_no;

    update users
    set created_at = least(users.created_at, others.created_at),
        attributes = case when octet_length(cast(others.attributes || users.attributes as text)) <= 65536
                          then others.attributes || users.attributes else users.attributes end
    from users as others
    where users.user_no = into_no and others.user_no = from_no;
    -- Whoever was in an experiment twice counts once, where the user who stays was.
    update experiment_users as moved set user_id = given_id
    where moved.user_id = given_from and not exists (
        select from experiment_users as own
        where own.experiment_id = moved.experiment_id and own.user_id = given_id);
    delete from experiment_users where experiment_users.user_id = given_from;
    delete from batch_recommendations where batch_recommendations.user_no = from_no;
    delete from user_embeddings where user_embeddings.user_no = from_no;
    delete from user_activity where user_activity.user_no = from_no;
    perform end_sessions(account_id, null) from accounts where user_id = given_from;
    update accounts set user_id = given_id where user_id = given_from;
    delete from users where users.user_no = from_no;
    update merged_users set user_no = into_no where merged_users.user_no = from_no;
    insert into merged_users (from_user_id, from_user_no, user_no) values (given_from, from_no, into_no);

    insert into forgotten_users (user_no, position) values (from_no, nextval('interaction_positions'));
    insert into history_changes (position, user_no) values (nextval('interaction_positions'), into_no);
    perform add_item_changes(array(select distinct item_no from interactions where interactions.user_no = into_no));
    return query select 'merged', into_no, from_no, moved, given_id;
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

-- Removes the activity of users who were forgotten while it was counted; as above, nobody else is until the commit.
create function clear_forgotten_activity() returns void
language plpgsql as $$
begin
    perform pg_advisory_xact_lock(31310, 4);
    delete from user_activity where not exists (select from users where users.user_no = user_activity.user_no);
end
$$;
