-- What is wrong, and since when: figures for `tandem diagnose` and the API's. Each statement looks at a bounded number
-- of rows, whatever the size of the log.

-- name: load_time
-- The time by the database's clock.
select clock_timestamp();

-- name: load_contents
-- What there is to recommend and to learn from, counted up to :most; of users with an event of positive weight no more
-- than :most_users are counted. Of the :newest items: of how many nothing is known but an id, or no word. Of the :newest
-- events: how many lie more than :seconds_ahead in the future.
-- Since when an upload waits to be loaded, if nobody loads any. How many contexts are kept, and of which name the most values.
-- The bytes of PostgreSQL's buffers, and of the indexes that each new event is put into.
select (select count(*) from (select from items limit :most) as counted) as items,
       (select count(*)
        from (
            select from items
            where {shown}
            limit :most
        ) as counted) as available_items,
       (select count(*) from (select from interactions where user_no <> 0 limit :most) as counted) as events,
       (select received_at from interactions where user_no <> 0 order by position desc limit 1) as newest_event_at,
       (
           select count(*)
           from (
               select from users
               where exists (
                   select from likings where likings.user_no = users.user_no
               )
               limit :most_users
           ) as counted
       ) as learnable_users,
       (select count(*) from event_kinds where weight > 0) as positive_kinds,
       newest_items.items as new_items,
       newest_items.mute as mute_items,
       newest_events.events as new_events,
       newest_events.ahead as future_events,
       (
           select min(greatest(queued_at, started_at)) from uploads
           where state in ('queued', 'running', 'undoing')
           having not bool_or(upload_is_held(upload_id))
       ) as upload_waits_since,
       (select count(*) from contexts) as contexts,
       coalesce(most_values.count, 0) as context_values,
       most_values.name as context_name,
       pg_size_bytes(current_setting('shared_buffers')) as buffer_bytes,
       (
           select sum(pg_indexes_size(relid))::bigint
           from (
               select relid from pg_partition_tree('interactions')
               union all
               select relid from pg_partition_tree('event_receipts')
           ) as parts
       ) as log_index_bytes
from (
    select count(*) as items, count(*) filter (where mute) as mute
    from (
        select words = '' or title = item_id and categories = '{}' and description = '' and attributes = '{}' as mute
        from items order by item_no desc limit :newest
    ) as newest
) as newest_items
cross join (
    select count(*) as events,
           count(*) filter (where occurred_at > clock_timestamp() + make_interval(secs => :seconds_ahead)) as ahead
    from (select occurred_at from interactions where user_no <> 0 order by position desc limit :newest) as newest
) as newest_events
left join (
    select name, count(*) from context_values group by name order by count(*) desc, name limit 1
) as most_values on true;

-- name: load_served_run
-- The run being served, or no row before the first is published. Its index_recall is null if its items are so few that
-- they are searched exactly; compared: whether the promotion gate had enough users to compare it on; rolled_back_by: null if
-- it is served because it was published; newer_run_id: the newest retained run that was made after it; vanished_items: how
-- many items of many lists stood in none of it when it was made, and vanished: the first by id.
select run_id, cut_off_at, promoted_at as served_since,
       case when metrics ->> 'index' = 'hnsw' then (metrics ->> 'index_recall@100')::double precision end as index_recall,
       metrics ? 'ndcg@20' as compared,
       (metrics ->> 'evaluated_users')::integer as evaluated_users,
       (
           select promoted_by from promotions
           where promotions.promotion_no = live_run.promotion_no and how = 'rolled back'
       ) as rolled_back_by,
       (select max(run_id) from model_runs where state = 'published' and run_id > live_run.run_id) as newer_run_id,
       coalesce((metrics ->> 'vanished_items')::integer, 0) as vanished_items,
       metrics #>> '{vanished,0,item_id}' as vanished
from live_run join model_runs using (run_id);

-- name: find_open_night
-- A run that has begun and not ended, if none is newer, and whether somebody holds the nightly lock: without it the
-- process of that run is dead.
select run_id, started_at,
       exists (
           select from pg_locks
           where locktype = 'advisory' and classid = :class_no and objid = :object_no and objsubid = 2 and granted
             and database = (select oid from pg_database where datname = current_database())
       ) as alive
from model_runs
where run_id = (select max(run_id) from model_runs) and state in ('training', 'evaluated');

-- name: find_ended_night
-- The newest run that has ended, or no row.
select run_id, state, finished_at as ended_at, reason
from model_runs
where state not in ('training', 'evaluated')
order by run_id desc
limit 1;

-- name: count_speed_workers
-- Speed workers that are connected. Each has one connection to listen on, but goes on without it: then the others, of
-- which it may have several, show that there is one at least.
select greatest(count(*) filter (where application_name = 'tandem-listener'),
                least(count(*) filter (where application_name = 'tandem-speed'), 1))
from pg_stat_activity
where datname = current_database();

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

-- name: load_waiting_items
-- New items that have no embedding in a run yet, counted up to :most of the changes; since when the first of them waits;
-- and when the last item of a pass through the same changes got its embedding. No item waits for a run that knows no words,
-- or while it stands behind a transaction that is still writing.
with progress as (
    select coalesce(embedded.position, cut_off_position) as position, coalesce(embedded.until, 0) as until,
           coalesce(embedded.item_no, 0) as item_no
    from model_runs left join item_embedding_progress as embedded using (run_id)
    where run_id = :run_id and parameters -> 'words' ->> 'trend' is not null
),
not_embedded as (
    select distinct changes.item_no
    from (
        select item_changes.item_no
        from item_changes cross join progress
        where item_changes.position > progress.position and item_changes.position <= :horizon
          and (item_changes.position > progress.until or item_changes.item_no > progress.item_no)
        order by item_changes.position
        limit :most
    ) as changes
    where not exists (
        select from item_embeddings as made where made.run_id = :run_id and made.item_no = changes.item_no
    )
)
select count(*) as waiting, min(created_at) as waiting_since,
       (
           select embedded_at from item_embeddings join progress using (item_no)
           where item_embeddings.run_id = :run_id and progress.until > progress.position
       ) as last_embedded_at
from not_embedded join items using (item_no);

-- name: load_parts
-- The parts of a run's popular lists: when each was made anew, how long that took, and when the oldest event or deletion
-- came that does not count in it, as far as the log is complete. What is said of items or users changes no popular list.
select parts.part, refreshed_at, coalesce(seconds, 0) as seconds,
       (
           select min(changes.changed_at)
           from (
               (select received_at from interactions
                where position > known.position and position <= :horizon and user_no <> 0 order by position limit 1)
               union all
               (select deleted_at from event_deletions
                where position > known.position and position <= :horizon and user_no <> 0 order by position limit 1)
               union all
               (select forgotten_at from forgotten_users
                where position > known.position and position <= :horizon and user_no <> 0 order by position limit 1)
           ) as changes (changed_at)
       ) as unknown_since
from (values ('ever'), ('lately')) as parts (part)
left join popular_refreshes as made on made.run_id = :run_id and made.part = parts.part
cross join lateral (
    select coalesce(made.position, cut_off_position) as position from model_runs where run_id = :run_id
) as known
order by parts.part;

-- name: find_refresh
-- Whether somebody is making a run's popular lists anew, and since when: null if nobody is, or if whoever asks may not
-- see it, as without pg_read_all_stats of another role's session.
select count(*) > 0 as refreshing, min(xact_start) as since
from pg_locks join pg_stat_activity using (pid)
where locktype = 'advisory' and classid = :class_no and objid = :object_no and objsubid = 2 and granted
  and database = (select oid from pg_database where datname = current_database());
