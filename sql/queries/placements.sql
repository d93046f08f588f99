-- Placements and their versions. Each act is one statement with its entry in the audit log.

-- part: saved_columns
name, version, definition, note, saved_by, saved_at

-- name: load_placements
-- The placements in force as one JSON object, by name, and the running experiments with what each arm decides, and the shares
-- that hold now and held in the days of which lists are still posted. With a text that is another one after every change; both
-- are null if that text is still :known.
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
    select experiments.experiment_id, jsonb_agg(jsonb_build_object(
               'name', kept.arm ->> 'name', 'version', kept.arm -> 'version', 'run_id', kept.arm -> 'run_id',
               'stopped_at', over.stopped_at,
               'definition', coalesce(definition, '{}')) order by ordinal) as arms
    from experiments
    cross join lateral jsonb_array_elements(arms) with ordinality as kept (arm, ordinal)
    left join experiment_stopped_arms as over on over.experiment_id = experiments.experiment_id
        and over.arm = kept.arm ->> 'name'
    left join placement_versions on placement_versions.name = placement
        and placement_versions.version = cast(kept.arm ->> 'version' as integer)
    where state = 'running'
    group by experiments.experiment_id
),
held as (
    select experiment_id, shares, lead(since) over (partition by experiment_id order by stratum) as until
    from experiment_strata
),
strata as (
    select experiment_id, jsonb_agg(jsonb_build_object('shares', shares, 'until', until) order by until) as strata
    from held
    where until is null or until > now() - interval '8 days'
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
               'ramp', ramp, 'started_at', started_at, 'ends_at', ends_at, 'arms', arms.arms, 'strata', strata)
               order by experiment_id)
           from experiments join arms using (experiment_id) join strata using (experiment_id)
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
-- The next version, if :base_version is in force (0: if there is no placement of this name); no row if another one is.
with
saved as materialized (
    select
{saved_columns}
    from save_next_version(:name, :base_version, cast(:definition as jsonb), :note, cast(:actor as text))
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
-- noted who was shown it first, as there, and which items, as they may be posted later than note_items looks back; what an app
-- names and does not exist is noted of nobody.
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
{exposed}
, noted as (
    insert into experiment_items (experiment_id, arm, item_no)
    select distinct experiment_id, arm, item_no
    from counting cross join lateral unnest(item_nos) as item_no
    -- In one order by everybody, who may write of the same items.
    order by experiment_id, arm, item_no
    on conflict do nothing
)
select recommendation_id from stored;

-- name: find_placements_of_experiments
-- What each of some experiments decides for.
select experiment_id, placement from experiments where experiment_id = any(cast(:experiment_ids as text[]));
