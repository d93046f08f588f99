-- What analysts may read: views that stay as they are. Every column is described.

create schema analytics;

comment on schema analytics is 'The stable contract for analysts: documented views, read only for the role analyst.';

create view analytics.model_runs as
select run_id,
       state,
       coalesce(live_run.run_id is not null, false) as live,
       started_at,
       finished_at,
       extract(epoch from finished_at - started_at)::double precision as seconds,
       cut_off_at,
       (metrics ->> 'ndcg@20')::double precision as ndcg_at_20,
       (metrics ->> 'recall@20')::double precision as recall_at_20,
       (metrics ->> 'coverage@20')::double precision as coverage_at_20,
       (metrics ->> 'popularity_ndcg@20')::double precision as popularity_ndcg_at_20,
       (metrics ->> 'popularity_recall@20')::double precision as popularity_recall_at_20,
       reason,
       parameters,
       metrics,
       step_seconds
from public.model_runs left join public.live_run using (run_id);

comment on view analytics.model_runs is 'One row a nightly run, the newest figures as columns.';
comment on column analytics.model_runs.run_id is 'Number of the run, as in the answers of the API.';
comment on column analytics.model_runs.state is 'training, evaluated, refused, failed, published or retired.';
comment on column analytics.model_runs.live is 'Whether this run is being served now.';
comment on column analytics.model_runs.started_at is 'When the run began.';
comment on column analytics.model_runs.finished_at is 'When it was published, refused or failed; null while it runs.';
comment on column analytics.model_runs.seconds is 'From start to finish, in seconds.';
comment on column analytics.model_runs.cut_off_at is 'The run has learned from what was stored before this time.';
comment on column analytics.model_runs.ndcg_at_20 is 'nDCG at 20 on the held-out future, 0 to 1.';
comment on column analytics.model_runs.recall_at_20 is 'Recall at 20 on the held-out future, 0 to 1.';
comment on column analytics.model_runs.coverage_at_20 is 'Share of the catalogue in at least one top 20, 0 to 1.';
comment on column analytics.model_runs.popularity_ndcg_at_20 is 'nDCG at 20 of the popular list on the same future.';
comment on column analytics.model_runs.popularity_recall_at_20 is 'Recall at 20 of the popular list on the same future.';
comment on column analytics.model_runs.reason is 'Why the run was refused or failed; null otherwise.';
comment on column analytics.model_runs.parameters is 'All parameters of the run.';
comment on column analytics.model_runs.metrics is 'All figures of the run.';
comment on column analytics.model_runs.step_seconds is 'Seconds each step took.';

create view analytics.current_recommendations as
select users.user_id,
       items.item_id,
       items.title,
       listed.rank::integer as rank,
       listed.score
from public.live_run
join public.batch_recommendations as lists using (run_id)
join public.users using (user_no)
cross join lateral unnest(lists.item_nos, lists.scores) with ordinality as listed (item_no, score, rank)
join public.items on items.item_no = listed.item_no;

comment on view analytics.current_recommendations is 'The batch lists being served, one row a user and item.';
comment on column analytics.current_recommendations.user_id is 'The app''s id of the user.';
comment on column analytics.current_recommendations.item_id is 'The app''s id of the item.';
comment on column analytics.current_recommendations.title is 'Title of the item as it is now.';
comment on column analytics.current_recommendations.rank is 'Position in the user''s list, 1 is best.';
comment on column analytics.current_recommendations.score is 'Batch score before scaling; comparable within one user''s list.';

create view analytics.interactions as
select event_id,
       users.user_id,
       items.item_id,
       kind,
       value,
       rating_scales.least as scale_least,
       rating_scales.greatest as scale_greatest,
       coalesce(strength, 1) as strength,
       weight * coalesce(strength, 1) as weight,
       occurred_at,
       received_at,
       context
from public.interactions
join public.event_kinds using (kind_no)
join public.users using (user_no)
join public.items using (item_no)
left join public.rating_scales using (scale_no)
left join public.contexts using (context_no)
where user_no <> 0;

