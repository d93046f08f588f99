-- What a request may ask of items beside their being available: the one SQL form of the conditions in
-- serving/candidates/filters.py, on the columns of `items`. Every layer's statements may use these parts. A condition
-- stands in one of the two: in `wanted` if it may leave but a part of the catalogue, in `unwanted` if it takes out a
-- part of it, so that in both cases the smaller part is the one that is listed.

-- part: shown
-- What makes an item one that may be shown to anybody now.
available and coalesce(publish_at <= now(), true) and coalesce(expire_at > now(), true)

-- part: not_shown
-- All other items, a few: each kind has an index.
select item_no from items where not available
union all
select item_no from items where publish_at > now()
union all
select item_no from items where expire_at <= now()

-- part: wanted
-- Each condition is true where it is not asked (null). A filter in the language of `filter` is a predicate of jsonpath on
-- the attributes; other columns are its variables, and are put together only if it asks for them.
(cast(:in_categories as text[]) is null or categories && cast(:in_categories as text[]))
and (cast(:among_item_ids as text[]) is null or items.item_id = any(cast(:among_item_ids as text[])))
and (cast(:item_path as jsonpath) is null or coalesce(jsonb_path_match_tz(
    items.attributes,
    cast(:item_path as jsonpath),
    case when cast(:asks_fields as boolean)
         then jsonb_build_object('category', items.categories, 'item_id', items.item_id, 'title', items.title,
                                 'created_at', items.created_at)
         else '{}' end,
    true), false))

-- part: few
-- For statements about items that ask for less than they would look at otherwise, as `with`: the only items that can pass
-- the filter, by the indexes of declared attributes. Null: it asks nothing of these, or they are more than 5,000; all items
-- are to be looked at then. The conditions of the request hold in both cases, or else what changed since would pass.
few as materialized (
    select items_within(cast(:item_bounds as jsonb), 5000) as item_nos
)

-- part: passing
-- For statements that rank all that passes, as `with`: what passes, found at once, and `few` as above: also what few of all
-- items are found to pass. One array, which several workers can put together.
declared as materialized (
    select items_within(cast(:item_bounds as jsonb), 5000) as item_nos
),
passing as materialized (
    select coalesce(array_agg(item_no), '{}') as item_nos
    from items
    where (select item_nos is null from declared)
      and
    {wanted}
),
few as materialized (
    select case when declared.item_nos is not null then declared.item_nos
                when cardinality(passing.item_nos) <= 5000 then passing.item_nos end as item_nos
    from declared cross join passing
)

-- part: unwanted
-- Each condition is false, and never null, where it is not asked.
(categories && cast(:not_in_categories as text[])
 or items.item_id = any(cast(:other_than_item_ids as text[])))

-- part: not_shown_or_unwanted
{not_shown}
union all
select item_no from items
where {unwanted}

-- part: not_eligible
-- For `not in`: what is excluded, may not be shown, or is unwanted.
select unnest(cast(:excluded as integer[]))
union all
{not_shown_or_unwanted}

-- part: passes
{wanted}
and not (
    {unwanted}
)
