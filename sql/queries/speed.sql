-- The speed worker.

-- part: claimed_shards
-- Takes those shards of the run that was asked for that lag most and that no other worker holds, until the transaction ends,
-- and notes that their vectors know the log up to :events positions more at the most; `first_position`: live events up to
-- there have gone before those of a load. No row: there are none. The log is not read, so the horizon may be read in the same
-- statement. The commit does not wait for the disk: what a crash takes of a pass it takes as a whole, and the log has it.
claimed as (
    select shard, progress.position, first_position
    from asked join speed_progress as progress using (run_id)
    where progress.position < horizon
    order by progress.position, shard
    limit :shards_per_pass
    for update of progress skip locked
),
claim as (
    select run_id, horizon, array_agg(shard) as shards, min(position) as after, min(first_position) as first_position,
           least(horizon, min(position) + cast(:events as integer)) as until
    from claimed cross join asked
    group by run_id, horizon
),
progressed as (
    update speed_progress as progress set position = until
    from claim
    where progress.run_id = claim.run_id and shard = any(shards) and progress.position < until
)
select run_id, horizon, shards, after, first_position, until, set_config('synchronous_commit', 'off', true) as waits_for_disk
from claim

-- name: claim_served_shards
-- Those of the run being served.
with asked as materialized (select run_id, event_horizon() as horizon from live_run),
{claimed_shards}

-- name: claim_retained_shards
-- Those of the newest retained run that is not being served, is none of :unusable and has not been brought to the horizon.
with known as materialized (select event_horizon() as horizon),
asked as materialized (
    select run_id, horizon
    from model_runs cross join known
    where state = 'published' and run_id not in (select run_id from live_run)
      and run_id <> all(cast(:unusable as integer[]))
      and exists (select from speed_progress as shards where shards.run_id = model_runs.run_id and position < horizon)
    order by finished_at desc, run_id desc
    limit 1
),
{claimed_shards}

-- name: load_retained_runs
select run_id from model_runs where state = 'published';

-- part: of_shards
user_no % (select count(*) from speed_progress where run_id = :run_id) = any(cast(:shards as integer[]))

-- name: find_forgotten_users
-- Users of some shards who were forgotten in (:after, :until].
select user_no
from forgotten_users
where position > :after and position <= :until
  and {of_shards}
order by user_no;

-- name: has_loaded_events
-- Whether a load brought any of the events in (:after, :until].
select exists (
    select from interactions where position > :after and position <= :until and load_no is not null
) as is_loaded;

-- name: find_users_of_live_events
-- Users of some shards with one of the newest :most events in (:after, :until] that no load brought.
select distinct user_no
from (
    select user_no from interactions
    where position > :after and position <= :until and load_no is null
    order by position desc
    limit :most
) as newest
where {of_shards}
order by user_no;

-- name: store_first_position
-- Live events of some shards have gone before those of a load up to :first_position.
update speed_progress set first_position = :first_position
where run_id = :run_id and shard = any(cast(:shards as integer[]));

-- name: load_horizon_and_recovery
-- The horizon, to be read as that of `event_horizon`, and a number that is another once PostgreSQL came up after a crash,
-- or is another server: when it began to count for its statistics, which a clean restart keeps. What did not wait for the
-- disk may be gone then, and positions are given anew.
select event_horizon() as horizon,
       cast(coalesce(1000000 * extract(epoch from pg_stat_get_bgwriter_stat_reset_time()), 0) as bigint) as recovery;

-- name: load_users_before
-- Who did something or declared interests within the last :seconds, of the newest :rows of each below :before.
select coalesce(array_agg(distinct user_no), '{}') as user_nos, min(position) as position
from (
    (select user_no, position, received_at as came_at
     from interactions where position < :before order by position desc limit :rows)
    union all
    (select user_no, position, declared_at
     from user_interests where position < :before order by position desc limit :rows)
    order by position desc
    limit :rows
) as newest
where came_at > clock_timestamp() - make_interval(secs => :seconds);

-- name: load_changed_users
select distinct user_no from user_changes where position > :after and position <= :until;

-- name: find_recently_updated_users
-- Whose cached answers a killed predecessor may not have dropped.
select user_no from user_embeddings
where run_id = :run_id and updated_at > clock_timestamp() - make_interval(secs => :seconds)
union all
select user_no from forgotten_users
where forgotten_at > clock_timestamp() - make_interval(secs => :seconds);

-- name: find_users_since
-- Whose are the newest :events events in (:cut_off, :horizon], how many of each, and where the first of all is; the canary is
-- nobody.
with newest as materialized (
    select user_no, position from interactions
    where position > :cut_off and position <= :horizon and user_no <> 0
    order by position desc
    limit :events
)
select user_no, count(*) as events, (select min(position) from newest) as first_position
from newest
group by user_no
order by user_no;

-- part: of_likings
'' order by asked.user_no, newest.occurred_at, newest.item_no, newest.kind_no, newest.event_id

-- name: load_newest_likings
-- The newest :events of what each user liked up to the horizon, as `load_histories` answers and orders them, and whether each
-- is from :first on.
select string_agg(int4send(asked.user_no),
{of_likings}
) as user_nos, string_agg(int4send(newest.item_no),
{of_likings}
) as item_nos, string_agg(boolsend(newest.position >= :first),
{of_likings}
) as is_new
from unnest(cast(:user_nos as integer[]), cast(:events as integer[])) as asked (user_no, events)
cross join lateral (
    select occurred_at, item_no, kind_no, event_id, position
    from likings
    where likings.user_no = asked.user_no and position <= :horizon
    order by occurred_at desc, item_no desc, kind_no desc, event_id desc
    limit asked.events
) as newest;

-- name: store_recent_transitions
-- What has come after what since a run's cut-off, instead of what is there; a row that stays the same is left alone, and a
-- run that was retired meanwhile gets none. The rows are given one after another, each with its length and its end.
with given as (
    select item_no, (cast(:next_item_nos as integer[]))[next_end - next_length + 1 : next_end] as next_item_nos,
           (cast(:scores as real[]))[next_end - next_length + 1 : next_end] as scores
    from unnest(cast(:item_nos as integer[]), cast(:lengths as integer[]), cast(:ends as integer[]))
        as row (item_no, next_length, next_end)
),
gone as (
    delete from recent_transitions where run_id = :run_id and item_no <> all(cast(:item_nos as integer[]))
)
insert into recent_transitions (run_id, item_no, next_item_nos, scores)
select run_id, item_no, next_item_nos, scores
from given join model_runs on run_id = :run_id and state = 'published'
on conflict (run_id, item_no) do update
set next_item_nos = excluded.next_item_nos, scores = excluded.scores
where (recent_transitions.next_item_nos, recent_transitions.scores) is distinct from (excluded.next_item_nos, excluded.scores);
