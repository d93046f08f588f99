-- Model runs: their rows, which one is served, and the tables with a partition a run.

-- ---------------------------------------------------------------- runs and promotions

create table model_runs (
    run_id            integer generated always as identity primary key,
    state             text not null default 'training'
                      check (state in ('training', 'evaluated', 'refused', 'failed', 'published', 'retired')),
    started_at        timestamptz not null default now(),
    finished_at       timestamptz,
    cut_off_position  bigint not null,
    cut_off_at        timestamptz not null,
    parameters        jsonb not null default '{}',
    metrics           jsonb not null default '{}',
    step_seconds      jsonb not null default '{}',
    reason            text,
    flow_run_id       uuid,
    gramian           real[],
    item_norm         real
);

-- One row that names the run being served, and which promotion it was: a run that is served again is not what it
-- was the first time, its live vectors have gone on.
create table live_run (
    only_row      boolean primary key default true check (only_row),
    run_id        integer not null references model_runs,
    promoted_at   timestamptz not null default now(),
    promotion_no  bigint not null default 0
);

create table promotions (
    promotion_no  bigint generated always as identity primary key,
    run_id        integer not null references model_runs,
    how           text not null check (how in ('published', 'rolled back')),
    promoted_by   text not null,
    promoted_at   timestamptz not null default clock_timestamp()
);

-- Whoever changes which run is served, or takes away what could be served, holds this until the transaction ends.
-- Two keys, so that it is never taken for a writer of events.
create function lock_promotion() returns void
language sql as $$
    select pg_advisory_xact_lock(31310, 3)
$$;

-- Serves a run from the commit on, puts that on record, and notifies whoever listens.
create function promote_run(new_run_id integer, how text, promoted_by text) returns bigint
language plpgsql as $$
declare
    new_promotion_no bigint;
begin
    perform lock_promotion();
    insert into promotions (run_id, how, promoted_by) values (new_run_id, how, promoted_by)
    returning promotion_no into new_promotion_no;
    insert into live_run (run_id, promotion_no) values (new_run_id, new_promotion_no)
    on conflict (only_row) do update
    set run_id = excluded.run_id, promotion_no = excluded.promotion_no, promoted_at = clock_timestamp();
    perform pg_notify('tandem_promotion', new_run_id::text);
    return new_promotion_no;
end
$$;

-- Whether a run is there to be read: it is served, was served, or is ready to be. State and partitions both: it is
-- retired first and then taken apart.
create function run_is_kept(asked_run_id integer) returns boolean
language sql stable as $$
    select exists (select from model_runs where run_id = asked_run_id and state in ('published', 'evaluated'))
           and to_regclass('user_embeddings_' || asked_run_id) is not null
           and to_regclass('popular_items_' || asked_run_id) is not null
$$;

-- ---------------------------------------------------------------- what a run is made of

-- What a run is made of has a partition each run. No foreign key: on a partition it makes dropping it lock model_runs
-- against every reader, and costs a look-up a row while a run is written; runs are never deleted, so it would guard nothing.
create table batch_recommendations (
    run_id    integer not null,
    user_no   integer not null,
    item_nos  integer[] not null,
    scores    real[] not null,
    primary key (run_id, user_no)
) partition by list (run_id);

-- `context_embedding`: the item as a part of a history. `users`: how many liked the item when its vector was made, 0: it was
-- made of words alone. `embedded_at`: when an item got this vector between two nights, null: the night made it.
create table item_embeddings (
    run_id             integer not null,
    item_no            integer not null,
    embedding          vector not null,
    context_embedding  vector,
    taste_scale        real not null,
    confidence_scale   real not null,
    users              integer not null default 0,
    embedded_at        timestamptz,
    primary key (run_id, item_no)
) partition by list (run_id);

-- Those few like are found without looking at the others.
create index item_embeddings_users on item_embeddings (users, item_no);

-- Those of the night are kept in memory; the others, a few, are read with each list.
create index item_embeddings_embedded on item_embeddings (item_no) where embedded_at is not null;

