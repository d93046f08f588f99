-- Preferences: what users want more or less of, and the items that this concerns.

-- name: put_preference
-- Stores a preference of a user, who is made if there is none; see the function. Harmless twice.
select user_no, created_at from put_preference(:user_id, cast(:preference as jsonb), :most);

-- name: list_preferences
-- The preferences of a user, the newest first. An item that is not there any more has no id.
select preference_id, direction, item_id, category, attribute, value, preferences.created_at
from users
join preferences using (user_no)
left join items using (item_no)
where user_id = :user_id
order by preferences.created_at desc, preference_id;

-- name: delete_preferences
-- Takes preferences of a user back: one, or (null) all; whose they were and how many. No row: there is no such user.
-- Harmless twice.
with
asked as (select user_no from users where user_id = :user_id),
gone as (
    delete from preferences
    using asked
    where preferences.user_no = asked.user_no
      and (cast(:preference_id as text) is null or preference_id = :preference_id)
    returning 1
)
select user_no, (select count(*) from gone) as deleted from asked;

-- part: of_it
-- Items of the category, or those that have the value of the attribute: it is the value, or in its list. The words of an item
-- hold its texts, which an index finds.
(
    select item_no from items where categories @> array[wanted.category]
    union all
    select item_no from items
    where jsonb_typeof(wanted.value) = 'string' and attributes -> wanted.attribute @> wanted.value
      and words @@ term_query(left(folded(wanted.attribute) || ':' || folded(wanted.value #>> '{}'), 200))
    union all
    select item_no from items
    where jsonb_typeof(wanted.value) <> 'string' and attributes -> wanted.attribute @> wanted.value
) as of_it

-- name: is_in_catalogue
-- Whether any item is of a category, or has a value of an attribute; the other is null.
select exists (
    select
    from (
        select cast(:category as text) as category, cast(:attribute as text) as attribute, cast(:value as jsonb) as value
    ) as wanted
    cross join lateral {of_it}
    join items using (item_no)
    where deleted_at is null
);

-- part: given_preferences
-- Preferences as they are given, each with its place among them.
jsonb_to_recordset(cast(:preferences as jsonb))
    as wanted (place integer, item_no integer, category text, attribute text, value jsonb)

-- part: preferred_columns
-- Items as columns in JSON, the nearest first.
cast(json_agg(item_no order by distance, item_no) as text) as item_nos,
cast(json_agg(item_id order by distance, item_no) as text) as item_ids,
cast(json_agg(title order by distance, item_no) as text) as titles,
cast(json_agg(categories order by distance, item_no) as text) as categories

-- part: may_be_brought
-- Of the run's items, those that are eligible and pass the filters.
run_id = :run_id
and item_no not in (
    {not_eligible}
)
and (not :is_filtered or item_no in (
    select item_no from items
    where {wanted}
))

-- name: load_preferred
-- Of each of the preferences given the eligible items that come nearest to it, :each at the most, the best for the user
-- first: by the live vector, or for a user who has none (null) by how many like them. To a preferred item the most similar
-- ones come nearest.
select place, {preferred_columns}
from (
    select wanted.place, nearest.item_no, item_id, title, categories, distance
    from {given_preferences}
    cross join lateral (
        select of_it.item_no, item_id, title, categories,
               case when cast(:embedding as vector) is null then -users else embedding <#> cast(:embedding as vector) end
                   as distance
        from {of_it}
        join items on items.item_no = of_it.item_no
        join item_embeddings on run_id = :run_id and item_embeddings.item_no = of_it.item_no
        where items.item_no <> all(cast(:excluded as integer[]))
          and {shown}
          and {passes}
        order by distance, of_it.item_no
        limit :each
    ) as nearest
    union all
    select wanted.place, items.item_no, item_id, title, categories, distance
    from {given_preferences}
    join item_similarity_embeddings as preferred on preferred.run_id = :run_id and preferred.item_no = wanted.item_no
    cross join lateral (
        select item_no, similarity_embedding <#> preferred.similarity_embedding as distance
        from item_similarity_embeddings
        where {may_be_brought}
        order by distance, item_no
        limit :each
    ) as nearest
    join items on items.item_no = nearest.item_no
) as found
group by place;

-- name: load_others
-- The eligible items nearest to a live vector, :each at the most, that are of none of the categories and have none of the
-- values given. As columns in JSON, the nearest first.
select {preferred_columns}
from (
    select item_no, embedding <#> cast(:embedding as vector) as distance
    from item_embeddings
    where {may_be_brought}
      and item_no not in (
          select of_it.item_no
          from {given_preferences}
          cross join lateral {of_it}
      )
    order by distance, item_no
    limit :each
) as nearest
join items using (item_no)
having count(*) > 0;

-- name: load_matches
-- How much each of the preferences given concerns some items, at most 1, where it does: as similar as an item is to the
-- preferred one, and 1 of a category or a value. As columns in JSON.
select cast(json_agg(place) as text) as places, cast(json_agg(item_no) as text) as item_nos,
       cast(json_agg(least(match, 1)) as text) as matches
from (
    select place, items.item_no, cast(1 as real) as match
    from {given_preferences}
    join items on items.item_no = any(cast(:item_nos as integer[]))
    where categories @> array[wanted.category]
       or attributes -> wanted.attribute @> wanted.value
       or items.item_no = wanted.item_no
    union all
    select place, compared.item_no, -(compared.similarity_embedding <#> preferred.similarity_embedding)
    from {given_preferences}
    join item_similarity_embeddings as preferred on preferred.run_id = :run_id and preferred.item_no = wanted.item_no
    join item_similarity_embeddings as compared
        on compared.run_id = :run_id and compared.item_no = any(cast(:item_nos as integer[]))
    where compared.item_no <> wanted.item_no
) as matching
where match > 0;
