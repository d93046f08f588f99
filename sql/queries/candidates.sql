-- What sources of candidates read by themselves. The nearest items, the batch list and new items are in serving.sql.

-- name: load_liked_by_neighbours
-- Eligible items that the users nearest to a live vector like, with the sum of these users' cosines to it. Every user of
-- the run is compared. A user counts with the newest liked items, each once.
with neighbours as materialized (
    select user_no, 1 - (embedding <=> cast(:embedding as vector)) as cosine
    from user_embeddings
    where run_id = :run_id and embedding is not null and user_no is distinct from cast(:user_no as integer) and user_no <> 0
    order by embedding <=> cast(:embedding as vector), user_no
    limit :nearest_users
)
select items.item_no, sum(cosine) as score
from neighbours
cross join lateral (
    select distinct item_no
    from (
        select item_no
        from likings
        where likings.user_no = neighbours.user_no
        order by occurred_at desc, item_no desc, kind_no desc, event_id desc
        limit :newest_liked
    ) as newest
) as liked
join items on items.item_no = liked.item_no
where cosine > 0 and items.item_no <> all(cast(:excluded as integer[]))
  and {shown}
  and {passes}
group by items.item_no
order by score desc, items.item_no
limit :items;

-- name: load_kept_catalogue
-- All items, in rising order of number, as columns in JSON: what they are called, their categories, and whether they may be
-- shown; `until`: when the first of them may be shown that may not, or the other way round, or in an hour, after which what
-- changed may not be known any more. Nothing if there are more than :most.
select cast(json_agg(item_no) as text) as item_nos,
       cast(json_agg(item_id) as text) as item_ids,
       cast(json_agg(title) as text) as titles,
       cast(json_agg(categories) as text) as categories,
       cast(json_agg(may_be_shown) as text) as shown,
       least(min(publish_at) filter (where publish_at > now()), min(expire_at) filter (where expire_at > now()),
             now() + interval '1 hour') as until
from (
    select item_no, item_id, title, categories, publish_at, expire_at,
           {shown}
           as may_be_shown
    from items
    order by item_no
) as items
where (select count(*) from (select from items limit :most + 1) as counted) <= :most;

-- name: load_kept_vectors
-- The vectors that the night made, which no embedding between nights changes: it sets embedded_at. Numbers as int4send gives
-- them, vectors as vector_send does, one after the other in rising order of number. Items of a load that was taken back are
-- gone, and their vectors are not. No row if there are more than :most.
select string_agg(int4send(item_no), '' order by item_no) as item_nos,
       string_agg(vector_send(embedding), '' order by item_no) as vectors
from (
    select item_no, embedding
    from item_embeddings join items using (item_no)
    where run_id = :run_id and embedded_at is null
    limit :most + 1
) as made
having count(*) <= :most;
