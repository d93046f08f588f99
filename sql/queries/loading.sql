-- Bulk loading. Chunks are staged in temporary tables, which empty themselves at the end of each transaction.
-- The statements run through ADBC: they take no parameters.

-- name: create_staged_events
create temporary table staged_events (
    row_index integer, event_id uuid, user_id text, item_id text, kind_no smallint, value real, strength real,
    scale_least double precision, scale_greatest double precision, occurred_at timestamptz, time_given boolean
) on commit delete rows;

-- name: create_staged_items
create temporary table staged_items (
    row_index integer, item_id text, title text, categories text[], description text, attributes text, available boolean
) on commit delete rows;

-- name: find_unknown_items
-- Staged events whose item is not in the catalogue.
select row_index
from staged_events
where not exists (select from items where items.item_id = staged_events.item_id)
order by row_index;

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

-- name: add_staged_scales
-- Scales that the staged events name and nobody named before; answers how many scales they name have no number, as there
-- are as many as there may be.
select cardinality(leasts) - (select count(*) from add_rating_scales(leasts, greatests))
from (
    select coalesce(array_agg(scale_least), '{}') as leasts, coalesce(array_agg(scale_greatest), '{}') as greatests
    from (select distinct scale_least, scale_greatest from staged_events where scale_least is not null) as named
) as staged;

-- name: store_staged_events
-- Stores the staged events of known items through record_events; of several with one id the first in the file counts.
-- Answers how many were new, how many were there already, and which of these say something else than what is there.
select recorded.accepted, recorded.duplicates,
       array(select staged.row_indexes[index + 1] from unnest(recorded.conflict_indexes) as index order by index) as conflicts
from (
    select array_agg(row_index order by row_index) as row_indexes,
           array_agg(event_id order by row_index) as event_ids,
           array_agg(user_id order by row_index) as user_ids,
           array_agg(item_no order by row_index) as item_nos,
           array_agg(kind_no order by row_index) as kind_nos,
           array_agg(value order by row_index) as event_values,
           array_agg(scale_no order by row_index) as scale_nos,
           array_agg(strength order by row_index) as strengths,
           array_agg(occurred_at order by row_index) as occurred_ats,
           array_agg(cast(null as uuid) order by row_index) as recommendation_ids,
           array_agg(time_given order by row_index) as times_given
    from staged_events
    join items using (item_id)
    left join rating_scales on (least, greatest) = (scale_least, scale_greatest)
    having count(*) > 0
) as staged
cross join lateral record_events(
    staged.event_ids, staged.user_ids, staged.item_nos, staged.kind_nos, staged.event_values,
    staged.scale_nos, staged.strengths, staged.occurred_ats, staged.recommendation_ids, staged.times_given,
    all_or_none => false) as recorded;

-- name: add_staged_items
-- Stores those staged items that the catalogue lacks: of several with one id the last. Answers how many were new. Items are
-- added and replaced in transactions of their own, so that nobody waits for somebody who waits for him.
with made as (
    insert into items (item_id, title, categories, description, attributes, available)
    select item_id, title, coalesce(categories, '{}'), coalesce(description, ''),
           coalesce(cast(attributes as jsonb), '{}'), coalesce(available, true)
    from (select distinct on (item_id) * from staged_items order by item_id, row_index desc) as given
    where not exists (select from items where items.item_id = given.item_id)
    order by item_id
    on conflict (item_id) do nothing
    returning 1
)
select count(*) from made;

-- name: replace_staged_items
-- Replaces the items of the catalogue that were staged, of several with one id by the last: what the file does not say
-- (null) stays as it is; an equal item is not touched. Answers how many changed.
with held as materialized (
    select item_no, items.item_id
    from items
    where item_id in (select item_id from staged_items)
    order by item_id
    for no key update
),
changed as (
    update items as stored
    set title = given.title,
        categories = coalesce(given.categories, stored.categories),
        description = coalesce(given.description, stored.description),
        attributes = coalesce(cast(given.attributes as jsonb), stored.attributes),
        available = coalesce(given.available, stored.available),
        updated_at = now()
    from held join (select distinct on (item_id) * from staged_items order by item_id, row_index desc) as given using (item_id)
    where stored.item_no = held.item_no
      and (stored.title, stored.categories, stored.description, stored.attributes, stored.available)
          is distinct from (given.title, coalesce(given.categories, stored.categories),
                            coalesce(given.description, stored.description),
                            coalesce(cast(given.attributes as jsonb), stored.attributes),
                            coalesce(given.available, stored.available))
    returning 1
)
select count(*) from changed;
