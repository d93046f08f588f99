-- Imports: what each has brought from its folder or database, so that the next run goes on from there.

-- A run that stored something. `high_water_mark` is what a database's column had reached, `readings` how columns were read,
-- `options` what was asked for. A row is written after its load is complete: whoever dies between reads the same again, and
-- the log knows it.
create table imports (
    import_no        integer generated always as identity primary key,
    name             text not null,
    load_no          integer not null references loads,
    imported_at      timestamptz not null default now(),
    source           text not null,
    options          jsonb not null,
    readings         jsonb not null,
    create_items     boolean,
    high_water_mark  jsonb
);

create index imports_name on imports (name, import_no);

-- The files of a folder as they were when a run read them. `skipped` is why nothing was read from a file.
create table imported_files (
    import_no    integer not null references imports on delete cascade,
    file         text not null,
    size_bytes   bigint not null,
    modified_ns  bigint not null,
    sha256       text not null,
    skipped      text,
    primary key (import_no, file)
);
