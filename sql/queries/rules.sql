-- Rules: which items each is about. A process keeps the numbers, so that no list asks for them.

-- part: selections
-- Given as JSON: one of item_ids, category and path (of a filter; asks_fields: whether it asks for more than attributes).
jsonb_to_recordset(cast(:selections as jsonb)) as selection (
    place integer, item_ids text[], category text, path jsonpath, asks_fields boolean)

-- part: item_passes
coalesce(jsonb_path_match_tz(
    items.attributes,
    selection.path,
    case when selection.asks_fields
         then jsonb_build_object('category', items.categories, 'item_id', items.item_id, 'title', items.title,
                                 'created_at', items.created_at)
         else '{}' end,
    true), false)

-- part: values_of_item
-- The values of one attribute, those of a list one by one, as numbers that are equal for equal values.
select hashtextextended(value, 0) as value
from unnest(items.categories) as named (value)
where attribute.name = 'category'
union
select hashtextextended(cast(value as text), 0)
from jsonb_path_query(items.attributes -> attribute.name, '$[*] ? (@.type() != "null" && @.type() != "object")') as held (value)
where attribute.name <> 'category'

-- name: load_rule_items
-- The available items of each of :selections: those with ids as they were named, others in the order of their numbers.
select selection.place,
       case when selection.item_ids is not null then array(
                select items.item_no
                from unnest(selection.item_ids) with ordinality as named (item_id, ordinal)
                join items on items.item_id = named.item_id
                where available
                order by ordinal)
            when selection.category is not null then array(
                select item_no from items
                where categories && array[selection.category] and available
                order by item_no)
            else array(
                select item_no from items
                where available
                  and
                {item_passes}
                order by item_no) end as item_nos
from
{selections}
order by place;

-- name: load_rule_items_among
-- Those of :item_nos that are among the available items of each of :selections, which have no ids.
select selection.place, array_agg(items.item_no order by items.item_no) as item_nos
from items
cross join
{selections}
where items.item_no = any(cast(:item_nos as integer[]))
  and items.available
  and case when selection.category is not null then items.categories && array[selection.category]
           else
           {item_passes}
           end
group by selection.place
order by selection.place;

-- name: load_rule_values
-- The values that available items have of each of :attributes, as numbers. Of all items, or of :item_nos.
select attribute.name,
       array_agg(items.item_no order by items.item_no, held.value) as item_nos,
       array_agg(held.value order by items.item_no, held.value) as item_values
from unnest(cast(:attributes as text[])) as attribute (name)
cross join items
cross join lateral (
    {values_of_item}
) as held
where items.available
  and (cast(:item_nos as integer[]) is null or items.item_no = any(cast(:item_nos as integer[])))
group by attribute.name
order by attribute.name;

-- name: count_users_passing
-- How many users have attributes that pass a filter.
select count(*) as users
from users
where coalesce(jsonb_path_match_tz(attributes, cast(:path as jsonpath), '{}', true), false);
