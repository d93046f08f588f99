-- Placements: what is decided for the lists of one place in an app, every version of it.

-- The version in force of each. A placement that is deleted goes on counting where it left off if it is made again, so that a
-- name and a version always mean the same.
create table placements (
    name        text primary key check (name ~ '^[a-z0-9][a-z0-9_-]{0,63}$'),
    version     integer not null check (version > 0),
    deleted_at  timestamptz
);

-- Never changed once written.
create table placement_versions (
    name        text not null,
    version     integer not null,
    definition  jsonb not null check (jsonb_typeof(definition) = 'object'),
    note        text not null default '',
    saved_by    text not null,
    saved_at    timestamptz not null default clock_timestamp(),
    primary key (name, version)
);

create function notify_placements() returns trigger
language plpgsql as $$
begin
    perform pg_notify('tandem_placements', '');
    return null;
end
$$;

-- Whoever changes what is decided, by whatever way, tells all processes at the commit.
create trigger placements_changed after insert or update or delete on placements
for each statement execute function notify_placements();

-- Saves the next version of a placement if the base is in force (0: there is none of this name; null: whichever is, or none).
-- No row if another one is. Who comes second waits for the first, and then finds another version.
create function save_next_version(
    given_name text, base_version integer, given_definition jsonb, given_note text, given_actor text
) returns setof placement_versions
language sql as $$
    with
    next as (
        insert into placements (name, version)
        select given_name, 1
        where coalesce(base_version, 0) = 0 or exists (select from placements where name = given_name)
        on conflict (name) do update
        set version = placements.version + 1, deleted_at = null
        where base_version is null
           or base_version = case when placements.deleted_at is null then placements.version else 0 end
        returning name, version
    )
    insert into placement_versions (name, version, definition, note, saved_by)
    select name, version, given_definition, given_note, given_actor from next
    returning *
$$;

-- Saves and ends several placements at once, all or none: [{name, base_version, definition}, …], without a definition it is
-- ended. Each that was changed, with its version. If another version than the base is in force of one, none is changed: the
-- error TD413 has its name as its detail. In the order of the names by everybody, so that two cannot wait for each other.
create function apply_placements(changes jsonb, given_note text, given_actor text)
returns table (name text, version integer, is_ended boolean)
language plpgsql as $$
#variable_conflict use_column
declare
    wanted    record;
    saved_no  integer;
begin
    for wanted in
        select change.* from jsonb_to_recordset(changes) as change (name text, base_version integer, definition jsonb)
        order by change.name
    loop
        saved_no := null;
        if wanted.definition is null then
            update placements set deleted_at = now()
            where placements.name = wanted.name and placements.version = wanted.base_version and deleted_at is null
            returning placements.version into saved_no;
        else
            select saved.version into saved_no
            from save_next_version(wanted.name, wanted.base_version, wanted.definition, given_note, given_actor) as saved;
        end if;
        if saved_no is null then
            raise exception 'another version of a placement is in force' using
                errcode = 'TD413', detail = cast(to_jsonb(wanted.name) as text);
        end if;
        return query select wanted.name, saved_no, wanted.definition is null;
    end loop;
end
$$;
