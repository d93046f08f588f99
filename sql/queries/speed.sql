-- The speed worker.

-- name: find_lagging_shards
-- Shards of the run being served that have not yet been brought to the horizon; empty when all is done.
select shard from speed_progress where run_id = :run_id and position < :horizon limit 1;

-- name: claim_shards
-- Takes the shards that lag most and that no other worker holds, until the transaction ends.
select shard, position
from speed_progress
where run_id = :run_id and position < :horizon
order by position, shard
limit :shards_per_pass
for update skip locked;

-- name: find_stale_users
-- Users of the claimed shards with interactions in (:after, :until] that their live vector does not know yet.
select distinct interactions.user_no
from interactions
left join user_embeddings
    on user_embeddings.run_id = :run_id and user_embeddings.user_no = interactions.user_no
where interactions.position > :after and interactions.position <= :until
  and interactions.user_no % (select count(*) from speed_progress where run_id = :run_id) = any(cast(:shards as integer[]))
  and coalesce(user_embeddings.position, 0) < interactions.position
order by interactions.user_no;

-- name: store_progress
update speed_progress set position = :position
where run_id = :run_id and shard = any(cast(:shards as integer[])) and position < :position;

-- name: find_recently_updated_users
-- Whose cached answers a killed predecessor may not have dropped.
select user_no from user_embeddings
where run_id = :run_id and updated_at > clock_timestamp() - make_interval(secs => :seconds);
