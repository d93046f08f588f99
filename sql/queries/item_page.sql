-- What the console shows of one item. Each statement costs the same whatever is in the log and however many users there are.

-- name: load_item_origin
-- How an item came in, what loads replaced it (the newest first), and what a run knows of it: `users` who liked it when its
-- vector was made, and its words with what each says, those that say most first. No row: there is no such item.
select items.item_no, items.load_no, embedded.users,
       array(select load_no from replaced_items as was
             where was.item_no = items.item_no order by load_no desc limit :most_loads) as replaced_by,
       array(select given.term
             from terms_of(items.words) as given (term, weight)
             join term_embeddings as known on known.run_id = cast(:run_id as integer) and known.term = given.term
             order by known.idf * given.weight desc, given.term limit :most_words) as words,
       coalesce(length(items.words), 0) as terms
from items
left join item_embeddings as embedded
    on embedded.run_id = cast(:run_id as integer) and embedded.item_no = items.item_no
where item_id = :item_id and deleted_at is null;

-- name: load_item_days
-- The last :days (UTC), the oldest first, today with them: events that speak for an item, of its newest :most_events, and in
-- how many lists it stood (null: not counted yet). `events`: how many of its newest :most_events there are at any time.
with newest as materialized (
    select occurred_at from likings where item_no = :item_no order by occurred_at desc limit :most_events
),
liked as (
    select cast(occurred_at at time zone 'UTC' as date) as day, count(*) as likings from newest group by 1
)
select days.day, coalesce(likings, 0) as likings,
       case when counted.day is not null then coalesce(shown, 0) end as shown,
       (select count(*) from newest) as events, (select max(occurred_at) from newest) as last_at
from (
    select cast(now() at time zone 'UTC' as date) - back as day from generate_series(0, cast(:days as integer) - 1) as back
) as days
left join liked on liked.day = days.day
left join exposure_days as counted on counted.day = days.day
left join item_exposure_days as exposed on exposed.day = days.day and exposed.item_no = :item_no
order by days.day;

-- name: count_lists_of_item
-- In how many nightly lists of a run an item stands, and at which rank in the middle: of :drawn users drawn by their
-- numbers, of all if there are no more.
with drawn as materialized (
    select distinct case when newest <= cast(:drawn as integer) then ordinal
                         else cast(ceil(random() * newest) as integer) end as user_no
    from (select coalesce(max(user_no), 0) as newest from users) as numbers
    cross join lateral generate_series(1, least(newest, cast(:drawn as integer))) as ordinal
)
select count(*) as lists, count(rank) as holding,
       percentile_disc(0.5) within group (order by rank) as middle_rank,
       (select coalesce(max(user_no), 0) > cast(:drawn as integer) from users) as is_drawn
from (
    select array_position(item_nos, cast(:item_no as integer)) as rank
    from drawn join batch_recommendations as lists on lists.run_id = :run_id and lists.user_no = drawn.user_no
) as of_users;

-- name: load_popular_ranks
-- At which rank an item stands in the popular lists of a run, over all categories. What is well known only serves choices
-- that the live vector makes.
select list, array_position(item_nos, cast(:item_no as integer)) as rank
from popular_items
where run_id = :run_id and category = '' and list <> 'well_known' and item_nos @> array[cast(:item_no as integer)]
order by rank, list;
