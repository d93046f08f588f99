-- Rollups for analysts: counted whole, or by day, in transactions that hold `rollups` against others who count.

-- name: lock_rollups
-- Until the commit nobody else counts; readers read what was counted before.
lock table rollups in share row exclusive mode;

-- name: note_rollup
insert into rollups (rollup, counted_until) values (:rollup, :counted_until)
on conflict (rollup) do update set counted_until = excluded.counted_until, counted_at = excluded.counted_at;

-- name: clear_interaction_days
delete from interaction_days;

-- name: count_interaction_days
-- Answers nothing. First by user and item: two counts of different things would sort everything twice.
insert into interaction_days (day, kind_no, interactions, users, items)
with by_user as (
    select (occurred_at at time zone 'UTC')::date as day, kind_no, user_no, count(*) as interactions
    from interactions
    where occurred_at < :until and user_no <> 0
    group by 1, 2, 3
),
by_item as (
    select distinct (occurred_at at time zone 'UTC')::date as day, kind_no, item_no
    from interactions
    where occurred_at < :until and user_no <> 0
),
items as (
    select day, kind_no, count(*) as items from by_item group by day, kind_no
)
select day, kind_no, sum(interactions), count(*), max(items)
from by_user join items using (day, kind_no)
group by day, kind_no;

-- name: clear_user_activity
delete from user_activity;

-- name: count_user_activity
insert into user_activity (user_no, segment, interactions, items, days, first_at, last_at)
with by_item as (
    select user_no, count(*) as items from (select distinct user_no, item_no from interactions where user_no <> 0) as used group by user_no
),
by_day as (
    select user_no, (occurred_at at time zone 'UTC')::date as day, count(*) as interactions,
           min(occurred_at) as first_at, max(occurred_at) as last_at
    from interactions
    where user_no <> 0
    group by 1, 2
)
select user_no, case when sum(interactions) < 5 then 'few' when sum(interactions) < 50 then 'some' else 'many' end,
       sum(interactions), max(items), count(*), min(first_at), max(last_at)
from by_day join by_item using (user_no)
group by user_no;

-- name: clear_forgotten_activity
select clear_forgotten_activity();

-- name: find_days_to_count
-- The days (UTC) with lists that were not counted, or that might still change when they were counted last.
with days as (
    select cast(generate_series(
        cast(min(shown_at) at time zone 'UTC' as date), cast(max(shown_at) at time zone 'UTC' as date), interval '1 day'
    ) as date) as day
    from impressions
)
select day from days
where day not in (select day from exposure_days)
   or day >= (
       select least(cast(:today as date), cast(max(counted_until) at time zone 'UTC' as date)) - cast(:changing_days as integer)
       from rollups
       where rollup = 'click_days'
   )
order by day;

-- name: clear_exposure_day
with
of_clicks as (delete from click_days where day = :day),
of_contexts as (delete from context_days where day = :day),
of_items as (delete from item_exposure_days where day = :day or day < :oldest_of_items),
of_lists as (delete from given_days where day = :day)
delete from exposure_days where day = :day;

-- name: count_exposure_day
-- Answers how many items stood in the lists of a day.
with bounds as (
    select cast(:day as date)::timestamp at time zone 'UTC' as since,
           (cast(:day as date) + 1)::timestamp at time zone 'UTC' as until,
           make_interval(days => cast(:attribution_days as integer)) as attribution
),
listed as materialized (
    select recommendation_id, user_no, run_id, source, arm, context_no, shown_at, item_no, cast(ordinal as smallint) as slot
    from bounds join impressions on shown_at >= since and shown_at < until
    cross join lateral unnest(item_nos) with ordinality as listed (item_no, ordinal)
),
liked as materialized (
    select user_no, item_no, occurred_at, recommendation_id
    from bounds join likings on occurred_at >= since and occurred_at < until + attribution
),
clicks as (
    select distinct listed.recommendation_id, listed.item_no
    from listed join liked using (recommendation_id, item_no)
),
takings as (
    select distinct listed.recommendation_id, listed.item_no
    from bounds, listed join liked using (user_no, item_no)
    where liked.occurred_at >= listed.shown_at and liked.occurred_at < listed.shown_at + attribution
),
counted as materialized (
    select listed.*, coalesce(segment, 'unknown') as segment, clicks.item_no is not null as clicked,
           takings.item_no is not null as taken
    from listed
    left join user_activity using (user_no)
    left join clicks using (recommendation_id, item_no)
    left join takings using (recommendation_id, item_no)
),
of_clicks as (
    insert into click_days (day, run_id, source, arm, slot, segment, shown, clicked, taken)
    select cast(:day as date), run_id, source, arm, slot, segment, count(*), count(*) filter (where clicked),
           count(*) filter (where taken)
    from counted
    group by run_id, source, arm, slot, segment
),
of_contexts as (
    insert into context_days (day, name, value, lists, shown, clicked, taken)
    select cast(:day as date), name, value, count(distinct recommendation_id), count(*), count(*) filter (where clicked),
           count(*) filter (where taken)
    from counted join contexts using (context_no) cross join lateral jsonb_each_text(context) as pair (name, value)
    group by name, value
),
of_items as (
    insert into item_exposure_days (day, item_no, shown, clicked, taken)
    select cast(:day as date), item_no, count(*), count(*) filter (where clicked), count(*) filter (where taken)
    from counted
    where cast(:day as date) >= :oldest_of_items
    group by item_no
),
of_lists as (
    insert into given_days (day, run_id, source, arm, placement, placement_version, impressions, items, explored, users)
    select cast(:day as date), run_id, source, arm, placement, placement_version, count(*), sum(cardinality(item_nos)),
           sum(cardinality(explored)), count(distinct user_no)
    from bounds join impressions on shown_at >= since and shown_at < until
    where cast(:day as date) < :today
    group by run_id, source, arm, placement, placement_version
),
of_day as (
    insert into exposure_days (day, lists, items, catalogue)
    select cast(:day as date), count(distinct recommendation_id), count(distinct item_no),
           (select count(*) from items where available)
    from counted
)
select count(*) from counted;

-- name: find_weeks_to_count
-- Weeks (their Mondays) with lists that were over by :until, as was the week after, and that were not counted.
with weeks as (
    select cast(generate_series(
        date_trunc('week', min(shown_at) at time zone 'UTC'),
        date_trunc('week', cast(:until as timestamptz) at time zone 'UTC') - interval '14 days', interval '7 days'
    ) as date) as week
    from impressions
)
select week from weeks where week not in (select week from retention_weeks) order by week;

-- name: count_retention_week
insert into retention_weeks (week, exposed, users, returned)
with bounds as (
    select cast(:week as date)::timestamp at time zone 'UTC' as since,
           (cast(:week as date) + 7)::timestamp at time zone 'UTC' as until
),
active as (
    select distinct user_no from bounds join interactions on occurred_at >= since and occurred_at < until and user_no <> 0
),
exposed as (
    select distinct user_no from bounds join impressions on shown_at >= since and shown_at < until
),
back as (
    select distinct user_no from bounds join interactions on occurred_at >= until and occurred_at < until + interval '7 days'
)
select cast(:week as date), exposed.user_no is not null, count(*), count(back.user_no)
from active left join exposed using (user_no) left join back using (user_no)
group by exposed.user_no is not null;
