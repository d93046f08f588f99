-- Who is in experiments, by the lists of a statement: those that Tandem gave (store_impressions) and those that apps post.

-- part: exposed
-- Of the `given` lists that were `stored` now, those that count in an experiment: on its placement, while it and their arm ran
-- (`counting`). Noted is who was shown it first, and how often whoever the log does not know. An earlier list may come later:
-- users are then of its arm, unless they were counted already.
counting as (
    select given.experiment_id, given.user_id, given.arm, given.shown_at, given.item_nos, stored.user_no
    from given
    join stored using (recommendation_id)
    join experiments on experiments.experiment_id = given.experiment_id and experiments.placement = given.placement
    where given.user_id is not null and given.shown_at >= experiments.started_at
      and (experiments.stopped_at is null or given.shown_at < experiments.stopped_at)
      and exists (select from jsonb_to_recordset(experiments.arms) as known (name text) where known.name = given.arm)
      and not exists (
          select from experiment_stopped_arms as over
          where over.experiment_id = given.experiment_id and over.arm = given.arm and over.stopped_at <= given.shown_at)
),
exposed as (
    insert into experiment_users as noted (experiment_id, user_id, arm, first_at, visits)
    select experiment_id, user_id, (array_agg(arm order by shown_at))[1], min(shown_at), count(*) filter (where user_no is null)
    from counting
    where user_no is null or not exists (
        select from experiment_users as known
        where known.experiment_id = counting.experiment_id and known.user_id = counting.user_id
          and (known.first_at <= counting.shown_at or known.completed_at is not null))
    group by experiment_id, user_id
    -- In one order by everybody, who may write of the same users.
    order by experiment_id, user_id
    on conflict (experiment_id, user_id) do update
    set visits = noted.visits + excluded.visits,
        arm = case when noted.completed_at is null and excluded.first_at < noted.first_at then excluded.arm else noted.arm end,
        first_at = case when noted.completed_at is null then least(noted.first_at, excluded.first_at) else noted.first_at end
)
