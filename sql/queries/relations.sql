-- How users and items are related: whose taste is near, who would like an item, what is used together. As everywhere,
-- whoever finds nothing of a run asks whether it is still there.

-- name: find_user_vector
-- A user's number, and the live vector in a run; null: the user has none in it.
select users.user_no, cast(live.embedding as text) as embedding
from users
left join user_embeddings as live on live.run_id = cast(:run_id as integer) and live.user_no = users.user_no
where user_id = :user_id;

-- name: find_item_vector
-- An item's number, and its vector in a run; null: it has none in it.
select items.item_no, cast(embedded.embedding as text) as embedding
from items
left join item_embeddings as embedded on embedded.run_id = cast(:run_id as integer) and embedded.item_no = items.item_no
where item_id = :item_id;

-- name: load_similar_users
-- The users whose live vectors are nearest to one by cosine. All of the run are compared; a vector that is zero, which
-- has no direction, counts as none.
select user_id, cosine as score
from (
    select user_no, 1 - (embedding <=> cast(:embedding as vector)) as cosine
    from user_embeddings
    where run_id = :run_id and embedding is not null and user_no <> :user_no and user_no <> 0
    order by embedding <=> cast(:embedding as vector), user_no
    limit :most
) as nearest
join users using (user_no)
where cosine <= 1
order by cosine desc, user_no;

-- name: load_users_of_item
-- The users whose live vectors are nearest to an item's vector by cosine, but (where :exclude_seen) those who have seen,
-- disliked, hidden or named the item: of the :compared nearest. `offset 0`: each is looked up by itself, the nearest first,
-- until there are enough, whatever the number of those who have seen the item.
select user_id, cosine as score
from (
    select user_no, 1 - (embedding <=> cast(:embedding as vector)) as cosine
    from user_embeddings
    where run_id = :run_id and embedding is not null and user_no <> 0
    order by embedding <=> cast(:embedding as vector), user_no
    limit :compared
) as nearest
cross join lateral (select user_id from users where users.user_no = nearest.user_no offset 0) as named
where cosine <= 1
  and (not :exclude_seen or not exists (
      select from weighed_interactions as weighed
      where weighed.user_no = nearest.user_no and weighed.item_no = :item_no and (marks_seen or weight < 0)
      offset 0
  ))
  and (not :exclude_seen or not exists (
      select from user_interests
      where user_interests.user_no = nearest.user_no and item_nos @> array[cast(:item_no as integer)]
      offset 0
  ))
limit :most;

-- part: users_of_item
-- Who liked an item, with when: of the newest :newest_uses interactions with it.
uses as materialized (
    select user_no, occurred_at
    from likings
    where item_no = :item_no and (cast(:kind_nos as smallint[]) is null or kind_no = any(cast(:kind_nos as smallint[])))
    order by occurred_at desc, user_no
    limit :newest_uses
)

-- part: used_together
-- Items that at least :fewest of these users used too. The score is a cosine, shrunk: with c of m users, of an item that
-- N liked in the run and another that n did, c / (m + :pseudo_count) * sqrt(N / n), at most 1.
select items.item_no, item_id, title, together.users, together.users / cast(asked.users as real) as share,
       least(1, together.users / cast(asked.users + :pseudo_count as real)
                * sqrt(greatest(own.users, asked.users) / cast(greatest(embedded.users, together.users) as real))) as score
from (
    select item_no, count(distinct user_no) as users
    from pairs
    group by item_no
    having count(distinct user_no) >= :fewest
) as together
cross join (select count(distinct user_no) as users from uses) as asked
join items on items.item_no = together.item_no
left join item_embeddings as own on own.run_id = cast(:run_id as integer) and own.item_no = :item_no
left join item_embeddings as embedded
    on embedded.run_id = cast(:run_id as integer) and embedded.item_no = together.item_no
where items.item_no <> all(cast(:excluded as integer[]))
  and {shown}
  and {passes}
order by score desc, items.item_no
limit :items

-- name: load_used_within
-- What users of an item used within :within_seconds before or after it.
with {users_of_item}
,
pairs as materialized (
    select uses.user_no, beside.item_no
    from uses
    cross join lateral (
        select item_no
        from likings
        where likings.user_no = uses.user_no
          and likings.occurred_at >= uses.occurred_at - make_interval(secs => :within_seconds)
          and likings.occurred_at <= uses.occurred_at + make_interval(secs => :within_seconds)
          and (cast(:kind_nos as smallint[]) is null or kind_no = any(cast(:kind_nos as smallint[])))
    ) as beside
)
{used_together};

