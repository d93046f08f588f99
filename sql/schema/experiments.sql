-- Experiments: what is compared, who was shown which arm first, and what became of it.

-- `arms`: [{"name", "version", "share", "run_id"}], the first being the control; version null: the popular list; run_id: the
-- run of the nightly lists, null: the one being served. `ramp`:
-- [{"days", "share"}]. `guardrails`: [{"metric", "most_loss"}]. `kinds`: events that count as conversions. `layer_from`:
-- where its part of the layer begins; null until it is started. `items_until`: up to when the items of its lists are in
-- `experiment_items`.
create table experiments (
    experiment_id    text primary key check (experiment_id ~ '^[a-z0-9][a-z0-9_-]{0,63}$'),
    placement        text not null,
    note             text not null,
    arms             jsonb not null check (jsonb_array_length(arms) between 2 and 10),
    goal             text not null,
    kinds            text[] not null,
    window_days      double precision not null check (window_days > 0),
    confidence       double precision not null check (confidence > 0 and confidence < 1),
    tuned_to         integer not null check (tuned_to > 0),
    guardrails       jsonb not null,
    layer            text not null,
    salt             text not null,
    ramp             jsonb not null check (jsonb_array_length(ramp) > 0),
    automatic        boolean not null,
    starts_at        timestamptz,
    ends_at          timestamptz,
    state            text not null default 'draft' check (state in ('draft', 'running', 'stopped', 'adopted')),
    revision         integer not null default 1,
    layer_from       double precision,
    started_at       timestamptz,
    stopped_at       timestamptz,
    stopped_because  text,
    adopted_arm      text,
    adopted_version  integer,
    items_until      timestamptz,
    created_at       timestamptz not null default now(),
    constraint experiments_run_in_a_part_of_a_layer check (state = 'draft' or (layer_from is not null and started_at is not null)),
    constraint experiments_stop_once check ((stopped_at is not null) = (state in ('stopped', 'adopted')))
);

-- From when on which shares were in force, in the order of the arms: one stratum, unless they follow the evidence.
create table experiment_strata (
    experiment_id  text not null references experiments on delete cascade,
    stratum        smallint not null,
    since          timestamptz not null,
    shares         double precision[] not null,
    primary key (experiment_id, stratum)
);

-- Arms that did harm: their users get what the control decides, and nobody comes into them any more. Their parts of the users
-- stay as they are, so that nobody else changes arm; from `stopped_at` on another stratum begins.
create table experiment_stopped_arms (
    experiment_id    text not null references experiments on delete cascade,
    arm              text not null,
    stopped_at       timestamptz not null,
    stopped_because  text not null,
    primary key (experiment_id, arm)
);

-- Users as apps name them, known to the log or not, with the arm they were shown first. `visits`: lists that were given while
-- the user was not known to the log, which `impressions` has as nobody's. From `earlier` on: counted when the window was over,
-- null until then.
create table experiment_users (
    experiment_id  text not null references experiments on delete cascade,
    user_id        text not null,
    arm            text not null,
    first_at       timestamptz not null,
    visits         integer not null,
    completed_at   timestamptz,
    earlier        integer,
    lists          integer,
    clicked_lists  integer,
    clicks         integer,
    conversions    integer,
    value          double precision,
    dislikes       integer,
    returned       boolean,
    primary key (experiment_id, user_id)
);

create index experiment_users_user on experiment_users (user_id);

create index experiment_users_open on experiment_users (experiment_id, first_at) where completed_at is null;

-- Sums over the users whose window was over on a day (UTC), by metric: what intervals are computed from. No user can be found
-- in it; whoever is forgotten later stays counted.
create table experiment_days (
    experiment_id    text not null references experiments on delete cascade,
    day              date not null,
    arm              text not null,
    stratum          smallint not null,
    metric           text not null,
    users            bigint not null,
    acting           bigint not null,
    outcome          double precision not null,
    outcome_squared  double precision not null,
    earlier          double precision not null,
    earlier_squared  double precision not null,
    product          double precision not null,
    primary key (experiment_id, day, arm, stratum, metric)
);

