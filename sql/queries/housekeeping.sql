-- Housekeeping: old things are counted and cleared away.

-- name: find_oldest_impression_day
-- The first day (UTC) before :before that still has impressions, or null.
select (min(shown_at) at time zone 'UTC')::date as day from impressions
where shown_at < cast(:before as date)::timestamp at time zone 'UTC';

-- name: count_up_impressions
-- Deletes about :most impressions of a day and adds them to its counts, in one statement; answers how many. What is left
-- of the day is counted when it is asked for. Users are taken in order and each with all their impressions of the day, so that none is counted in two batches.
with picked as materialized (
    select recommendation_id, user_no from impressions
    where shown_at >= cast(:day as date)::timestamp at time zone 'UTC'
      and shown_at < (cast(:day as date) + 1)::timestamp at time zone 'UTC'
    order by user_no nulls last
    limit :most
),
deleted as (
    delete from impressions
    where shown_at >= cast(:day as date)::timestamp at time zone 'UTC'
      and shown_at < (cast(:day as date) + 1)::timestamp at time zone 'UTC'
      and (recommendation_id in (select recommendation_id from picked)
           or user_no = (select max(user_no) from picked))
    returning user_no, run_id, source, arm, placement, placement_version, cardinality(item_nos) as items, cardinality(explored) as explored
),
of_lists as (delete from given_days where day <= :day),
counted as (
    insert into impression_days (day, run_id, source, arm, placement, placement_version, impressions, items, explored, users)
    select cast(:day as date), run_id, source, arm, placement, placement_version, count(*), sum(items), sum(explored),
           count(distinct user_no)
    from deleted
    group by run_id, source, arm, placement, placement_version
    on conflict (day, run_id, source, arm, placement, placement_version) do update
    set impressions = impression_days.impressions + excluded.impressions,
        items = impression_days.items + excluded.items,
        explored = impression_days.explored + excluded.explored,
        users = impression_days.users + excluded.users
)
select count(*) from deleted;

-- name: clear_context_days
-- Takes counts by context of the days before :before out; how many.
with cleared as (delete from context_days where day < cast(:before as date) returning 1)
select count(*) from cleared;

-- name: clear_unused_contexts
select clear_unused_contexts(make_interval(hours => 12));