comment on view analytics.interactions is 'What users did, one row an event; without events that were deleted.';
comment on column analytics.interactions.event_id is 'Tandem''s id of the event.';
comment on column analytics.interactions.user_id is 'The app''s id of the user.';
comment on column analytics.interactions.item_id is 'The app''s id of the item.';
comment on column analytics.interactions.kind is 'Event kind.';
comment on column analytics.interactions.value is 'Value as it came, such as a rating; null if events of the kind have none.';
comment on column analytics.interactions.scale_least is 'The least rating of the scale the event came on; null if it is no rating.';
comment on column analytics.interactions.scale_greatest is 'The greatest, likewise.';
comment on column analytics.interactions.strength is 'What the value makes of the weight of the kind: 1 leaves it; 0: the item is known, and that is all; below 0 a rating is a dislike.';
comment on column analytics.interactions.weight is 'What the event counts: the weight of its kind times strength, before any decay.';
comment on column analytics.interactions.occurred_at is 'When the user did it.';
comment on column analytics.interactions.received_at is 'When Tandem stored it.';
comment on column analytics.interactions.context is 'What the app said of where it occurred, as {"device": "phone"}; null: nothing, or nothing that is kept (TANDEM_KEPT_CONTEXT).';

create view analytics.interactions_daily as
select day, kind, interactions, users, items from public.interaction_days join public.event_kinds using (kind_no)
union all
select (occurred_at at time zone 'UTC')::date, kind, count(*), count(distinct user_no), count(distinct item_no)
from public.interactions join public.event_kinds using (kind_no)
where occurred_at >= coalesce(
    (select counted_until from public.rollups where rollup = 'interaction_days'), timestamptz '-infinity')
  and user_no <> 0
group by 1, 2;

comment on view analytics.interactions_daily is 'Interactions a day (UTC) and kind; days before today as they were when `rollups` was counted.';
comment on column analytics.interactions_daily.day is 'Day of the interactions, in UTC.';
comment on column analytics.interactions_daily.kind is 'Event kind.';
comment on column analytics.interactions_daily.interactions is 'How many interactions.';
comment on column analytics.interactions_daily.users is 'How many different users.';
comment on column analytics.interactions_daily.items is 'How many different items.';

create view analytics.removals_daily as
select day,
       count(*) filter (where what = 'event') as deleted_events,
       count(*) filter (where what = 'user') as forgotten_users
from (
    select (deleted_at at time zone 'UTC')::date as day, 'event' as what from public.event_deletions
    where user_no <> 0
    union all
    select (forgotten_at at time zone 'UTC')::date, 'user' from public.forgotten_users
    where user_no <> 0 and user_no not in (select from_user_no from public.merged_users)
) as removals
group by day;

comment on view analytics.removals_daily is 'Deleted events and forgotten users a day (UTC): why figures of the past change.';
comment on column analytics.removals_daily.day is 'Day of the deletions, in UTC; not that of the deleted interactions.';
comment on column analytics.removals_daily.deleted_events is 'Events deleted one by one; those of users forgotten since are not counted.';
comment on column analytics.removals_daily.forgotten_users is 'Users who were removed with all that was known of them.';

create view analytics.promotions as
select promotion_no,
       run_id,
       how,
       promoted_by,
       promoted_at as served_from,
       lead(promoted_at) over (order by promotion_no) as served_until
from public.promotions;

comment on view analytics.promotions is 'Which run was served when: one row each time another run began to be served.';
comment on column analytics.promotions.promotion_no is 'Number of the promotion, rising in time.';
comment on column analytics.promotions.run_id is 'The run that began to be served.';
comment on column analytics.promotions.how is 'published: a new run; rolled back: one that had been published before.';
comment on column analytics.promotions.promoted_by is 'Who or what did it: nightly, or who asked for the rollback.';
comment on column analytics.promotions.served_from is 'When it began to be served.';
comment on column analytics.promotions.served_until is 'When the next one began; null for the run being served.';

create view analytics.explored_items as
select items.item_id,
       items.title,
       (impressions.shown_at at time zone 'UTC')::date as day,
       count(*) as shown,
       count(distinct impressions.user_no) as users,
       count(*) filter (where taken.item_no is not null) as taken
from public.impressions
cross join lateral unnest(impressions.explored) as explored (item_no)
join public.items on items.item_no = explored.item_no
left join lateral (
    select likings.item_no
    from public.likings
    where likings.user_no = impressions.user_no and likings.item_no = explored.item_no
      and likings.occurred_at >= impressions.shown_at
      and likings.occurred_at < impressions.shown_at + interval '7 days'
    limit 1
) as taken on true
group by 1, 2, 3;

