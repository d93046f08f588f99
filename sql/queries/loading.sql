-- Bulk loading. Chunks are staged in temporary tables, which empty themselves at the end of each transaction.
-- The statements run through ADBC: they take no parameters.

-- name: create_staged_events
create temporary table staged_events (
    place integer, event_id uuid, user_id text, item_id text, kind_no smallint, value real, occurred_at timestamptz
) on commit delete rows;

-- name: create_staged_items
create temporary table staged_items (
    place integer, item_id text, title text, categories text[], description text, attributes text, available boolean
) on commit delete rows;

-- name: find_unknown_items
-- Staged events whose item is not in the catalogue.
select place
from staged_events
where not exists (select from items where items.item_id = staged_events.item_id)
order by place;

-- name: create_missing_items
-- Items titled by their id for the staged events that have none; answers how many.
with made as (
    insert into items (item_id, title)
    select distinct item_id, item_id
    from staged_events
    where not exists (select from items where items.item_id = staged_events.item_id)
    order by item_id
    on conflict do nothing
    returning item_no
)
select count(*) from made;

-- name: store_staged_events
-- Stores the staged events of known items through record_events; of several with one id the first in the file counts.
-- Answers how many were new and how many were there already.
select recorded.accepted, recorded.duplicates
from (
    select array_agg(event_id order by place) as event_ids,
           array_agg(user_id order by place) as user_ids,
           array_agg(item_no order by place) as item_nos,
           array_agg(kind_no order by place) as kind_nos,
           array_agg(value order by place) as event_values,
           array_agg(occurred_at order by place) as occurred_ats,
           array_agg(cast(null as uuid) order by place) as recommendation_ids
    from staged_events join items using (item_id)
    having count(*) > 0
) as staged
cross join lateral record_events(
    staged.event_ids, staged.user_ids, staged.item_nos, staged.kind_nos, staged.event_values,
    staged.occurred_ats, staged.recommendation_ids) as recorded;

-- name: store_staged_items
-- Stores the staged items: of several with one id the last; what the file does not say (null) stays as it is; an
-- equal item is not touched. Answers how many were new, how many changed and how many were staged.
with given as (
    select distinct on (item_id) *
    from staged_items
    order by item_id, place desc
),
stored as (
    insert into items as stored (item_id, title, categories, description, attributes, available)
    select given.item_id,
           given.title,
           coalesce(given.categories, items.categories, '{}'),
           coalesce(given.description, items.description, ''),
           coalesce(cast(given.attributes as jsonb), items.attributes, '{}'),
           coalesce(given.available, items.available, true)
    from given left join items using (item_id)
    order by given.item_id
    on conflict (item_id) do update
    set title = excluded.title, categories = excluded.categories, description = excluded.description,
        attributes = excluded.attributes, available = excluded.available, updated_at = now()
    where (stored.title, stored.categories, stored.description, stored.attributes, stored.available)
        is distinct from (excluded.title, excluded.categories, excluded.description, excluded.attributes, excluded.available)
    returning xmax = 0 as is_new
)
select count(*) filter (where is_new), count(*) filter (where not is_new), (select count(*) from staged_items)
from stored;
