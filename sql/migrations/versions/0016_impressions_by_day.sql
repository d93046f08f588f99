-- Impressions by day: what is left of old ones when they are cleared away.

-- Each row counts impressions that were deleted in the same transaction, so none is lost or counted twice.
create table impression_days (
    day          date not null,
    run_id       integer,
    source       text not null,
    arm          text,
    impressions  bigint not null,
    items        bigint not null,
    explored     bigint not null,
    users        bigint not null,
    unique nulls not distinct (day, run_id, source, arm)
);

-- Old impressions are found by it, oldest first.
create index impressions_shown on impressions (shown_at);

create view analytics.impressions_daily as
select day, run_id, source, arm,
       sum(impressions)::bigint as impressions, sum(items)::bigint as items, sum(explored)::bigint as explored,
       sum(users)::bigint as users
from (
    select day, run_id, source, arm, impressions, items, explored, users from public.impression_days
    union all
    select (shown_at at time zone 'UTC')::date, run_id, source, arm, count(*), sum(cardinality(item_nos)),
           sum(cardinality(explored)), count(distinct user_no)
    from public.impressions
    group by 1, 2, 3, 4
) as counted
group by day, run_id, source, arm;

comment on view analytics.impressions_daily is 'Lists that were given, by day (UTC), however long ago: old ones are kept as these counts only.';
comment on column analytics.impressions_daily.day is 'Day the lists were given, in UTC.';
comment on column analytics.impressions_daily.run_id is 'The run they were made of; null if there was none.';
comment on column analytics.impressions_daily.source is 'Where the list came from, as in the answers of the API.';
comment on column analytics.impressions_daily.arm is 'Arm of the experiment; null if there was none.';
comment on column analytics.impressions_daily.impressions is 'How many lists were given.';
comment on column analytics.impressions_daily.items is 'How many items stood in them altogether.';
comment on column analytics.impressions_daily.explored is 'How many of these items were new ones in a list to become known.';
comment on column analytics.impressions_daily.users is 'To how many different known users, within this day, run, source and arm.';

grant select on analytics.impressions_daily to analyst;
