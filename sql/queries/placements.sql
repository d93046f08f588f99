-- Placements and their versions. Each act is one statement with its entry in the audit log.

-- part: saved_columns
name, version, definition, note, saved_by, saved_at

-- name: load_placements
-- The placements in force as one JSON object, by name, and the running experiments with what each arm decides and the shares
-- that hold now. With a text that is another one after every change; both are null if that text is still :known.
with
state as (
    select concat(
        (select string_agg(name || ' ' || version, ',' order by name) from placements where deleted_at is null), ';',
        (select string_agg(experiment_id || ' ' || stratum, ',' order by experiment_id)
         from experiments
         join (select experiment_id, max(stratum) as stratum from experiment_strata group by experiment_id) as last
             using (experiment_id)
         where state = 'running')
    ) as known
),
arms as (
    select experiment_id, jsonb_agg(jsonb_build_object(
               'name', arm ->> 'name', 'version', arm -> 'version', 'share', shares[ordinal],
               'run_id', arm -> 'run_id',
               'stopped', exists (
                   select from experiment_stopped_arms as over
                   where over.experiment_id = experiments.experiment_id and over.arm = kept.arm ->> 'name'),
               'definition', coalesce(definition, '{}')) order by ordinal) as arms
    from experiments
    cross join lateral (
        select shares from experiment_strata where experiment_strata.experiment_id = experiments.experiment_id
        order by stratum desc limit 1
    ) as last
    cross join lateral jsonb_array_elements(arms) with ordinality as kept (arm, ordinal)
    left join placement_versions on placement_versions.name = placement
        and placement_versions.version = cast(arm ->> 'version' as integer)
    where state = 'running'
    group by experiment_id
)
select state.known,
       case when state.known is distinct from cast(:known as text) then coalesce((
           select jsonb_object_agg(name, jsonb_build_object('version', version, 'definition', definition))
           from placements join placement_versions using (name, version)
           where deleted_at is null
       ), '{}') end as placements,
       case when state.known is distinct from cast(:known as text) then coalesce((
           select jsonb_agg(jsonb_build_object(
               'experiment_id', experiment_id, 'placement', placement, 'layer', layer, 'layer_from', layer_from, 'salt', salt,
               'ramp', ramp, 'started_at', started_at, 'ends_at', ends_at, 'arms', arms.arms) order by experiment_id)
           from experiments join arms using (experiment_id)
       ), '[]') end as experiments
from state;

-- name: list_placements
select
{saved_columns}
from placements join placement_versions using (name, version)
where deleted_at is null
order by name;

-- name: find_placement
select
{saved_columns}
from placements join placement_versions using (name, version)
where name = :name and deleted_at is null;

-- name: list_placement_versions
-- The newest versions before :before (null: of all) of a placement, deleted or not, newest first.
select
{saved_columns}
from placement_versions
where name = :name and (cast(:before as integer) is null or version < cast(:before as integer))
order by version desc
limit :most;

-- name: find_placement_version
select
{saved_columns}
from placement_versions where name = :name and version = :version;

-- name: save_placement
-- The next version, if :base_version is in force (0: if there is no placement of this name); no row if another one is. Who
-- comes second waits for the first, and then finds another version.
with
next as (
    insert into placements (name, version)
    select :name, 1
    where :base_version = 0 or exists (select from placements where name = :name)
    on conflict (name) do update
    set version = placements.version + 1, deleted_at = null
    where case when placements.deleted_at is null then placements.version else 0 end = :base_version
    returning name, version
),
saved as (
    insert into placement_versions (name, version, definition, note, saved_by)
    select name, version, cast(:definition as jsonb), :note, :actor from next
    returning
{saved_columns}
),
done as (
    select name as subject, jsonb_build_object('version', version, 'note', note) as details from saved
),
{audited}
select
{saved_columns}
from saved;

-- name: delete_placement
-- Ends a placement if :base_version is in force; its versions stay. No row: another one is, or there is none.
with
ended as (
    update placements set deleted_at = now()
    where name = :name and version = :base_version and deleted_at is null
    returning name, version
),
done as (select name as subject, jsonb_build_object('version', version) as details from ended),
{audited}
select version from ended;

-- name: apply_placements
-- Saves and ends several placements, all or none: see the function. Each has its own entry in the audit log.
with
applied as materialized (
    select name, version, is_ended from apply_placements(cast(:changes as jsonb), :note, cast(:actor as text))
),
audited as (
    insert into audit_log (actor, act, subject, details, request_id)
    select :actor, case when is_ended then 'delete placement' else 'save placement' end, name,
           case when is_ended then jsonb_build_object('version', version)
                else jsonb_build_object('version', version, 'note', cast(:note as text)) end, :request_id
    from applied
)
select name, version, is_ended from applied;

-- name: draw_users
-- Up to :users users, the same for a seed as long as nobody comes or goes. Numbers are drawn, and few are nobody's.
select user_id
from users
where user_no in (
    select 1 + (hashint4extended(drawn, cast(:seed as bigint)) & 9223372036854775807) % (select max(user_no) from users)
    from generate_series(1, 50 * cast(:users as integer)) as drawn
)
order by hashint4extended(user_no, cast(:seed as bigint)), user_no
limit :users;

-- name: store_posted_impressions
-- Writes what apps have shown elsewhere, each once: what is there already, as the list that was given, stays as it is. Users
-- are held until the commit, as by store_impressions; of a user nobody knows it is written of nobody. Of an experiment it is
-- noted who was shown it first, as there; what an app names and does not exist is noted of nobody.
with given as materialized (
    select given.*, context_number(context, coalesce(adds_context, false)) as context_no
    from jsonb_to_recordset(cast(:shown as jsonb)) as given (
        recommendation_id uuid, user_id text, run_id integer, item_nos integer[], shown_at timestamptz, placement text,
        placement_version integer, experiment_id text, arm text, context jsonb,
        adds_context boolean)
),
present as (
    select user_id, user_no from users where user_id in (select user_id from given) order by user_no for key share
),
stored as (
    insert into impressions (recommendation_id, user_no, run_id, source, item_nos, shown_at, placement, placement_version,
                             experiment_id, arm, context_no)
    select recommendation_id, user_no, run_id, 'posted', item_nos, shown_at, placement, placement_version, experiment_id, arm,
           context_no
    from given left join present using (user_id)
    on conflict do nothing
    returning recommendation_id, user_no
),
exposed as (
    insert into experiment_users (experiment_id, user_id, arm, first_at, visits)
    select experiment_id, user_id, (array_agg(given.arm order by shown_at))[1], min(shown_at),
           count(*) filter (where user_no is null)
    from given join stored using (recommendation_id)
    join experiments using (experiment_id)
    where user_id is not null
      and state = 'running' and shown_at >= started_at
      and exists (select from jsonb_to_recordset(arms) as known (name text) where name = given.arm)
      and not exists (
          select from experiment_stopped_arms as over
          where over.experiment_id = given.experiment_id and over.arm = given.arm and over.stopped_at <= shown_at)
      and (user_no is null or not exists (
          select from experiment_users as known
          where known.experiment_id = given.experiment_id and known.user_id = given.user_id))
    group by experiment_id, user_id
    -- In one order by everybody, who may write of the same users.
    order by experiment_id, user_id
    on conflict (experiment_id, user_id) do update set visits = experiment_users.visits + excluded.visits
)
select recommendation_id from stored;
