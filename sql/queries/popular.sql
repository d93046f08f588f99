-- Popular lists: made by the night and kept fresh by the speed worker, read by the serving layer. What is in them is said
-- at the functions lately_liked and ever_liked.

-- name: store_popular_parameters
-- Notes in the row of a run how its lists are made, for whoever makes them again.
update model_runs
set parameters = parameters || jsonb_build_object('popular', cast(:popular as jsonb))
where run_id = :run_id;

-- name: refresh_popular_items
-- Makes a part of a run's lists anew from the log; false if the run is no longer kept. Harmless twice.
select refresh_popular_items(:run_id, :part);

-- name: store_well_known
-- Keeps the popular lists as they are now under another name: whoever chooses from them finds them the same as long as
-- the run is served.
insert into popular_items (run_id, list, category, item_nos, scores)
select run_id, 'well_known', category, item_nos, scores
from popular_items
where run_id = :run_id and list = 'popular'
on conflict (run_id, list, category) do update
set item_nos = excluded.item_nos, scores = excluded.scores;

-- name: count_popular_lists
select count(*) from popular_items where run_id = :run_id;

-- name: find_due_part
-- The part of a run's lists that lags behind the log, has rested for :seconds, and for :rests times what it took the last
-- time. The list of all time comes first, as a thin popular list is taken from it. What the canary does is no reason.
select parts.part
from (values ('ever'), ('lately')) as parts (part)
left join popular_refreshes on popular_refreshes.run_id = :run_id and popular_refreshes.part = parts.part
cross join lateral (select coalesce(popular_refreshes.position, -1) as position) as known
where known.position < (select case when is_called then last_value else 0 end from interaction_positions)
  and (known.position < 0
       or exists (select from user_changes where user_changes.position > known.position and user_no <> 0)
       or exists (select from forgotten_users where forgotten_users.position > known.position and user_no <> 0)
       or exists (select from catalogue_changes where catalogue_changes.position > known.position))
  and (refreshed_at is null
       or refreshed_at + make_interval(secs => greatest(:seconds, :rests * seconds)) <= clock_timestamp())
order by parts.part
limit 1;

-- name: load_well_known
-- The well-known items of a run with the taste and sequence parts of their vectors, the best known first. Of a category
-- that has come since the run was published: the popular ones.
with known as (
    select item_nos
    from popular_items
    where run_id = :run_id and list in ('well_known', 'popular') and category = :category
    order by list = 'popular'
    limit 1
)
select item_no, subvector(embedding, 1, coalesce(own.dimensions, vector_dims(embedding))) as embedding
from known
cross join lateral unnest(item_nos) with ordinality as listed (item_no, ordinal)
join item_embeddings using (item_no)
cross join (
    select cast(parameters -> 'live_vector' ->> 'taste_dimensions' as integer)
           + cast(parameters -> 'live_vector' ->> 'sequence_dimensions' as integer) as dimensions
    from model_runs where run_id = :run_id
) as own
where item_embeddings.run_id = :run_id
order by ordinal
limit :items;
