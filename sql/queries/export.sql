-- What goes out of the store, in columns that loading reads where it can. The statements run through ADBC: they take no
-- parameters. It knows the types json and uuid; uuids are texts here.

-- name: begin_export
-- One snapshot for all statements of the transaction that this begins.
set transaction isolation level repeatable read, read only;

-- name: hold_partitions
-- Before the snapshot is taken: a partition of the log that a load exchanges after that would seem to have no rows.
lock table interactions in access share mode;

-- name: name_export_connection
-- By this name others see the connection.
set application_name = 'tandem-export';

-- name: export_events
-- The log in its order. The scale of a rating is the one it came on, or else that of its kind; null for other events. Digits
-- alone, as in 1:10: a double as text may have an exponent, which no scale is written with.
select cast(event_id as text) as event_id, user_id, item_id, kind, value,
       cast(cast(cast(scale.least as text) as numeric) as text) || ':'
           || cast(cast(cast(scale.greatest as text) as numeric) as text) as scale,
       occurred_at, cast(recommendation_id as text) as recommendation_id, context
from interactions
join users using (user_no)
join items using (item_no)
join event_kinds using (kind_no)
left join rating_scales using (scale_no)
left join contexts using (context_no)
cross join lateral (
    select coalesce(rating_scales.least, case when value_reference is null then smallest_value end) as least,
           coalesce(rating_scales.greatest, case when value_reference is null then greatest_value end) as greatest
) as scale
where user_no <> 0
order by position;

-- name: export_items
-- The catalogue, the oldest items first.
select item_id, title, categories, description, attributes, available
from items
order by item_no;

-- name: find_unjoinable_item
-- An item with a category that is two when categories are joined with |.
select item_id
from items
where array_to_string(categories, '') like '%|%'
order by item_no
limit 1;

-- name: export_users
-- All users, the oldest first, and what they have said that they like; null if they never said anything.
select user_id, attributes, words as interest_words,
       case when item_nos is not null then array(
           select item_id from unnest(item_nos) with ordinality as preferred (item_no, ordinal) join items using (item_no)
           order by ordinal
       ) end as interest_items,
       declared_at
from users left join user_interests using (user_no)
where user_no <> 0
order by user_no;

-- name: export_recommendations
-- The lists of the run being served, one row a user and item.
select users.user_id, cast(listed.rank as integer) as rank, items.item_id, listed.score, run_id as run
from live_run
join batch_recommendations as lists using (run_id)
join users using (user_no)
cross join lateral unnest(lists.item_nos, lists.scores) with ordinality as listed (item_no, score, rank)
join items on items.item_no = listed.item_no
order by user_no, listed.rank;

-- name: load_view_exports
-- The views of the schema analytics by name, each with the statement that reads it.
select cast(table_name as text) as name,
       format('select %s from analytics.%I', string_agg(
           case when data_type = 'uuid' then format('cast(%1$I as text) as %1$I', column_name)
                else format('%I', column_name) end, ', ' order by ordinal_position), table_name) as statement
from information_schema.columns
where table_schema = 'analytics'
group by table_name
order by table_name;
