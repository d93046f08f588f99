-- Popular lists by window, trending and latest, kept fresh between nights.

-- How fresh a part of a run's lists is. `position`: the log is known up to here at least; `as_of`: when ages were counted
-- from; `seconds`: how long it took.
create table popular_refreshes (
    run_id        integer not null references model_runs,
    part          text not null check (part in ('ever', 'lately')),
    position      bigint not null,
    as_of         timestamptz,
    refreshed_at  timestamptz not null default clock_timestamp(),
    seconds       real not null,
    primary key (run_id, part)
);

-- The moment ages are counted from: the newest interaction, but not after now. No interaction is newer than the newest
-- since some known one, so that a log in order of time is read at its end only.
create function popular_as_of() returns timestamptz
language sql stable
return (
    select least(max(occurred_at), clock_timestamp())
    from interactions
    where user_no <> 0 and occurred_at >= (
        select max(occurred_at)
        from (select occurred_at from interactions where user_no <> 0 order by position desc limit 1000) as newest
    )
);

-- All items by the number of users who ever liked them.
create function ever_liked() returns table (list text, item_no integer, score double precision)
language sql stable
begin atomic
    select 'all_time', item_no, count(*)
    from (select distinct user_no, item_no from likings) as liked
    group by item_no;
end;

-- What was liked lately, in several lists; each user counts once an item, in each window. Ages are in days.
--
-- `popular`: the sum over users of 0.5^(age / half_life_days) of their newest liking, none older than `days`.
-- `popular_day`, `_week`, `_month`: the number of users who liked the item in the last 1, 7, 30 days.
-- `trending_day`, `_week`, `_month`: how surprising the last window is after the four before it. In each, a user counts
-- 0.5^(age / half a window), the age counted from the end of that window; r is the sum of the last window, u the mean of
-- the four before. All items together rose by g = (sum of r + 1) / (sum of u + 1), so that e = g * u + 1 is expected, and
--     score = r * ln(r / e) - (r - e)      where r > e
-- is the logarithm of how much likelier r is at a rate of its own than at e (Poisson). A few likings cannot win: the 1 in
-- e stands for what may happen to any item, and the score grows with the counts.
create function lately_liked(as_of timestamptz, days double precision, half_life_days double precision)
returns table (list text, item_no integer, score double precision)
language sql stable
begin atomic
    with liked as materialized (
        select user_no, item_no, greatest(date_part('epoch', as_of - occurred_at), 0) / 86400 as age
        from likings
        where occurred_at >= as_of - make_interval(secs => 86400 * greatest(days, 150))
    ),
    newest as (
        select item_no, min(age) as age from liked where age <= days group by user_no, item_no
    ),
    windows (length, name) as (
        values (cast(1 as smallint), 'day'), (cast(7 as smallint), 'week'), (cast(30 as smallint), 'month')
    ),
    -- A user's newest liking in each window: the last is 0, the one before it 1.
    counted as (
        select item_no, length, cast(floor(age / length) as smallint) as back, min(age) as age
        from liked cross join windows
        where age < 5 * length
        group by user_no, item_no, length, cast(floor(age / length) as smallint)
    ),
    by_item as materialized (
        select item_no, length,
               count(*) filter (where back = 0) as users,
               coalesce(sum(weight) filter (where back = 0), 0) as recent,
               coalesce(sum(weight) filter (where back > 0), 0) / 4 as usual
        from (select item_no, length, back, power(cast(0.5 as double precision), 2 * (age / length - back)) as weight
              from counted) as weighed
        group by item_no, length
    ),
    growth as (
        select length, (sum(recent) + 1) / (sum(usual) + 1) as factor from by_item group by length
    ),
    judged as (
        select length, item_no, recent, factor * usual + 1 as expected from by_item join growth using (length)
    )
    select 'popular', item_no, sum(power(cast(0.5 as double precision), age / half_life_days))
    from newest
    group by item_no
    union all
    select 'popular_' || name, item_no, users from by_item join windows using (length) where users > 0
    union all
    select 'trending_' || name, item_no, recent * ln(recent / expected) - (recent - expected)
    from judged join windows using (length)
    where recent > expected;
