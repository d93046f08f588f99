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
