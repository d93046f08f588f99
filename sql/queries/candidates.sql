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
