-- The foundation: catalogue, interaction log, model runs and what a run is made of.

create extension if not exists vector;

-- ---------------------------------------------------------------- who and what

create table users (
    user_no     integer generated always as identity primary key,
    user_id     text not null unique check (length(user_id) between 1 and 200),
    attributes  jsonb not null default '{}',
    created_at  timestamptz not null default now()
);

create table items (
    item_no      integer generated always as identity primary key,
    item_id      text not null unique check (length(item_id) between 1 and 200),
    title        text not null,
    categories   text[] not null default '{}',
    description  text not null default '',
    attributes   jsonb not null default '{}',
    available    boolean not null default true,
    created_at   timestamptz not null default now(),
    updated_at   timestamptz not null default now()
);

create index items_categories on items using gin (categories);
create index items_unavailable on items (item_no) where not available;

create table event_kinds (
    kind_no          smallint primary key check (kind_no > 0),
    kind             text not null unique,
    strength         real not null,
    marks_seen       boolean not null,
    value_reference  real check (value_reference > 0),
    half_life_days   real check (half_life_days > 0),
    description      text not null
);

insert into event_kinds (kind_no, kind, strength, marks_seen, value_reference, description) values
    (1, 'view',      1.0, true,  null, 'opened, watched or read the item'),
    (2, 'click',     0.5, false, null, 'followed a link to the item'),
    (3, 'like',      3.0, true,  null, 'said that they like the item'),
    (4, 'rate',      1.0, true,  3.0,  'rated the item; the value is the rating, 3 weighs as much as a view'),
    (5, 'cart',      2.0, true,  null, 'put the item into a cart or on a list'),
    (6, 'purchase',  4.0, true,  null, 'bought the item'),
    (7, 'dislike',  -2.0, true,  null, 'said that they do not like the item'),
    (8, 'hide',     -1.0, true,  null, 'asked not to be shown the item');

-- ---------------------------------------------------------------- the interaction log

create sequence interaction_positions as bigint cache 1;

-- An event counts once whatever partition it falls into: its id is claimed here first.
create table event_receipts (
    event_id     uuid primary key,
    position     bigint not null,
    occurred_at  timestamptz not null
);

-- Written by record_events alone, which finds users and kinds itself: checking them again for every row would
-- take a third of the time of a bulk load.
create table interactions (
    position           bigint not null,
    event_id           uuid not null,
    user_no            integer not null,
    item_no            integer not null references items,
    kind_no            smallint not null,
    value              real,
    occurred_at        timestamptz not null,
    received_at        timestamptz not null default now(),
    recommendation_id  uuid,
    primary key (position, occurred_at)
) partition by range (occurred_at);

create index interactions_user on interactions (user_no, occurred_at);

do $$
begin
    for year in 1995..2035 loop
        execute format(
            'create table interactions_%s partition of interactions for values from (%L) to (%L)',
            year, format('%s-01-01 00:00:00+00', year), format('%s-01-01 00:00:00+00', year + 1));
    end loop;
end
$$;

create table interactions_other partition of interactions default;

-- A sequence is not commit order. Whoever writes events holds a shared advisory lock for the length of
-- the transaction, and the lock's key is the last position given out before it was taken: all the
-- positions that transaction draws are higher. The upper half of the key's 64 bits names the lock.
create function hold_event_horizon() returns void
language plpgsql as $$
declare
    last_given bigint;
begin
    select case when is_called then last_value else 0 end into last_given from interaction_positions;
    perform pg_advisory_xact_lock_shared((31309::bigint << 48) | last_given);
end
$$;

-- The highest position below which nothing can appear any more. The sequence is read before the locks:
-- a writer that is not yet seen holding its lock draws positions above what was read.
create function event_horizon() returns bigint
language plpgsql as $$
declare
    last_given  bigint;
    oldest_held bigint;
begin
    select case when is_called then last_value else 0 end into last_given from interaction_positions;
    select min(((classid::bigint & 65535) << 32) | objid::bigint) into oldest_held
    from pg_locks
    where locktype = 'advisory' and mode = 'ShareLock' and granted and objsubid = 1
      and classid::bigint >> 16 = 31309
      and database = (select oid from pg_database where datname = current_database());
    return least(last_given, coalesce(oldest_held, last_given));
end
$$;

