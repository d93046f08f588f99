-- Experiments: kept, started and ended, and what their users did. Each act is one statement with its entry in the audit log.

-- part: kept_columns
experiment_id, placement, note, arms, goal, kinds, window_days, confidence, tuned_to, guardrails, layer, salt, ramp, automatic,
starts_at, ends_at, state, revision, started_at, stopped_at, stopped_because, adopted_arm, adopted_version, created_at

-- part: strata
-- From when until when each was in force. Clocks differ a little: whoever came before the first is of the first.
select experiment_id, stratum, case when stratum = 1 then '-infinity' else since end as since,
       lead(since, 1, 'infinity') over (partition by experiment_id order by stratum) as until
from experiment_strata

-- name: list_experiments
-- Those in a state (null: in any), the newest first.
select
{kept_columns}
from experiments
where cast(:state as text) is null or state = cast(:state as text)
order by created_at desc, experiment_id;

-- name: find_experiment
select
{kept_columns}
from experiments where experiment_id = :experiment_id;

-- name: add_experiment
-- A draft; no row if there is an experiment of this name.
with
made as (
    insert into experiments (experiment_id, placement, note, arms, goal, kinds, window_days, confidence, tuned_to, guardrails,
                             layer, salt, ramp, automatic, starts_at, ends_at)
    select :experiment_id, placement, note, arms, goal, kinds, window_days, confidence, tuned_to, guardrails, layer, salt, ramp,
           automatic, starts_at, ends_at
    from jsonb_populate_record(null::experiments, cast(:definition as jsonb))
    on conflict do nothing
    returning
{kept_columns}
),
done as (
    select experiment_id as subject, jsonb_build_object('placement', placement) as details from made
),
{audited}
select
{kept_columns}
from made;

-- name: change_experiment
-- Another definition of a draft that is as it was looked at; no row if it is not.
with
changed as (
    update experiments
    set placement = fields.placement, note = fields.note, arms = fields.arms, goal = fields.goal, kinds = fields.kinds,
        window_days = fields.window_days, confidence = fields.confidence, tuned_to = fields.tuned_to, guardrails = fields.guardrails,
        layer = fields.layer, salt = fields.salt, ramp = fields.ramp, automatic = fields.automatic, starts_at = fields.starts_at,
        ends_at = fields.ends_at, revision = experiments.revision + 1
    from jsonb_populate_record(null::experiments, cast(:definition as jsonb)) as fields
    where experiments.experiment_id = :experiment_id and experiments.state = 'draft' and experiments.revision = :revision
    returning experiments.*
),
done as (
    select experiment_id as subject, cast('{}' as jsonb) as details from changed
),
{audited}
select
{kept_columns}
from changed;

-- name: start_experiment
with
tried as materialized (select start_experiment(:experiment_id) as outcome),
done as (
    select cast(:experiment_id as text) as subject, cast('{}' as jsonb) as details from tried where outcome = 'started'
),
{audited}
select outcome from tried;

-- name: stop_experiment
-- Ends one that runs; no row if none does.
with
stopped as (
    update experiments
    set state = 'stopped', revision = revision + 1, stopped_at = now(), stopped_because = :because
    where experiment_id = :experiment_id and state = 'running'
    returning
{kept_columns}
),
done as (
    select experiment_id as subject, jsonb_build_object('because', stopped_because) as details from stopped
),
{audited}
select
{kept_columns}
from stopped;

-- name: stop_arm
with
tried as materialized (select stop_arm(:experiment_id, :arm, :because) as stopped),
done as (
    select cast(:experiment_id as text) as subject,
           jsonb_build_object('arm', cast(:arm as text), 'because', cast(:because as text), 'stopped', stopped) as details
    from tried where stopped is not null
),
{audited}
select stopped from tried;

