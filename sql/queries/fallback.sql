-- What a process keeps as its fallback for when PostgreSQL is away: read by each of them every few seconds, so each
-- statement is bounded by the number it is given, or by the number of categories if these are more. Only what is
-- available counts. Numbers and texts come as JSON in one column, which is read far faster than many rows.

-- name: load_first_of_categories
-- The first items of each category's popular list of a run, those that are of it now: :items numbers of all lists, and one
-- of each at the least. Of the list of the whole catalogue, whose category is '', the first :of_all. The lists whose first
-- item is liked most come first.
select cast(json_agg(json_build_array(category, item_nos, scores) order by best desc, category) as text) as lists
from (
    select category, max(score) as best, json_agg(item_no order by ordinal) as item_nos,
           json_agg(score order by ordinal) as scores
    from (
        select category, item_nos, scores,
               case when category = '' then cast(:of_all as bigint)
                    else greatest(:items / count(*) over (), 1) end as each
        from popular_items
        where run_id = :run_id and list = 'popular'
    ) as lists
    cross join lateral unnest(item_nos[1:each], scores[1:each]) with ordinality as listed (item_no, score, ordinal)
    -- `offset 0`: looked up one by one, however few items there are.
    cross join lateral (
        select from items
        where items.item_no = listed.item_no
          and {shown}
          and (category = '' or categories @> array[category])
        offset 0
    ) as eligible
    group by category
) as first;

-- name: load_catalogue_page
-- Of the :items newest items below the number :before, how many there are, the number of the oldest, and the newest :each of
-- each category, the newest first; '' is the category of those that have none, or have null among theirs.
with page as materialized (
    select item_no, categories
    from items
    where item_no < :before
      and {shown}
    order by item_no desc
    limit :items
)
select (select count(*) from page) as items,
       (select min(item_no) from page) as oldest,
       (select cast(json_object_agg(category, item_nos order by category) as text)
        from (
            select category, (array_agg(item_no order by item_no desc))[1:cast(:each as integer)] as item_nos
            from page
            -- Sorting by the letters of a language would take most of the time.
            cross join lateral (
                select coalesce(category, '') collate "C" as category
                from unnest(case when categories = '{}' then array[''] else categories end) as own (category)
            ) as own
            group by category
        ) as by_category) as newest;

-- name: load_documents
-- What filters may ask of those of :item_nos that may be shown; null for attributes of more than :most_bytes.
select cast(json_agg(json_build_array(
           item_no, case when pg_column_size(attributes) <= :most_bytes then attributes end, item_id, title,
           array_remove(categories, null), to_json(created_at))) as text) as documents
from items
where item_no = any(cast(:item_nos as integer[]))
  and {shown};

-- name: load_fallback_items
-- What is known of those of :item_nos that may be shown.
select cast(json_agg(json_build_array(item_no, item_id, title, array_remove(categories, null))) as text) as items
from items
where item_no = any(cast(:item_nos as integer[]))
  and {shown};

-- name: load_expiries
-- When those of :item_nos expire that do, in seconds since 1970.
select cast(json_object_agg(item_no, extract(epoch from expire_at)) as text) as expiries
from items
where item_no = any(cast(:item_nos as integer[])) and expire_at is not null;