comment on view analytics.explored_items is 'New items that were given a position in lists to become known, and what came of it, by day (UTC).';
comment on column analytics.explored_items.item_id is 'The app''s id of the item.';
comment on column analytics.explored_items.title is 'Title of the item as it is now.';
comment on column analytics.explored_items.day is 'Day the lists were given, in UTC.';
comment on column analytics.explored_items.shown is 'How many lists showed the item so.';
comment on column analytics.explored_items.users is 'To how many different users.';
comment on column analytics.explored_items.taken is 'Lists whose user used or liked the item within seven days, whatever TANDEM_ATTRIBUTION_DAYS says.';

create view analytics.impressions_daily as
select day, run_id, source, arm, placement, placement_version,
       sum(impressions)::bigint as impressions, sum(items)::bigint as items, sum(explored)::bigint as explored,
       sum(users)::bigint as users
from (
    select day, run_id, source, arm, placement, placement_version, impressions, items, explored, users
    from public.impression_days
    union all
    select day, run_id, source, arm, placement, placement_version, impressions, items, explored, users
    from public.given_days
    union all
    select (shown_at at time zone 'UTC')::date, run_id, source, arm, placement, placement_version, count(*),
           sum(cardinality(item_nos)), sum(cardinality(explored)), count(distinct user_no)
    from public.impressions
    where shown_at >= (select coalesce(max(day) + 1, '-infinity') from public.given_days)::timestamp at time zone 'UTC'
       or shown_at < (select min(day) from public.given_days)::timestamp at time zone 'UTC'
    group by 1, 2, 3, 4, 5, 6
) as counted
group by day, run_id, source, arm, placement, placement_version;

comment on view analytics.impressions_daily is 'Lists that were given, by day (UTC), however long ago: old ones are kept as these counts only. Days before today as they were when `rollups` was counted.';
comment on column analytics.impressions_daily.day is 'Day the lists were given, in UTC.';
comment on column analytics.impressions_daily.run_id is 'The run they were made of; null if there was none.';
comment on column analytics.impressions_daily.source is 'Where the list came from, as in the answers of the API.';
comment on column analytics.impressions_daily.arm is 'Arm of the experiment; null if there was none.';
comment on column analytics.impressions_daily.placement is 'The placement they were for; null: none.';
comment on column analytics.impressions_daily.placement_version is 'The version of the placement; 0: nothing was decided for it.';
comment on column analytics.impressions_daily.impressions is 'How many lists were given.';
comment on column analytics.impressions_daily.items is 'How many items stood in them altogether.';
comment on column analytics.impressions_daily.explored is 'How many of these items were new ones in a list to become known.';
comment on column analytics.impressions_daily.users is 'To how many different known users, within this day, run, source, arm and placement.';

create view analytics.rollups as
select rollup, counted_until, counted_at from public.rollups;

comment on view analytics.rollups is 'When the counts of other views were made: after each night, and by the daily housekeeping.';
comment on column analytics.rollups.rollup is 'interaction_days (interactions_daily), user_activity (user_segments), click_days (impressions_daily, click_through_daily, context_daily, coverage_daily, catalogue_health), retention_weeks (retention_weekly).';
comment on column analytics.rollups.counted_until is 'Up to when they count what occurred.';
comment on column analytics.rollups.counted_at is 'When they were made.';

create view analytics.run_metrics as
select run_id, metric, cast(value as double precision) as value
from public.model_runs cross join lateral jsonb_each(metrics) as figures (metric, value)
where jsonb_typeof(value) = 'number';

comment on view analytics.run_metrics is 'Every figure of every nightly run, one row a run and figure.';
comment on column analytics.run_metrics.run_id is 'Number of the run.';
comment on column analytics.run_metrics.metric is 'Name of the figure, as in model_runs.metrics.';
comment on column analytics.run_metrics.value is 'Its value.';

create view analytics.user_segments as
select user_id, coalesce(segment, 'unknown') as segment, coalesce(interactions, 0) as interactions,
       coalesce(items, 0) as items, coalesce(days, 0) as active_days, first_at, last_at
from public.users left join public.user_activity using (user_no)
where user_no <> 0;

