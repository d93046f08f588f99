-- Uploads: files that came over HTTP and wait in a folder to be loaded, and what became of them.

-- `file` is its name in that folder. `options` are the query parameters it came with. A `running` upload whose lock nobody
-- holds was interrupted, and is taken up again; `attempts` counts how often since it was queued. `undoing` asks whoever
-- loads it to stop and take back what was added. `source` is the source of its loads.
create table uploads (
    upload_id    integer generated always as identity primary key,
    filename     text not null,
    source       text not null generated always as ('upload ' || cast(upload_id as text) || ' ' || filename) stored,
    file         text not null unique,
    bytes        bigint not null,
    options      jsonb not null,
    is_preview   boolean not null,
    state        text not null default 'queued'
                 check (state in ('queued', 'running', 'complete', 'failed', 'undoing', 'undone')),
    uploaded_by  text not null,
    queued_at    timestamptz not null default now(),
    started_at   timestamptz,
    ended_at     timestamptz,
    attempts     integer not null default 0,
    progress     jsonb,
    result       json
);

create index uploads_open on uploads (upload_id) where state in ('queued', 'running', 'undoing');
create index loads_source on loads (source);

-- Whether a worker works on an upload.
create function upload_is_held(given_upload_id integer) returns boolean
language sql stable
return exists (select from held_locks where class_no = 31323 and object_no = given_upload_id);

-- Takes the oldest upload that nobody works on. No row: there is none. The lock is the session's; a session that has one
-- gives it back before it takes another.
create function claim_upload() returns setof uploads
language plpgsql as $$
declare
    found_id  integer;
    claimed   uploads;
begin
    for found_id in
        select upload_id from uploads where state in ('queued', 'running', 'undoing') order by upload_id
    loop
        continue when not pg_try_advisory_lock(31323, found_id);
        -- It may have ended since it was looked for.
        update uploads
        set state = case when state = 'queued' then 'running' else state end, started_at = now(), progress = null,
            attempts = attempts + 1
        where upload_id = found_id and state in ('queued', 'running', 'undoing')
        returning * into claimed;
        if found then
            return next claimed;
            return;
        end if;
        perform pg_advisory_unlock(31323, found_id);
    end loop;
end
$$;