-- Different items in the lists of each arm.
create table experiment_items (
    experiment_id  text not null references experiments on delete cascade,
    arm            text not null,
    item_no        integer not null,
    primary key (experiment_id, arm, item_no)
);

-- What requests need of them: all processes are told.
create trigger experiments_changed after insert or delete or update of state on experiments
for each statement execute function notify_placements();

create trigger experiment_strata_changed after insert or update or delete on experiment_strata
for each statement execute function notify_placements();

-- The runs whose nightly lists an experiment that runs gives its users: they are not retired.
create view runs_in_experiments as
select distinct cast(arm ->> 'run_id' as integer) as run_id
from experiments cross join lateral jsonb_array_elements(arms) as arm
where state = 'running' and arm ->> 'run_id' is not null;

-- Starts a draft, or says why not: `unknown`, `state`, `placement` (there is none), `version` (an arm's is none of it), `run`
-- (an arm's is not retained), `kind` (there is none),
-- `layer` (another experiment on the placement is in another layer), `full` (the layer has no part as long as that free),
-- `changed` (somebody gave an arm a run meanwhile). The first free part of the layer is taken that is long enough for the last
-- step of the ramp. One at a time.
create function start_experiment(given_id text) returns text
language plpgsql as $$
declare
    given      experiments;
    has_runs   boolean;
    needed     double precision;
    begins     double precision := 0;
    taken      record;
begin
    -- Nobody retires a run meanwhile. Before the table: a night holds this long, and others write to experiments.
    has_runs := exists (
        select from experiments cross join lateral jsonb_to_recordset(arms) as arm (run_id integer)
        where experiment_id = given_id and arm.run_id is not null);
    if has_runs then
        perform lock_promotion();
    end if;
    lock table experiments in share row exclusive mode;
    select * into given from experiments where experiment_id = given_id;
    if not found then
        return 'unknown';
    elsif given.state <> 'draft' then
        return 'state';
    elsif given.placement <> 'default'
          and not exists (select from placements where name = given.placement and deleted_at is null) then
        return 'placement';
    elsif exists (
        select from jsonb_to_recordset(given.arms) as arm (version integer)
        where arm.version > 0 and not exists (
            select from placement_versions where name = given.placement and version = arm.version)
    ) then
        return 'version';
    elsif not has_runs and exists (
        select from jsonb_to_recordset(given.arms) as arm (run_id integer) where arm.run_id is not null
    ) then
        return 'changed';
    elsif exists (
        select from jsonb_to_recordset(given.arms) as arm (run_id integer)
        where arm.run_id is not null
          and not (run_is_kept(arm.run_id) and exists (
              select from model_runs where model_runs.run_id = arm.run_id and model_runs.state = 'published'))
    ) then
        return 'run';
    elsif exists (
        select from unnest(given.kinds) as wanted
        where not exists (select from event_kinds where event_kinds.kind = wanted)
    ) then
        return 'kind';
    elsif exists (
        select from experiments
        where state = 'running' and placement = given.placement and layer <> given.layer
    ) then
        return 'layer';
    end if;

    needed := cast(given.ramp -> -1 ->> 'share' as double precision);
    for taken in
        select layer_from, cast(ramp -> -1 ->> 'share' as double precision) as share
        from experiments where state = 'running' and layer = given.layer
        order by layer_from
    loop
        -- Shares are sums of decimal fractions.
        exit when begins + needed <= taken.layer_from + 1e-9;
        begins := taken.layer_from + taken.share;
    end loop;
    if begins + needed > 1 + 1e-9 then
        return 'full';
    end if;

    update experiments
    set state = 'running', revision = revision + 1, layer_from = begins, started_at = greatest(now(), starts_at),
        items_until = greatest(now(), starts_at)
    where experiment_id = given_id;
    insert into experiment_strata (experiment_id, stratum, since, shares)
    select given_id, 1, greatest(now(), given.starts_at),
           array(select share from jsonb_to_recordset(given.arms) as arm (share double precision));
    return 'started';
end
$$;

-- Stops an arm of a running experiment, or (`experiment`) all of it if no arm beside the control is left then; null: it does
-- not run, the arm was stopped before, or it is none that can be.
create function stop_arm(given_id text, given_arm text, because text) returns text
language plpgsql as $$
declare
    given   experiments;
    others  bigint;
begin
    select * into given from experiments where experiment_id = given_id and state = 'running' for update;
    if not found or given_arm = given.arms -> 0 ->> 'name'
       or not exists (select from jsonb_to_recordset(given.arms) as arm (name text) where arm.name = given_arm) then
        return null;
    end if;
    insert into experiment_stopped_arms (experiment_id, arm, stopped_at, stopped_because)
    values (given_id, given_arm, now(), because)
    on conflict do nothing;
    if not found then
        return null;
    end if;
    select count(*) into others from experiment_stopped_arms where experiment_id = given_id;
    if others = jsonb_array_length(given.arms) - 1 then
        update experiments
        set state = 'stopped', revision = revision + 1, stopped_at = now(), stopped_because = because
        where experiment_id = given_id;
        return 'experiment';
    end if;
    insert into experiment_strata (experiment_id, stratum, since, shares)
    select experiment_id, stratum + 1, now(), shares
    from experiment_strata where experiment_id = given_id
    order by stratum desc
    limit 1;
    return 'arm';
end
$$;

-- Decides for the placement as an arm does: its version is saved again as the next one, which is answered, and the experiment
-- ends. Or why not: `unknown`, `state`, `arm` (there is none, or it has the popular list), `run` (it has a run's lists),
-- `stopped` (the arm was, as it did harm), `placement` (it was deleted).
create function adopt_arm(given_id text, given_arm text, given_actor text)
returns table (outcome text, version integer)
language plpgsql as $$
#variable_conflict use_column
declare
    given      experiments;
    arm_no     integer;
    run_no     integer;
    saved_no   integer;
begin
    select * into given from experiments where experiment_id = given_id for update;
    select arm.version, arm.run_id into arm_no, run_no
    from jsonb_to_recordset(given.arms) as arm (name text, version integer, run_id integer) where arm.name = given_arm;
    if given is null then
        return query select 'unknown', null::integer;
        return;
    elsif given.state not in ('running', 'stopped') then
        return query select 'state', null::integer;
        return;
    elsif arm_no is null then
        return query select 'arm', null::integer;
        return;
    elsif run_no is not null then
        return query select 'run', null::integer;
        return;
    elsif exists (select from experiment_stopped_arms as over where over.experiment_id = given_id and over.arm = given_arm) then
        return query select 'stopped', null::integer;
        return;
    end if;

    -- With version 0 nothing was decided then.
    if arm_no > 0 then
        perform from placements where name = given.placement and deleted_at is null for update;
        if not found then
            return query select 'placement', null::integer;
            return;
        end if;
    end if;
    select saved.version into saved_no
    from save_next_version(
        given.placement, null,
        coalesce((select older.definition from placement_versions as older
                  where older.name = given.placement and older.version = arm_no), '{}'),
        format('arm %s of the experiment %s', given_arm, given_id), given_actor) as saved;
    update experiments
    set state = 'adopted', revision = revision + 1, adopted_arm = given_arm, adopted_version = saved_no,
        stopped_at = coalesce(stopped_at, now()),
        stopped_because = coalesce(stopped_because, format('the arm %s was adopted', given_arm))
    where experiment_id = given_id;
    return query select 'adopted', saved_no;
end
$$;
