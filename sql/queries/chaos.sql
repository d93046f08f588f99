-- What the checker of the chaos benchmark asks: its own statements, so that a fault in those of the layers shows.

-- name: store_items
-- A synthetic catalogue: items in taste groups.
insert into items (item_id, title, categories)
select 'item-' || n, 'Item ' || n, array['group-' || n % cast(:groups as integer)]
from generate_series(0, cast(:items as integer) - 1) as n
order by n;

-- name: load_item_nos
select item_id, item_no from items order by item_no;

-- name: load_runs
-- Every run that was ever begun, and which is served.
select run_id, state, cut_off_at, cut_off_position, run_id in (select run_id from live_run) as live,
       to_regclass('batch_recommendations_' || run_id) is not null as retained
from model_runs
order by run_id;

-- name: load_lists
-- The batch lists of a run, by the user's own id.
select user_id, item_nos, scores
from batch_recommendations join users using (user_no)
where run_id = :run_id;

-- name: load_popular
select item_nos, scores from popular_items where run_id = :run_id and list = 'popular' and category = '';

-- name: load_vectors
select item_no, embedding, source, taste_scale, confidence_scale
from item_embeddings where run_id = :run_id order by item_no;

-- name: load_space
select parameters -> 'live_vector' as parameters, gramian from model_runs where run_id = :run_id;

-- name: load_kinds
select kind_no, kind, strength, marks_seen, value_reference, half_life_days from event_kinds order by kind_no;

-- name: load_log
-- The whole log.
select event_id, position, user_no, user_id, item_no, kind_no, value, occurred_at
from interactions left join users using (user_no)
order by position;

-- name: load_duplicates
-- Event ids that stand in the log more than once.
select event_id, count(*) as times from interactions group by event_id having count(*) > 1;

-- name: load_live_vectors
-- The live vectors of the served run.
select user_id, embedding, events_since_cut_off, position
from live_run join user_embeddings using (run_id) join users using (user_no);

-- name: find_unfolded
-- How many shards of the served run the speed workers still have to bring to the end of the log.
select count(*)
from live_run join speed_progress using (run_id)
where position < (select coalesce(max(position), 0) from interactions);
