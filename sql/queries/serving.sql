-- The serving layer. Statements about a run hold the lock on its parent table while they run, so a run
-- cannot be dropped in the middle of one; whoever finds nothing asks whether the run is still there.

-- name: find_live_run
-- The run being served, or no row before the first one is published; of an index, its measured recall and the length
-- of the vectors in it.
select run_id, cut_off_at,
       case when metrics ->> 'index' = 'hnsw' then (metrics ->> 'index_recall@100')::double precision end as index_recall,
       (parameters -> 'live_vector' ->> 'taste_dimensions')::integer
           + (parameters -> 'live_vector' ->> 'sequence_dimensions')::integer + 2 as dimensions
from live_run join model_runs using (run_id);

-- name: run_has_partitions
-- Whether a run's lists and vectors are (still) there.
select to_regclass('popular_items_' || cast(cast(:run_id as integer) as text)) is not null;

-- name: find_user_no
select user_no from users where user_id = :user_id;

-- name: load_user_state
-- All that a run and the log know of one user, and whether the run is still there. Excluded are items
-- the user spoke against, and with :exclude_seen those that count as seen. The log is read beyond the
-- event horizon on purpose: nothing is remembered from it, and a user's own event must count at once.
select to_regclass('user_embeddings_' || cast(cast(:run_id as integer) as text)) is not null as has_partitions,
       lists.item_nos,
       lists.scores,
       live.embedding,
       live.position,
       coalesce(live.events_since_cut_off, 0) as events_since_cut_off,
       array(
           select distinct item_no
           from interactions join event_kinds using (kind_no)
           where user_no = :user_no and (strength < 0 or (marks_seen and cast(:exclude_seen as boolean)))
       ) as excluded
from (values (1)) as one (row)
left join batch_recommendations as lists on lists.run_id = :run_id and lists.user_no = :user_no
left join user_embeddings as live on live.run_id = :run_id and live.user_no = :user_no;

-- name: load_candidates
-- The eligible items nearest to a live vector by exact inner product, with their scores, and those of
-- the batch list that are eligible, without. A null vector gives the batch list alone.
select items.item_no, item_id, title, -distance as score
from (
    select item_no, embedding <#> cast(:embedding as vector) as distance
    from item_embeddings
    where run_id = :run_id and cast(:embedding as vector) is not null
      -- A subquery is hashed whatever its size; an array that is a parameter would be searched row by row.
      and item_no not in (
          select unnest(cast(:excluded as integer[]))
          union all
          select item_no from items where not available
      )
    order by distance, item_no
    limit :candidates
) as nearest
join items using (item_no)
union all
select item_no, item_id, title, null
from items
where item_no = any(cast(:batch_item_nos as integer[])) and available
  and item_no <> all(cast(:excluded as integer[]));

-- name: load_candidates_by_index
-- The same through the index: :run_id and :dimensions are written into the text, as the index is one of the run's own
-- partition over vectors of one length. To be preceded by prepare_index_search in its transaction. The items come
-- roughly in order, and there may be too few of them when the index gives up.
select items.item_no, item_id, title, -distance as score
from (
    select item_no, embedding::vector(:dimensions) <#> cast(:embedding as vector) as distance
    from item_embeddings
    where run_id = :run_id
      and item_no not in (
          select unnest(cast(:excluded as integer[]))
          union all
          select item_no from items where not available
      )
    order by distance
    limit :candidates
) as nearest
join items using (item_no)
union all
select item_no, item_id, title, null
from items
where item_no = any(cast(:batch_item_nos as integer[])) and available
  and item_no <> all(cast(:excluded as integer[]));

-- name: load_popular
-- The eligible part of a run's popular list, best first; the category '' is the whole catalogue.
select items.item_no, item_id, title, listed.score
from popular_items
cross join lateral unnest(item_nos, scores) with ordinality as listed (item_no, score, place)
join items on items.item_no = listed.item_no
where run_id = :run_id and list = 'popular' and category = :category and available
  and items.item_no <> all(cast(:excluded as integer[]))
order by place
limit :items;

-- name: load_popular_of_log
-- Before the first run: the eligible items with the most interactions among the newest of the log.
select items.item_no, item_id, title, cast(counted.interactions as real) as score
from (
    select item_no, count(*) as interactions
    from (select item_no, kind_no from interactions order by position desc limit :events) as newest
    join event_kinds using (kind_no)
    where strength > 0
    group by item_no
) as counted
join items using (item_no)
where available and item_no <> all(cast(:excluded as integer[]))
  and (cast(:category as text) = '' or categories @> array[cast(:category as text)])
order by interactions desc, item_no
limit :items;

-- name: load_any_items
-- Eligible items whatever is known of them, the newest of the catalogue first.
select item_no, item_id, title, cast(0 as real) as score
from items
where available and item_no <> all(cast(:excluded as integer[]))
  and (cast(:category as text) = '' or categories @> array[cast(:category as text)])
order by item_no desc
limit :items;

-- name: find_item_nos
-- The numbers of those of :item_ids that exist.
select item_id, item_no from items where item_id = any(cast(:item_ids as text[]));

-- name: load_names
-- What items are called.
select item_no, item_id, title from items where item_no = any(cast(:item_nos as integer[]));

-- name: find_item
select item_id, title, categories, description, attributes, available, created_at, updated_at
from items where item_id = :item_id;

-- name: store_item
-- Creates an item or replaces all that is said of it; tells which, and whether it was available before.
insert into items (item_id, title, categories, description, attributes, available)
values (:item_id, :title, cast(:categories as text[]), :description, cast(:attributes as jsonb), :available)
on conflict (item_id) do update
set title = excluded.title, categories = excluded.categories, description = excluded.description,
    attributes = excluded.attributes, available = excluded.available, updated_at = now()
returning old.item_no is null as created, coalesce(old.available, false) as was_available,
    new.item_id, new.title, new.categories, new.description, new.attributes, new.available,
    new.created_at, new.updated_at;

-- name: find_key
-- A key that is not revoked.
select key_id, scopes from api_keys where key_hash = :key_hash and revoked_at is null;