comment on view analytics.user_segments is 'What every user has done so far, as it was when `rollups` was counted.';
comment on column analytics.user_segments.user_id is 'The app''s id of the user.';
comment on column analytics.user_segments.segment is 'By interactions: few (1 to 4), some (5 to 49), many (50 and more); unknown: none yet.';
comment on column analytics.user_segments.interactions is 'How many interactions.';
comment on column analytics.user_segments.items is 'With how many different items.';
comment on column analytics.user_segments.active_days is 'On how many days (UTC).';
comment on column analytics.user_segments.first_at is 'When the first occurred.';
comment on column analytics.user_segments.last_at is 'When the last occurred.';

create view analytics.click_through_daily as
select day, run_id, source, arm, slot, segment, shown, clicked, taken,
       clicked / shown::double precision as click_through, taken / shown::double precision as take_rate
from public.click_days;

comment on view analytics.click_through_daily is 'Items in the lists that were given, and what became of them, by the day the list was given. Days may change as long as the attribution window is open, eight at the least.';
comment on column analytics.click_through_daily.day is 'Day the lists were given, in UTC.';
comment on column analytics.click_through_daily.run_id is 'The run they were made of; null if there was none.';
comment on column analytics.click_through_daily.source is 'Where the list came from, as in the answers of the API.';
comment on column analytics.click_through_daily.arm is 'Arm of the experiment; null if there was none.';
comment on column analytics.click_through_daily.slot is 'Position in the list, 1 is first.';
comment on column analytics.click_through_daily.segment is 'Segment of the user, as in user_segments, when the day was counted.';
comment on column analytics.click_through_daily.shown is 'How many items stood there.';
comment on column analytics.click_through_daily.clicked is 'Of how many an event within the attribution window (TANDEM_ATTRIBUTION_DAYS, 7 unless set) named the list (recommendation_id) and spoke for the item.';
comment on column analytics.click_through_daily.taken is 'How many the same user used or liked within the attribution window (TANDEM_ATTRIBUTION_DAYS, 7 unless set), whether or not the event names the list.';
comment on column analytics.click_through_daily.click_through is 'clicked / shown, 0 to 1. For several rows divide the sums.';
comment on column analytics.click_through_daily.take_rate is 'taken / shown, 0 to 1. For several rows divide the sums.';

create view analytics.context_daily as
select day, name, value, lists, shown, clicked, taken,
       clicked / shown::double precision as click_through, taken / shown::double precision as take_rate
from public.context_days;

comment on view analytics.context_daily is 'Items in the lists that were given, and what became of them, by what the context of the list said. Days may change as long as the attribution window is open, eight at the least.';
comment on column analytics.context_daily.day is 'Day the lists were given, in UTC.';
comment on column analytics.context_daily.name is 'Name in the context, as device. Only names in TANDEM_KEPT_CONTEXT are kept.';
comment on column analytics.context_daily.value is 'What the context said, as phone.';
comment on column analytics.context_daily.lists is 'How many lists were asked for in such a context. A list counts under each of its names.';
comment on column analytics.context_daily.shown is 'How many items stood in them.';
comment on column analytics.context_daily.clicked is 'Of how many an event within the attribution window (TANDEM_ATTRIBUTION_DAYS, 7 unless set) named the list (recommendation_id) and spoke for the item.';
comment on column analytics.context_daily.taken is 'How many the same user used or liked within the attribution window (TANDEM_ATTRIBUTION_DAYS, 7 unless set), whether or not the event names the list.';
comment on column analytics.context_daily.click_through is 'clicked / shown, 0 to 1. For several rows divide the sums.';
comment on column analytics.context_daily.take_rate is 'taken / shown, 0 to 1. For several rows divide the sums.';

create view analytics.coverage_daily as
select day, lists, items, catalogue, items / nullif(catalogue, 0)::double precision as coverage from public.exposure_days;

comment on view analytics.coverage_daily is 'How much of the catalogue the lists of a day showed.';
comment on column analytics.coverage_daily.day is 'Day the lists were given, in UTC.';
comment on column analytics.coverage_daily.lists is 'How many lists were given.';
comment on column analytics.coverage_daily.items is 'How many different items stood in them.';
comment on column analytics.coverage_daily.catalogue is 'How many items were available when the day was counted last.';
comment on column analytics.coverage_daily.coverage is 'items / catalogue.';

