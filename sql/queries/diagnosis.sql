-- What is wrong, and since when: figures for `tandem diagnose` and the API's. Each statement looks at a bounded number
-- of rows, whatever the size of the log.

-- name: load_contents
-- What there is to recommend and to learn from, counted up to :most; of users with an event of a positive kind no more
-- than :most_users are counted.
select (select count(*) from (select from items limit :most) as counted) as items,
       (select count(*) from (select from items where available limit :most) as counted) as available_items,
       (select count(*) from (select from interactions limit :most) as counted) as events,
       (select received_at from interactions order by position desc limit 1) as newest_event_at,
       (
           select count(*)
           from (
               select from users
               where exists (
                   select from interactions join event_kinds using (kind_no)
                   where interactions.user_no = users.user_no and strength > 0
               )
               limit :most_users
           ) as counted
       ) as learnable_users;

-- name: load_served_run
-- The run being served, or no row before the first is published. Its index_recall is null if its items are so few that
-- they are searched exactly; compared: whether the gate had enough users to compare it on.
select run_id, cut_off_at, switched_at,
       case when metrics ->> 'index' = 'hnsw' then (metrics ->> 'index_recall@100')::double precision end as index_recall,
       metrics ? 'ndcg@20' as compared,
       (metrics ->> 'evaluated_users')::integer as evaluated_users
from live_run join model_runs using (run_id);

-- name: find_open_night
-- A run that has begun and not ended, if none is newer, and whether somebody holds the nightly lock: without it the
-- process of that run is dead. The lock is that of take_nightly_lock.
select run_id, started_at,
       exists (
           select from pg_locks
           where locktype = 'advisory' and classid = 31310 and objid = 1 and objsubid = 2 and granted
             and database = (select oid from pg_database where datname = current_database())
       ) as alive
from model_runs
where run_id = (select max(run_id) from model_runs) and state in ('training', 'evaluated');

-- name: find_ended_night
-- The newest run that has ended, or no row.
select run_id, state, finished_at, reason
from model_runs
where state not in ('training', 'evaluated')
order by run_id desc
limit 1;

-- name: load_waiting_events
-- Events the live vectors of a run do not know yet, counted up to :most. Waiting are those the speed worker may read;
-- held are those behind a transaction that is still writing events.
select count(*) filter (where position <= :horizon) as waiting,
       min(received_at) filter (where position <= :horizon) as waiting_since,
       count(*) filter (where position > :horizon) as held,
       min(received_at) filter (where position > :horizon) as held_since
from (
    select position, received_at
    from interactions
    where position > (select min(position) from speed_progress where run_id = :run_id)
      and position > (
          select progress.position from speed_progress as progress
          where progress.run_id = :run_id
            and progress.shard = user_no % (select count(*) from speed_progress where run_id = :run_id)
      )
    order by position
    limit :most
) as unknown;