-- `next_item_nos`: what comes next after the user's history by the run's transitions, the best first, and in `next_scores`
-- what each gains by it beside the inner product; null: nothing does. The embedding stays in the row, where the
-- comparison of all users reads it, and of the others goes what does not fit.
create table user_embeddings (
    run_id                integer not null,
    user_no               integer not null,
    embedding             vector storage main,
    next_item_nos         integer[] storage external,
    next_scores           real[] storage external,
    events_since_cut_off  integer not null,
    position              bigint not null,
    updated_at            timestamptz not null default now(),
    primary key (run_id, user_no)
) partition by list (run_id);

create table popular_items (
    run_id    integer not null,
    list      text not null,
    category  text not null default '',
    item_nos  integer[] not null,
    scores    real[] not null,
    primary key (run_id, list, category)
) partition by list (run_id);

-- `embedding` is what one mention of the term adds to the taste and sequence parts of a vector, `context_embedding` what it
-- adds to the item as a part of a history (null: the run has no sequence part).
create table term_embeddings (
    run_id             integer not null,
    term               text not null,
    idf                real not null,
    embedding          vector not null,
    context_embedding  vector,
    primary key (run_id, term)
) partition by list (run_id);

-- How similar two items of a run are is the inner product of these, at most 1: what is used by the same people counts, and
-- what reads similarly.
create table item_similarity_embeddings (
    run_id                integer not null,
    item_no               integer not null,
    similarity_embedding  vector not null,
    primary key (run_id, item_no)
) partition by list (run_id);

-- The rows of the run's transition matrix: what the items that come after this one gain by it. Items that nothing follows
-- have no row, nor have those embedded between two nights.
create table item_transitions (
    run_id         integer not null,
    item_no        integer not null,
    next_item_nos  integer[] not null,
    scores         real[] not null,
    primary key (run_id, item_no)
) partition by list (run_id);

-- And of what has come after what since the run's cut-off, made again and again by the speed worker; none where that counts
-- nothing in the run.
create table recent_transitions (
    run_id         integer not null references model_runs on delete cascade,
    item_no        integer not null,
    next_item_nos  integer[] not null,
    scores         real[] not null,
    primary key (run_id, item_no)
);

-- How far the events of a run's users are folded in; users are dealt out to shards by their number. `first_position`: live
-- events up to here have gone before those of a load, which `position` has not reached.
create table speed_progress (
    run_id          integer not null references model_runs on delete cascade,
    shard           smallint not null,
    position        bigint not null,
    first_position  bigint not null default 0,
    primary key (run_id, shard)
);

-- ---------------------------------------------------------------- partitions beside readers

-- What changes tables is done by functions of the owner, so that whoever serves, learns and follows the log changes rows
-- only. Each takes numbers, never names, and finds everything in the schema the owner alone may create in. Who may call
-- what is not said here: sql/queries/roles.sql grants it after every migration.

-- The tables with a partition a run.
create function run_tables() returns text[]
language sql immutable parallel safe
return array['batch_recommendations', 'item_embeddings', 'user_embeddings', 'popular_items', 'term_embeddings',
             'item_similarity_embeddings', 'item_transitions'];

-- Makes the partitions a run is written into. `create table ... partition of` would lock out the readers of all runs;
-- attaching does not.
create function create_run_partitions(new_run_id integer) returns void
language plpgsql security definer
set search_path = public, pg_temp
as $$
declare
    parent text;
begin
    if not exists (select from model_runs where run_id = new_run_id) then
        raise exception 'there is no run %', new_run_id using errcode = 'foreign_key_violation';
    end if;
    foreach parent in array run_tables() loop
        execute format('create table %I (like %I including all)', parent || '_' || new_run_id, parent);
        execute format('alter table %I attach partition %I for values in (%s)',
                       parent, parent || '_' || new_run_id, new_run_id);
        -- A nightly run copies into them by their names; everything else goes through their tables.
        if exists (select from pg_roles where rolname = 'tandem_app') then
            execute format('grant insert on %I to tandem_app', parent || '_' || new_run_id);
        end if;
    end loop;
end
$$;

-- Detaches one of a run's partitions; false when none is attached any more. One a transaction, and its locks are asked for
-- without waiting, again and again for as long as `lock_timeout` says: whoever waits for such a lock holds up every reader
-- of every run behind it, and `detach ... concurrently`, which need not, runs in no function.
create function detach_run_partition(old_run_id integer) returns boolean
language plpgsql security definer
set search_path = public, pg_temp
as $$
declare
    patience   interval := coalesce(nullif(cast(current_setting('lock_timeout') as interval), '0'), '1 day');
    parent     text;
    partition  text;
    pending    text;