create view analytics.catalogue_health as
select item_id, title, available, created_at, coalesce(shown, 0) as shown, coalesce(clicked, 0) as clicked,
       coalesce(taken, 0) as taken, last_shown
from public.items
left join (
    select item_no, sum(shown)::bigint as shown, sum(clicked)::bigint as clicked, sum(taken)::bigint as taken,
           max(day) as last_shown
    from public.item_exposure_days
    group by item_no
) as exposure using (item_no);

comment on view analytics.catalogue_health is 'Every item, and how often it stood in lists in the last 28 days: also what is never shown or never clicked.';
comment on column analytics.catalogue_health.item_id is 'The app''s id of the item.';
comment on column analytics.catalogue_health.title is 'Title of the item as it is now.';
comment on column analytics.catalogue_health.available is 'Whether it may be shown now.';
comment on column analytics.catalogue_health.created_at is 'When the item came into the catalogue.';
comment on column analytics.catalogue_health.shown is 'In how many lists of the last 28 days it stood.';
comment on column analytics.catalogue_health.clicked is 'Of how many of them an event within the attribution window (TANDEM_ATTRIBUTION_DAYS, 7 unless set) named the list and spoke for the item.';
comment on column analytics.catalogue_health.taken is 'Whose users used or liked it within the attribution window (TANDEM_ATTRIBUTION_DAYS, 7 unless set).';
comment on column analytics.catalogue_health.last_shown is 'The last day (UTC) it stood in a list; null: not in the last 28 days.';

create view analytics.retention_weekly as
select week, exposed, users, returned, returned / users::double precision as retention from public.retention_weeks;

comment on view analytics.retention_weekly is 'Who came back: users who did something in a week, by whether they were given a list in it. A comparison, no proof: who asks for lists may come back anyway.';
comment on column analytics.retention_weekly.week is 'Monday of the week (UTC); counted once the week after it is over.';
comment on column analytics.retention_weekly.exposed is 'Whether they were given at least one list of their own in that week.';
comment on column analytics.retention_weekly.users is 'How many users did something in that week.';
comment on column analytics.retention_weekly.returned is 'How many of them did something in the week after, too.';
comment on column analytics.retention_weekly.retention is 'returned / users, 0 to 1.';

-- Roles belong to the whole server: another database on it may have made this one already, even just now.
do $$
begin
    if not exists (select from pg_roles where rolname = 'analyst') then
        create role analyst nologin;
    end if;
exception when duplicate_object or unique_violation then
    null;
end
$$;

grant usage on schema analytics to analyst;
grant select on all tables in schema analytics to analyst;

create view analytics.loads as
select load_no,
       case when state = 'running' and held.load_no is null then 'interrupted' else state end as state,
       started_at,
       ended_at,
       loaded_by,
       source,
       coalesce((counts ->> 'events_stored')::bigint, 0) as events_stored,
       coalesce((counts ->> 'events_repeated')::bigint, 0) as events_repeated,
       coalesce((counts ->> 'left_out')::bigint, 0) as events_left_out,
       coalesce((counts ->> 'items_new')::bigint, 0) as items_new,
       coalesce((counts ->> 'items_changed')::bigint, 0) as items_changed,
       coalesce((select sum(value::bigint) from jsonb_each_text(counts -> 'rejected')), 0)::bigint as rows_rejected,
       mapping,
       undone_at
from public.loads left join public.held_loads as held using (load_no);

comment on view analytics.loads is 'One row a bulk load; its counts are known once it is complete.';
comment on column analytics.loads.load_no is 'Number of the load, as `tandem load --undo` takes it.';
comment on column analytics.loads.state is 'running, complete, interrupted or undone.';
comment on column analytics.loads.started_at is 'When it began.';
comment on column analytics.loads.ended_at is 'When it was complete; null before.';
comment on column analytics.loads.loaded_by is 'The account, API key or flow that loaded.';
comment on column analytics.loads.source is 'What was loaded: paths, an upload, or a database without its password.';
comment on column analytics.loads.events_stored is 'Events that were new.';
comment on column analytics.loads.events_repeated is 'Events that were there before, or came twice.';
comment on column analytics.loads.events_left_out is 'Events of kinds that were left out.';
comment on column analytics.loads.items_new is 'Items that were new.';
comment on column analytics.loads.items_changed is 'Items that were replaced.';
comment on column analytics.loads.rows_rejected is 'Rows that could not be stored.';
comment on column analytics.loads.mapping is 'How the files were read: columns, kinds, scale and times of each.';
comment on column analytics.loads.undone_at is 'When it was taken back; null if it was not.';

