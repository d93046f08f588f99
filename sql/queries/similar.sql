-- Items that are similar to others. As everywhere, whoever finds nothing of a run asks whether it is still there.

-- name: load_seeds
-- Some items by their ids with their similarity embeddings in a run; of one that has none in it yet that of its words, and
-- null if the run knows none of them.
select items.item_no, items.item_id, embedded.similarity_embedding is not null as is_embedded,
       coalesce(embedded.similarity_embedding, similarity_embedding_of_words(:run_id, items.words)) as similarity_embedding
from items
left join item_similarity_embeddings as embedded on embedded.run_id = :run_id and embedded.item_no = items.item_no
where item_id = any(cast(:item_ids as text[]));

-- part: nearest_columns
-- How much of a similarity comes from each of its two halves: what is used by the same people, and what reads similarly.
items.item_no, item_id, title, -distance as score,
inner_product(subvector(similarity_embedding, 1, vector_dims(similarity_embedding) / 2),
              subvector(cast(:similarity_embedding as vector), 1, vector_dims(similarity_embedding) / 2)) as used_by_same_people

-- part: may_be_nearest
-- Of the run's items, those that may be shown and are neither excluded nor unwanted, having :binding and not :unwanted
-- (null: nothing); what a filter wants is asked besides, by `passing`.
run_id = :run_id
and item_no not in (
    {not_eligible}
    union all
    select item_no from items where words @@ cast(:unwanted as tsquery)
)
and (cast(:binding as tsquery) is null
     or item_no in (select item_no from items where words @@ cast(:binding as tsquery)))

-- name: load_nearest
-- The eligible items nearest to a similarity embedding; of the :nearest those that have not :unwanted_among (null: all).
select {nearest_columns}
from (
    select item_no, similarity_embedding, similarity_embedding <#> cast(:similarity_embedding as vector) as distance
    from item_similarity_embeddings
    where {may_be_nearest}
    order by distance, item_no
    limit :nearest
) as nearest
join items using (item_no)
where not coalesce(words @@ cast(:unwanted_among as tsquery), false)
order by distance, item_no
limit :items;

-- name: load_nearest_within
-- The same for a filter that may leave few items: these are compared and no others.
with {passing}
select {nearest_columns}
from (
    select item_no, similarity_embedding, similarity_embedding <#> cast(:similarity_embedding as vector) as distance
    from (
        select item_no, similarity_embedding
        from item_similarity_embeddings
        where (select item_nos is null from few)
          -- Not as a join: nobody can tell the planner how many these are.
          and (item_no in (select unnest(item_nos) from passing)) is true
          and {may_be_nearest}
        union all
        select items.item_no, similarity_embedding
        from items
        join item_similarity_embeddings as embedded on run_id = :run_id and embedded.item_no = items.item_no
        where items.item_no = any(cast((select item_nos from few) as integer[]))
          and items.item_no not in (select unnest(cast(:excluded as integer[])))
          and (cast(:binding as tsquery) is null or words @@ cast(:binding as tsquery))
          and (cast(:unwanted as tsquery) is null or not words @@ cast(:unwanted as tsquery))
          and {shown}
          and {passes}
    ) as item_similarity_embeddings
    order by distance, item_no
    limit :nearest
) as nearest
join items using (item_no)
where not coalesce(words @@ cast(:unwanted_among as tsquery), false)
order by distance, item_no
limit :items;

-- name: load_nearest_by_index
-- The same through the index: :run_id and :dimensions are written into the text. To be preceded by
-- prepare_index_search in its transaction; there may be too few items when the index gives up.
select {nearest_columns}
from (
    select item_no, similarity_embedding,
           similarity_embedding::vector(:dimensions) <#> cast(:similarity_embedding as vector) as distance
    from item_similarity_embeddings
    where {may_be_nearest}
    order by distance
    limit :nearest
) as nearest
join items using (item_no)
where not coalesce(words @@ cast(:unwanted_among as tsquery), false)
order by distance, item_no
limit :items;

-- part: may_fill_up
items.item_no not in (select unnest(cast(:excluded as integer[])))
and {shown}
and {passes}
and (cast(:binding as tsquery) is null or words @@ cast(:binding as tsquery))
and (cast(:unwanted as tsquery) is null or not words @@ cast(:unwanted as tsquery))

-- name: load_most_used
-- Eligible items that pass the filters, those first that a run knows best, to make a list long enough. They are looked at in
-- this order until there are enough; those the run does not know come after all others.
with {few}
, known as materialized (
    select items.item_no, item_id, title, users
    from item_embeddings join items using (item_no)
    where run_id = cast(:run_id as integer) and (select item_nos is null from few)
      and {may_fill_up}
    order by users desc, item_no desc
    limit :items
)
select item_no, item_id, title, cast(0 as real) as score
from (
    select * from known
    union all
    (select item_no, item_id, title, null
     from items
     where (select item_nos is null from few)
       and (select count(*) from known) < :items
       and not exists (
           select from item_embeddings
           where run_id = cast(:run_id as integer) and item_embeddings.item_no = items.item_no
       )
       and {may_fill_up}
     order by item_no desc
     limit :items)
    union all
    (select items.item_no, item_id, title, users
     from items
     left join item_embeddings on run_id = cast(:run_id as integer) and item_embeddings.item_no = items.item_no
     where items.item_no = any(cast((select item_nos from few) as integer[]))
       and {may_fill_up}
    )
) as items
order by users desc nulls last, item_no desc
limit :items;

-- name: load_fitting
-- Those of some items that may be in such a list, in the order in which they are given.
select item_no, item_id, title
from unnest(cast(:item_nos as integer[])) with ordinality as given (item_no, ordinal)
join items using (item_no)
where {may_fill_up}
order by ordinal;

-- name: find_categories_meant
-- Of some categories those that no item has that may be shown, each with one that differs in case and accents only.
select asked, meant
from unnest(cast(:categories as text[])) as asked
cross join lateral (
    select meant
    from items cross join lateral unnest(categories) as meant
    where {shown}
      and folded(meant) = folded(asked)
      and words @@ term_query('category:' || left(folded(asked), 200))
    order by item_no
    limit 1
) as nearest
where not exists (
    select from items
    where categories @> array[asked]
      and {shown}
);