end;

-- Writes a part of a run's lists anew from the log: `ever` is the list of all time, `lately` are the others. Each is made
-- in all and by category, of available items, as long and by what the row of the run says. False: the run is no longer
-- kept, and nothing was written. Recomputed, so harmless twice; who asks for the same run meanwhile waits.
create function refresh_popular_items(of_run_id integer, of_part text) returns boolean
language plpgsql
-- One core and no more, and room to count in.
set max_parallel_workers_per_gather = 0
set jit = off
set work_mem = '64MB'
as $$
declare
    began_at  timestamptz;
    horizon   bigint;
    ages_from timestamptz;
    settings  jsonb;
    made      popular_items[];
begin
    perform pg_advisory_xact_lock(31319, of_run_id);
    began_at := clock_timestamp();
    -- Read in a statement of its own and before the log: what lies below is in what the next ones see.
    horizon := event_horizon();
    ages_from := popular_as_of();
    select coalesce(parameters -> 'popular', '{}') into settings from model_runs where run_id = of_run_id;

    with scored as (
        select * from ever_liked() where of_part = 'ever'
        union all
        select *
        from lately_liked(ages_from, coalesce(cast(settings ->> 'days' as double precision), 90),
                          coalesce(cast(settings ->> 'half_life_days' as double precision), 30))
        where of_part = 'lately'
    ),
    -- Too few items were liked lately: popular is then what is so of all time, below.
    thin as (
        select count(*) filter (where list = 'popular') < coalesce(cast(settings ->> 'fewest_items' as integer), 50) as is_thin
        from scored
    ),
    eligible as (
        select list, item_no, score, categories
        from scored join items using (item_no)
        where available and coalesce(expire_at > now(), true) and (list <> 'popular' or not (select is_thin from thin))
    ),
    ranked as (
        select list, category, item_no, score,
               row_number() over (partition by list, category order by score desc, item_no) as rank
        from (
            select list, '' as category, item_no, score from eligible
            union all
            select list, category, item_no, score
            from eligible cross join lateral (select distinct unnest(categories) as category) as own
            where category <> ''
        ) as in_categories
    ),
    listed as (
        select list, category, array_agg(item_no order by rank) as item_nos,
               array_agg(cast(score as real) order by rank) as scores
        from ranked
        where rank <= coalesce(cast(settings ->> 'length' as integer), 500)
        group by list, category
        having category = '' or count(*) >= coalesce(cast(settings ->> 'fewest_category_items' as integer), 5)
    )
    select coalesce(array_agg(cast(row(of_run_id, list, category, item_nos, scores) as popular_items)), '{}')
    into made
    from listed;

    -- A run is retired before it is taken apart, and whoever retires it waits for us from here on. Before, nobody did.
    perform from model_runs
    where run_id = of_run_id and state in ('training', 'evaluated', 'published')
    for share;
    if not found or to_regclass('popular_items_' || of_run_id) is null then
        return false;
    end if;

    if of_part = 'lately' and not exists (select from unnest(made) as list where list.list = 'popular') then
        made := made || array(
            select cast(row(of_run_id, 'popular', category, item_nos, scores) as popular_items)
            from popular_items
            where run_id = of_run_id and list = 'all_time');
    end if;

    delete from popular_items as old
    where run_id = of_run_id
      and case of_part when 'ever' then list = 'all_time' else list ~ '^(popular|trending)' end
      and not exists (select from unnest(made) as new where new.list = old.list and new.category = old.category);

    insert into popular_items
    select * from unnest(made)
    on conflict (run_id, list, category) do update
    set item_nos = excluded.item_nos, scores = excluded.scores
    where (popular_items.item_nos, popular_items.scores) is distinct from (excluded.item_nos, excluded.scores);

    insert into popular_refreshes (run_id, part, position, as_of, seconds)
    values (of_run_id, of_part, horizon, ages_from, extract(epoch from clock_timestamp() - began_at))
    on conflict (run_id, part) do update
    set position = excluded.position, as_of = excluded.as_of, refreshed_at = excluded.refreshed_at,
        seconds = excluded.seconds;
    return true;
end
$$;
