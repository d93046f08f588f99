-- What rows of a page are made from beside the lists that there are anyway: what their user did.

-- name: load_begun
-- Eligible items that a user has met by an event of the kinds :begun since :since, and not since then by one of the kinds
-- :finished; those begun last first.
select item_no, item_id, title, categories, cast(0 as real) as score
from (
    select item_no,
           max(occurred_at) filter (where kind = any(cast(:begun as text[]))) as begun_at,
           max(occurred_at) filter (where kind = any(cast(:finished as text[]))) as finished_at
    from interactions join event_kinds using (kind_no)
    where user_no = :user_no
    group by item_no
) as met
join items using (item_no)
where begun_at >= cast(:since as timestamptz)
  and (finished_at is null or finished_at < begun_at)
  and {shown}
  and {passes}
  and item_no <> all(cast(:excluded as integer[]))
order by begun_at desc, item_no
limit :items;

-- name: load_newest_liked
-- The items that a user's newest likings are about, each once, the newest first, available or not.
select item_no, item_id, title
from (
    select item_no, max(occurred_at) as liked_at
    from likings
    where user_no = :user_no and item_no <> all(cast(:excluded as integer[]))
    group by item_no
) as liked
join items using (item_no)
order by liked_at desc, item_no
limit :items;

-- name: find_top_category
-- The category that most of the items have which a user liked last; no row: none has a category.
select category
from (
    select distinct item_no
    from (
        select item_no from likings where user_no = :user_no order by occurred_at desc, item_no limit :likings
    ) as newest
) as liked
join items using (item_no)
cross join lateral unnest(categories) as category
group by category
order by count(*) desc, category
limit 1;