create view analytics.experiment_exposures as
select experiment_id, user_id, arm, first_at, completed_at, lists, clicked_lists, clicks, conversions, value, dislikes,
       returned, earlier as earlier_events
from public.experiment_users;

comment on view analytics.experiment_exposures is 'Who was in which experiment, one row a user; what the user did once the window after the first list is over.';
comment on column analytics.experiment_exposures.experiment_id is 'Name of the experiment.';
comment on column analytics.experiment_exposures.user_id is 'The app''s id of the user, known to the log or not.';
comment on column analytics.experiment_exposures.arm is 'Arm of the first list. The user counts in it.';
comment on column analytics.experiment_exposures.first_at is 'When the first list was given.';
comment on column analytics.experiment_exposures.completed_at is 'When the window was over; null: it is not, and the columns after this are null.';
comment on column analytics.experiment_exposures.lists is 'Lists of the experiment within the window.';
comment on column analytics.experiment_exposures.clicked_lists is 'Of these, those of which an event that speaks for an item names the list.';
comment on column analytics.experiment_exposures.clicks is 'Such events.';
comment on column analytics.experiment_exposures.conversions is 'Events of the kinds that the experiment counts as conversions.';
comment on column analytics.experiment_exposures.value is 'Sum of their values, 1 for one without.';
comment on column analytics.experiment_exposures.dislikes is 'Events that speak against an item.';
comment on column analytics.experiment_exposures.returned is 'Whether the user did anything more than a day after the first list.';
comment on column analytics.experiment_exposures.earlier_events is 'Events in the 28 days before the first list.';

create view analytics.experiment_results as
select experiment_id, placement, state, started_at, stopped_at, arm, metric, metric = goal as is_goal,
       sum(users)::bigint as users, sum(acting)::bigint as acting_users, sum(outcome) / sum(users) as mean,
       sqrt(greatest(sum(outcome_squared) - sum(outcome) ^ 2 / sum(users), 0) / nullif(sum(users) - 1, 0) / sum(users))
           as standard_error
from public.experiments join public.experiment_days using (experiment_id)
group by experiment_id, arm, metric;

comment on view analytics.experiment_results is 'What the users of each arm did by each metric, of those whose window is over. For intervals that may be looked at at any time ask the API or `tandem experiment show`.';
comment on column analytics.experiment_results.experiment_id is 'Name of the experiment.';
comment on column analytics.experiment_results.placement is 'What it decides for.';
comment on column analytics.experiment_results.state is 'running, stopped or adopted.';
comment on column analytics.experiment_results.started_at is 'When the first users came in.';
comment on column analytics.experiment_results.stopped_at is 'When it ended; null: it runs.';
comment on column analytics.experiment_results.arm is 'Name of the arm.';
comment on column analytics.experiment_results.metric is 'clicks, click_through, conversion, value, dislikes or returned.';
comment on column analytics.experiment_results.is_goal is 'Whether this metric decides.';
comment on column analytics.experiment_results.users is 'Users whose window is over.';
comment on column analytics.experiment_results.acting_users is 'Those with anything else than 0.';
comment on column analytics.experiment_results.mean is 'Mean per user.';
comment on column analytics.experiment_results.standard_error is 'Standard error of the mean; null with one user.';

create view analytics.freshness_history as
select check_no, began_at, outcome, stored_seconds, seconds from public.freshness_checks where outcome is not null;

comment on view analytics.freshness_history is 'How soon lists follow users: one row a check, in which a canary posts an event and reads its list until that shows it. Kept for 30 days; none unless TANDEM_CANARY_SECONDS is set. The canary stands in no other view.';
comment on column analytics.freshness_history.check_no is 'Number of the check, rising in time.';
comment on column analytics.freshness_history.began_at is 'When it began.';
comment on column analytics.freshness_history.outcome is 'fresh: the list showed the event; late: not within five seconds; failed: the API answered with an error, or the check broke off.';
comment on column analytics.freshness_history.stored_seconds is 'From the sending of the event until it was answered; null if it was not.';
comment on column analytics.freshness_history.seconds is 'From the sending of the event until a list that shows it was answered; null unless fresh.';
