-- The speed worker.

-- name: find_lagging_retained
-- The newest retained run that is not being served, is none of :unusable and has not been brought to the horizon.
select run_id from model_runs
where state = 'published' and run_id not in (select run_id from live_run)
  and run_id <> all(cast(:unusable as integer[]))
  and exists (select from speed_progress as shards where shards.run_id = model_runs.run_id and position < :horizon)
order by finished_at desc, run_id desc
limit 1;

-- name: load_retained_runs
select run_id from model_runs where state = 'published';

-- name: find_lagging_shards
-- Shards of a run that have not yet been brought to the horizon; empty when all is done.
select shard from speed_progress where run_id = :run_id and position < :horizon limit 1;

-- name: claim_shards
-- Takes the shards that lag most and that no other worker holds, until the transaction ends.
select shard, position, first_position
from speed_progress
where run_id = :run_id and position < :horizon
order by position, shard
limit :shards_per_pass
for update skip locked;

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
);

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