-- name: adopt_arm
with
tried as materialized (
    select outcome, version from adopt_arm(:experiment_id, :arm, cast(:actor as text))
),
done as (
    select cast(:experiment_id as text) as subject, jsonb_build_object('arm', cast(:arm as text), 'version', version) as details
    from tried where outcome = 'adopted'
),
{audited}
select outcome, version from tried;

-- name: find_counted
-- Experiments of which something may still be counted: those that run, and those that ended before all was.
select experiment_id from experiments
where started_at <= now()
  and (state = 'running' or items_until < stopped_at or exists (
      select from experiment_users as exposed
      left join experiment_stopped_arms as over using (experiment_id, arm)
      where exposed.experiment_id = experiments.experiment_id and completed_at is null
        and first_at <= least(experiments.stopped_at, over.stopped_at) - make_interval(secs => window_days * 86400)))
order by experiment_id;

-- name: complete_users
-- Counts what became of about :most users of an experiment whose window was over before it, or their arm, was stopped; answers
-- how many. Late events have :grace_seconds. Whoever counts at the same time takes other users.
with
due as materialized (
    select exposed.experiment_id, exposed.user_id, exposed.arm, exposed.first_at, visits, kinds,
           first_at + make_interval(secs => window_days * 86400) as until
    from experiment_users as exposed
    join experiments using (experiment_id)
    left join experiment_stopped_arms as over using (experiment_id, arm)
    where experiment_id = :experiment_id and completed_at is null
      and first_at <= least(now() - make_interval(secs => :grace_seconds), experiments.stopped_at, over.stopped_at)
                      - make_interval(secs => window_days * 86400)
    order by first_at
    limit :most
    for update of exposed skip locked
),
known as materialized (
    select due.*, user_no from due left join users using (user_id)
),
shown as (
    select user_no, recommendation_id
    from known join impressions using (user_no)
    where impressions.experiment_id = known.experiment_id and shown_at >= first_at and shown_at < until
),
did as (
    select known.user_id, event.weight, recommendation_id, occurred_at < first_at as is_earlier,
           occurred_at >= first_at + interval '1 day' as is_return,
           case when kind = any(kinds) then coalesce(value, 1) end as conversion
    from known
    join weighed_interactions as event using (user_no)
    join event_kinds using (kind_no)
    where occurred_at >= first_at - interval '28 days' and occurred_at < until
),
clicked as (
    select did.user_id, count(*) as clicks, count(distinct recommendation_id) as clicked_lists
    from did join impressions using (recommendation_id)
    where not is_earlier and weight > 0 and impressions.experiment_id = :experiment_id
    group by user_id
),
acted as (
    select user_id, count(*) filter (where is_earlier) as earlier,
           count(conversion) filter (where not is_earlier) as conversions,
           sum(conversion) filter (where not is_earlier) as value,
           count(*) filter (where not is_earlier and weight < 0) as dislikes,
           bool_or(is_return) as returned
    from did
    group by user_id
),
given as (
    select user_no, count(*) as lists from shown group by user_no
),
completed as (
    update experiment_users as exposed
    set completed_at = until, earlier = coalesce(acted.earlier, 0), lists = coalesce(given.lists, 0) + known.visits,
        clicked_lists = coalesce(clicked.clicked_lists, 0), clicks = coalesce(clicked.clicks, 0),
        conversions = coalesce(acted.conversions, 0), value = coalesce(acted.value, 0),
        dislikes = coalesce(acted.dislikes, 0), returned = coalesce(acted.returned, false)
    from known
    left join acted using (user_id)
    left join clicked using (user_id)
    left join given using (user_no)
    where exposed.experiment_id = known.experiment_id and exposed.user_id = known.user_id
    returning exposed.*
),
outcomes as (
    select experiment_id, cast(completed_at at time zone 'UTC' as date) as day, arm,
           stratum, metric, outcome, ln(1.0 + earlier) as earlier
    from completed
    join (
{strata}
    ) as held using (experiment_id)
    cross join lateral (values
        ('clicks', cast(clicks as double precision)),
        ('click_through', clicked_lists / cast(greatest(lists, clicked_lists, 1) as double precision)),
        ('conversion', cast(least(conversions, 1) as double precision)),
        ('value', value),
        ('dislikes', cast(dislikes as double precision)),
        ('returned', cast(cast(returned as integer) as double precision))
    ) as measured (metric, outcome)
    where first_at >= since and first_at < until
),
counted as (
    insert into experiment_days (experiment_id, day, arm, stratum, metric, users, acting, outcome, outcome_squared, earlier,
                                 earlier_squared, product)
    select experiment_id, day, arm, stratum, metric, count(*), count(*) filter (where outcome <> 0), sum(outcome),
           sum(outcome * outcome), sum(earlier), sum(earlier * earlier), sum(outcome * earlier)
    from outcomes
    group by experiment_id, day, arm, stratum, metric
    order by experiment_id, day, arm, stratum, metric
    on conflict (experiment_id, day, arm, stratum, metric) do update
    set users = experiment_days.users + excluded.users, acting = experiment_days.acting + excluded.acting,
        outcome = experiment_days.outcome + excluded.outcome,
        outcome_squared = experiment_days.outcome_squared + excluded.outcome_squared,
        earlier = experiment_days.earlier + excluded.earlier,
        earlier_squared = experiment_days.earlier_squared + excluded.earlier_squared,
        product = experiment_days.product + excluded.product
)
select count(*) as users from completed;

