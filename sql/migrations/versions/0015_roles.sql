-- Roles: what changes tables is done by functions of the owner, so that whoever serves, learns and follows the log changes
-- rows only. Each takes numbers, never names, and finds everything in the schema the owner alone may create in. Who may
-- call what is not said here: sql/queries/roles.sql grants it after the newest migration, whichever that is.

-- The tables with a partition a run.
create function run_tables() returns text[]
language sql immutable parallel safe
return array['batch_recommendations', 'item_embeddings', 'user_embeddings', 'popular_items', 'term_embeddings',
             'item_likenesses'];

-- Makes the partitions a run is written into. `create table ... partition of` would lock out the readers of all runs;
-- attaching does not.
create or replace function create_run_partitions(new_run_id integer) returns void
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
        -- A night copies into them by their names; everything else goes through their tables.
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
    from unnest(run_tables()) with ordinality as parents (name, place)
    join pg_inherits on inhparent = to_regclass(parents.name)
                    and inhrelid = to_regclass(parents.name || '_' || old_run_id)
    order by place
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

-- Drops a run's partitions and progress; its row stays, for the history of runs. The run being served is kept. Whoever
-- does not want to lock out the readers of all runs detaches them first.
create or replace function drop_run_partitions(old_run_id integer) returns void
language plpgsql security definer
set search_path = public, pg_temp
as $$
declare
    parent text;
begin
    perform hold_switch();
    if exists (select from live_run where run_id = old_run_id) then
        raise exception 'run % is being served and cannot be dropped', old_run_id;
    end if;
    -- A worker that folds events into this run holds these rows until it is done.
    delete from speed_progress where run_id = old_run_id;
    foreach parent in array run_tables() loop
        execute format('drop table if exists %I', parent || '_' || old_run_id);
    end loop;
end
$$;

-- The index over inner products on a run's own partition of item vectors. An expression index: the column does not fix
-- the dimensions.
create function index_run_items(of_run_id integer, dimensions integer) returns void
language plpgsql security definer
set search_path = public, pg_temp
as $$
begin
    execute format('drop index if exists %I', 'item_embeddings_' || of_run_id || '_nearest');
    execute format(
        'create index %I on %I using hnsw ((embedding::vector(%s)) vector_ip_ops) with (m = 24, ef_construction = 200)',
        'item_embeddings_' || of_run_id || '_nearest', 'item_embeddings_' || of_run_id, dimensions);
    execute format('analyze %I', 'item_embeddings_' || of_run_id);
end
$$;

-- The same over how alike items are.
create function index_run_likenesses(of_run_id integer, dimensions integer) returns void
language plpgsql security definer
set search_path = public, pg_temp
as $$
begin
    execute format('drop index if exists %I', 'item_likenesses_' || of_run_id || '_nearest');
    execute format(
        'create index %I on %I using hnsw ((likeness::vector(%s)) vector_ip_ops) with (m = 24, ef_construction = 200)',
        'item_likenesses_' || of_run_id || '_nearest', 'item_likenesses_' || of_run_id, dimensions);
    execute format('analyze %I', 'item_likenesses_' || of_run_id);
end
$$;

-- Changes the language of words, and the words of all items with it; answers whether it was another one. Items wait to be
-- written until the commit. A run has learned the words as they were: its words are of no use until the next one.
create or replace function use_words_language(language text) returns boolean
language plpgsql security definer
set search_path = public, pg_temp
as $$
declare
    dictionary text := 'words_' || language;
begin
    if language = words_language() then
        return false;
    end if;
    if language <> 'simple' and not exists (
        select from pg_ts_dict where dictnamespace = 'pg_catalog'::regnamespace and dictname = language || '_stem'
    ) then
        raise exception 'PostgreSQL knows no words of the language %', language using errcode = 'invalid_parameter_value';
    end if;
    lock table items in share row exclusive mode;
    if not exists (select from pg_ts_dict where dictname = dictionary) then
        if language = 'simple' then
            execute format('create text search dictionary %I (template = simple)', dictionary);
        else
            execute format('create text search dictionary %I (template = snowball, language = %L)', dictionary, language);
        end if;
    end if;
    execute format('alter text search configuration words alter mapping for '
                   'asciiword, asciihword, hword_asciipart, word, hword, hword_part with %I', dictionary);
    update items set title = title;
    return true;
end
$$;