-- Stores events once each; the one way into the log. All arrays have one entry an event; item and kind
-- numbers must exist. Users are made as they appear.
create function record_events(
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
begin
    if exists (select from unnest(kind_nos) as given (kind_no)
               where not exists (select from event_kinds where event_kinds.kind_no = given.kind_no)) then
        raise exception 'an event has an unknown kind number' using errcode = 'foreign_key_violation';
    end if;

    perform hold_event_horizon();

    -- Rows are locked in one order by everybody, so that two batches cannot wait for each other.
    insert into users (user_id)
    select distinct given.user_id from unnest(user_ids) as given (user_id)
    where not exists (select from users where users.user_id = given.user_id)
    order by given.user_id
    on conflict do nothing;

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

-- ---------------------------------------------------------------- model runs

create table model_runs (
    run_id            integer generated always as identity primary key,
    state             text not null default 'training'
                      check (state in ('training', 'evaluated', 'refused', 'failed', 'published', 'retired')),
    started_at        timestamptz not null default now(),
    finished_at       timestamptz,
    cut_off_position  bigint not null,
    cut_off_at        timestamptz not null,
    parameters        jsonb not null default '{}',
    metrics           jsonb not null default '{}',
    step_seconds      jsonb not null default '{}',
    reason            text,
    flow_run_id       uuid,
    gramian           real[],
    item_norm         real
);

-- The switch: one row that names the run being served.
create table live_run (
    only_row     boolean primary key default true check (only_row),
    run_id       integer not null references model_runs,
    switched_at  timestamptz not null default now()
);

create table batch_recommendations (
    run_id    integer not null references model_runs,
    user_no   integer not null,
    item_nos  integer[] not null,
    scores    real[] not null,
    primary key (run_id, user_no)
) partition by list (run_id);

create table item_embeddings (
    run_id            integer not null references model_runs,
    item_no           integer not null,
    embedding         vector not null,
    source            vector,
    taste_scale       real not null,
    confidence_scale  real not null,
    primary key (run_id, item_no)
) partition by list (run_id);

create table user_embeddings (
    run_id                integer not null references model_runs,
    user_no               integer not null,
    embedding             vector,
    events_since_cut_off  integer not null,
    position              bigint not null,
    updated_at            timestamptz not null default now(),
    primary key (run_id, user_no)
) partition by list (run_id);

create table popular_items (
    run_id    integer not null references model_runs,
    list      text not null,
    category  text not null default '',
    item_nos  integer[] not null,
    scores    real[] not null,
    primary key (run_id, list, category)
) partition by list (run_id);

-- How far the events of a run's users are folded in; users are dealt out to shards by their number.
create table speed_progress (
    run_id    integer not null references model_runs on delete cascade,
    shard     smallint not null,
    position  bigint not null,
    primary key (run_id, shard)
);

-- Makes the partitions a run is written into.
create function create_run_partitions(new_run_id integer) returns void
language plpgsql as $$
declare
    parent text;
begin
    foreach parent in array array['batch_recommendations', 'item_embeddings', 'user_embeddings', 'popular_items'] loop
        execute format('create table %I partition of %I for values in (%s)',
                       parent || '_' || new_run_id, parent, new_run_id);
    end loop;
end
$$;

-- Drops a run's partitions and progress; its row stays, for the history of runs. The run being served is kept.
create function drop_run_partitions(old_run_id integer) returns void
language plpgsql as $$
declare
    parent text;
begin
    if exists (select from live_run where run_id = old_run_id) then
        raise exception 'run % is being served and cannot be dropped', old_run_id;
    end if;
    foreach parent in array array['batch_recommendations', 'item_embeddings', 'user_embeddings', 'popular_items'] loop
        execute format('drop table if exists %I', parent || '_' || old_run_id);
    end loop;
    delete from speed_progress where run_id = old_run_id;
end
$$;

-- ---------------------------------------------------------------- serving's own

create table api_keys (
    key_id      integer generated always as identity primary key,
    name        text not null unique check (length(name) between 1 and 100),
    key_hash    bytea not null unique,
    scopes      text[] not null check (scopes <@ array['read', 'write'] and cardinality(scopes) > 0),
    created_at  timestamptz not null default now(),
    revoked_at  timestamptz
);

create table impressions (
    recommendation_id  uuid primary key,
    user_no            integer,
    run_id             integer,
    source             text not null,
    arm                text,
    item_nos           integer[] not null,
    shown_at           timestamptz not null default now()
);

create index impressions_user on impressions (user_no, shown_at);

-- ---------------------------------------------------------------- the analysts' views

create schema analytics;

create view analytics.model_runs as
select run_id,
       state,
       coalesce(live_run.run_id is not null, false) as live,
       started_at,
       finished_at,
       extract(epoch from finished_at - started_at)::double precision as seconds,
       cut_off_at,
       (metrics ->> 'ndcg@20')::double precision as ndcg_at_20,
       (metrics ->> 'recall@20')::double precision as recall_at_20,
       (metrics ->> 'coverage@20')::double precision as coverage_at_20,
       (metrics ->> 'popularity_ndcg@20')::double precision as popularity_ndcg_at_20,
       (metrics ->> 'popularity_recall@20')::double precision as popularity_recall_at_20,
       reason,
       parameters,
       metrics,
       step_seconds
from public.model_runs left join public.live_run using (run_id);

create view analytics.current_recommendations as
select users.user_id,
       items.item_id,
       items.title,
       listed.rank::integer as rank,
       listed.score
from public.live_run
join public.batch_recommendations as lists using (run_id)
join public.users using (user_no)
cross join lateral unnest(lists.item_nos, lists.scores) with ordinality as listed (item_no, score, rank)
join public.items on items.item_no = listed.item_no;

create view analytics.interactions_daily as
select (occurred_at at time zone 'UTC')::date as day,
       kind,
       count(*) as interactions,
       count(distinct user_no) as users,
       count(distinct item_no) as items
from public.interactions join public.event_kinds using (kind_no)
group by 1, 2;

comment on schema analytics is 'The stable contract for analysts: documented views, read only for the role analyst.';
comment on view analytics.model_runs is 'One row a nightly run, the newest figures as columns.';
comment on column analytics.model_runs.run_id is 'Number of the run, as in the answers of the API.';
comment on column analytics.model_runs.state is 'training, evaluated, refused, failed, published or retired.';
comment on column analytics.model_runs.live is 'Whether this run is being served now.';
comment on column analytics.model_runs.started_at is 'When the run began.';
comment on column analytics.model_runs.finished_at is 'When it was published, refused or failed; null while it runs.';
comment on column analytics.model_runs.seconds is 'From start to finish, in seconds.';
comment on column analytics.model_runs.cut_off_at is 'The run has learned from what was stored before this time.';
comment on column analytics.model_runs.ndcg_at_20 is 'nDCG at 20 on the held-out future, 0 to 1.';
comment on column analytics.model_runs.recall_at_20 is 'Recall at 20 on the held-out future, 0 to 1.';
comment on column analytics.model_runs.coverage_at_20 is 'Share of the catalogue in at least one top 20, 0 to 1.';
comment on column analytics.model_runs.popularity_ndcg_at_20 is 'nDCG at 20 of the popular list on the same future.';
comment on column analytics.model_runs.popularity_recall_at_20 is 'Recall at 20 of the popular list on the same future.';
comment on column analytics.model_runs.reason is 'Why the run was refused or failed; null otherwise.';
comment on column analytics.model_runs.parameters is 'All parameters of the run.';
comment on column analytics.model_runs.metrics is 'All figures of the run.';
comment on column analytics.model_runs.step_seconds is 'Seconds each step took.';
comment on view analytics.current_recommendations is 'The batch lists being served, one row a user and item.';
comment on column analytics.current_recommendations.user_id is 'The app''s id of the user.';
comment on column analytics.current_recommendations.item_id is 'The app''s id of the item.';
comment on column analytics.current_recommendations.title is 'Title of the item as it is now.';
comment on column analytics.current_recommendations.rank is 'Place in the user''s list, 1 is best.';
comment on column analytics.current_recommendations.score is 'Batch score before scaling; comparable within one user''s list.';
comment on view analytics.interactions_daily is 'Interactions a day (UTC) and kind.';
comment on column analytics.interactions_daily.day is 'Day of the interactions, in UTC.';
comment on column analytics.interactions_daily.kind is 'Event kind.';
comment on column analytics.interactions_daily.interactions is 'How many interactions.';
comment on column analytics.interactions_daily.users is 'How many different users.';
comment on column analytics.interactions_daily.items is 'How many different items.';

-- Roles belong to the whole server: another database on it may have made this one already, even just now.
do $$
begin
    if not exists (select from pg_roles where rolname = 'analyst') then
        create role analyst nologin;
    end if;
exception when duplicate_object or unique_violation then
    null;
end
$$;

grant usage on schema analytics to analyst;
grant select on all tables in schema analytics to analyst;
