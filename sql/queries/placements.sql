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