-- name: note_items
-- Notes the items of the lists since they were noted last, twenty minutes of them at the most; whether there is more.
-- Impressions are written a little after they were shown, and in an outage later: ten minutes are looked at again. Those that
-- are posted note theirs themselves.
with
span as (
    select experiment_id, items_until - interval '10 minutes' as since,
           least(items_until + interval '20 minutes', stopped_at, now()) as until, coalesce(stopped_at, now()) as last_at
    from experiments where experiment_id = :experiment_id
    for no key update skip locked
),
noted as (
    insert into experiment_items (experiment_id, arm, item_no)
    select distinct impressions.experiment_id, arm, item_no
    from span join impressions on impressions.experiment_id = span.experiment_id and shown_at >= since and shown_at < until
    cross join lateral unnest(item_nos) as item_no
    order by arm, item_no
    on conflict do nothing
),
moved as (
    update experiments set items_until = until from span where experiments.experiment_id = span.experiment_id
)
select until < last_at as has_more from span;

-- name: load_experiment_days
select day, arm, stratum, metric, users, acting, outcome, outcome_squared, earlier, earlier_squared, product
from experiment_days where experiment_id = :experiment_id
order by day, metric, stratum, arm;

-- name: load_experiment_strata
select stratum, since, shares from experiment_strata where experiment_id = :experiment_id order by stratum;

-- name: load_stopped_arms
select arm, stopped_at, stopped_because
from experiment_stopped_arms where experiment_id = :experiment_id
order by stopped_at, arm;

-- name: count_exposed
-- Users by the arm and the stratum of their first list.
select arm, stratum, count(*) as users
from experiment_users
join (
{strata}
) as held using (experiment_id)
where experiment_id = :experiment_id and first_at >= since and first_at < until
group by arm, stratum
order by arm, stratum;

-- name: count_experiment_items
-- Different items in the lists of each arm, and how many there are to be had.
select arm, count(*) as items, (select count(*) from items where available) as catalogue
from experiment_items where experiment_id = :experiment_id
group by arm
order by arm;

-- name: add_stratum
-- Other shares from now on, if :stratum is the last one.
insert into experiment_strata (experiment_id, stratum, since, shares)
select experiment_id, cast(:stratum as smallint) + 1, now(), cast(:shares as double precision[])
from experiments
where experiment_id = :experiment_id and state = 'running'
on conflict do nothing
returning stratum;