begin
    if exists (select from live_run where run_id = old_run_id) then
        raise exception 'run % is being served and cannot be taken apart', old_run_id;
    end if;

    select parents.name into parent
    from unnest(run_tables()) with ordinality as parents (name, ordinal)
    join pg_inherits on inhparent = to_regclass(parents.name)
                    and inhrelid = to_regclass(parents.name || '_' || old_run_id)
    order by ordinal
    limit 1;
    if parent is null then
        return false;
    end if;
    partition := parent || '_' || old_run_id;

    -- PostgreSQL detaches nothing from a table of which a partition was left half detached, whichever run it belongs to.
    select relname into pending
    from pg_inherits join pg_class on pg_class.oid = inhrelid
    where inhparent = to_regclass(parent) and inhdetachpending;
    if found then
        execute format('alter table %I detach partition %I finalize', parent, pending);
        return true;
    end if;

    loop
        begin
            -- `only`: with their partitions it would be those of all runs.
            execute format('lock table only %I, only %I in access exclusive mode nowait', parent, partition);
            execute format('alter table %I detach partition %I', parent, partition);
            return true;
        exception when lock_not_available then
            if clock_timestamp() >= statement_timestamp() + patience then
                raise;
            end if;
        end;
        perform pg_sleep(0.02);
    end loop;
end
$$;

-- Drops a run's partitions, progress and recent transitions; its row stays, for the history of runs. The run being served is kept. Whoever
-- does not want to lock out the readers of all runs detaches them first.
create function drop_run_partitions(old_run_id integer) returns void
language plpgsql security definer
set search_path = public, pg_temp
as $$
declare
    parent text;
begin
    perform lock_promotion();
    if exists (select from live_run where run_id = old_run_id) then
        raise exception 'run % is being served and cannot be dropped', old_run_id;
    end if;
    -- A worker that folds events into this run holds these rows until it is done.
    delete from speed_progress where run_id = old_run_id;
    delete from recent_transitions where run_id = old_run_id;
    foreach parent in array run_tables() loop
        execute format('drop table if exists %I', parent || '_' || old_run_id);
    end loop;
end
$$;

-- Indexes the inner products of a run's own partition. An expression index: the column does not fix the dimensions.
create function index_partition(partition text, embedding text, dimensions integer) returns void
language plpgsql
as $$
begin
    execute format('drop index if exists %I', partition || '_nearest');
    execute format('create index %I on %I using hnsw ((%I::vector(%s)) vector_ip_ops) with (m = 24, ef_construction = 200)',
                   partition || '_nearest', partition, embedding, dimensions);
    execute format('analyze %I', partition);
end
$$;

-- The index over a run's item vectors.
create function index_run_items(of_run_id integer, dimensions integer) returns void
language plpgsql security definer
set search_path = public, pg_temp
as $$
begin
    perform index_partition('item_embeddings_' || of_run_id, 'embedding', dimensions);
end
$$;

-- The index over how similar items are.
create function index_run_similarity_embeddings(of_run_id integer, dimensions integer) returns void
language plpgsql security definer
set search_path = public, pg_temp
as $$
begin
    perform index_partition('item_similarity_embeddings_' || of_run_id, 'similarity_embedding', dimensions);
end
$$;

-- ---------------------------------------------------------------- searches for better parameters

-- One row a finished trial, so that a search that was stopped goes on where it was. The fingerprint names what is
-- searched: the history up to a position, the hyperparameters it begins with, the seed.
create table tuning_trials (
    fingerprint      text not null,
    trial            integer not null,
    until_position   bigint not null,
    fidelity         text not null check (fidelity in ('explored', 'verified')),
    hyperparameters  jsonb not null,
    figures          jsonb not null,
    seconds          real not null,
    created_at       timestamptz not null default now(),
    primary key (fingerprint, trial)
);

-- One row a search that came to its end. The newest row is what the next night goes by; without hyperparameters, nothing
-- better than those of the settings was found.
create table tuned_hyperparameters (
    tuning_id        integer generated always as identity primary key,
    fingerprint      text not null,
    until_position   bigint not null,
    hyperparameters  jsonb,
    figures          jsonb not null,
    trials           integer not null,
    seconds          real not null,
    created_at       timestamptz not null default now()
);