-- name: load_used_ever
-- What users of an item used at any time: of each user what is liked among the newest :newest_interactions.
with {users_of_item}
,
pairs as materialized (
    select users.user_no, beside.item_no
    from (select distinct user_no from uses) as users
    cross join lateral (
        select item_no, kind_no, strength
        from interactions
        where interactions.user_no = users.user_no
          and (cast(:kind_nos as smallint[]) is null or kind_no = any(cast(:kind_nos as smallint[])))
        order by occurred_at desc
        limit :newest_interactions
    ) as beside
    join event_kinds using (kind_no)
    where weight * coalesce(strength, 1) > 0
)
{used_together};

-- name: load_uses_of_items
-- How many users of a run like each of these items, and how many the best known of all.
select embedded.item_no, embedded.users,
       (select max(users) from item_embeddings where run_id = :run_id) as most_users
from item_embeddings as embedded
where run_id = :run_id and item_no = any(cast(:item_nos as integer[]));

-- name: load_least_expected
-- Of the newest :newest_liked items that a user liked those with the lowest live scores, the lowest first.
select items.item_no, item_id, title, embedded.users, -(embedding <#> cast(:embedding as vector)) as live_score
from (
    select distinct item_no
    from (
        select item_no from likings where user_no = :user_no
        order by occurred_at desc, item_no desc
        limit :newest_liked
    ) as newest
) as liked
join items on items.item_no = liked.item_no
join item_embeddings as embedded on embedded.run_id = :run_id and embedded.item_no = liked.item_no
where {passes}
order by live_score, items.item_no
limit :items;

-- name: load_item_pairs
-- How similar the items of each pair are in a run; null: one of them is unknown, or nothing is known of it.
with named as materialized (
    select item_id, coalesce(embedded.similarity_embedding, similarity_embedding_of_words(:run_id, items.words)) as embedding
    from items
    left join item_similarity_embeddings as embedded on embedded.run_id = :run_id and embedded.item_no = items.item_no
    where item_id = any(cast(:first_ids as text[])) or item_id = any(cast(:second_ids as text[]))
)
select -(first.embedding <#> second.embedding) as score,
       first.item_id is not null as knows_first, second.item_id is not null as knows_second
from unnest(cast(:first_ids as text[]), cast(:second_ids as text[])) with ordinality as asked (first_id, second_id, ordinal)
left join named as first on first.item_id = first_id
left join named as second on second.item_id = second_id
order by ordinal;

-- name: load_user_item_pairs
-- The live score of the item of each pair for its user: the inner product, and what the item gains by coming next.
select -(live.embedding <#> embedded.embedding) + coalesce((
           select max(gain) from unnest(next_item_nos, next_scores) as following (item_no, gain)
           where following.item_no = items.item_no
       ), 0) as score,
       users.user_no is not null as knows_first, items.item_no is not null as knows_second
from unnest(cast(:first_ids as text[]), cast(:second_ids as text[])) with ordinality as asked (first_id, second_id, ordinal)
left join users on user_id = first_id
left join items on item_id = second_id
left join user_embeddings as live on live.run_id = :run_id and live.user_no = users.user_no
left join item_embeddings as embedded on embedded.run_id = :run_id and embedded.item_no = items.item_no
order by ordinal;

-- name: load_user_pairs
-- The cosine of the live vectors of the users of each pair; null too where one has no direction.
select nullif(1 - (first_live.embedding <=> second_live.embedding), 'NaN') as score,
       first.user_no is not null as knows_first, second.user_no is not null as knows_second
from unnest(cast(:first_ids as text[]), cast(:second_ids as text[])) with ordinality as asked (first_id, second_id, ordinal)
left join users as first on first.user_id = first_id
left join users as second on second.user_id = second_id
left join user_embeddings as first_live on first_live.run_id = :run_id and first_live.user_no = first.user_no
left join user_embeddings as second_live on second_live.run_id = :run_id and second_live.user_no = second.user_no
order by ordinal;

-- name: load_active_users
-- The users with the most interactions since :since, of the :events that came in last; one row with nobody where there are
-- none. `is_complete`: whether these reach back to :since.
with newest as materialized (
    select user_no, occurred_at, received_at from interactions where user_no <> 0 order by position desc limit :events
),
counted as (
    select user_no, count(*) as events, max(occurred_at) as last_at
    from newest
    where occurred_at >= :since
    group by user_no
)
select coverage.is_complete, user_id, active.events, active.last_at
from (
    select count(*) < :events or coalesce(min(received_at) < :since, true) as is_complete from newest
) as coverage
left join (
    select user_no, user_id, events, last_at
    from counted join users using (user_no)
    order by events desc, last_at desc, user_no
    limit :most
) as active on true
order by active.events desc, active.last_at desc, active.user_no;
