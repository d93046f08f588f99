-- Rollback: every switch is on record, retained runs are kept ready, partitions come and go beside readers.

-- ---------------------------------------------------------------- switches

-- One row each time another run begins to be served.
create table switches (
    switch_no    bigint generated always as identity primary key,
    run_id       integer not null references model_runs,
    how          text not null check (how in ('published', 'rolled back')),
    switched_by  text not null,
    switched_at  timestamptz not null default clock_timestamp()
);

insert into switches (run_id, how, switched_by, switched_at)
select run_id, 'published', 'nightly', finished_at
from model_runs
where state in ('published', 'retired') and finished_at is not null
order by finished_at, run_id;

-- Which switch it was: a run that is served again is not what it was the first time, its live vectors have gone on.
alter table live_run add column switch_no bigint not null default 0;
update live_run set switch_no = coalesce((select max(switch_no) from switches where switches.run_id = live_run.run_id), 0);

-- Whoever changes which run is served, or takes away what could be served, holds this until the transaction ends.
-- Two keys, so that it is never taken for a writer of events.
create function hold_switch() returns void
language sql as $$
    select pg_advisory_xact_lock(31310, 3)
$$;

-- Serves a run from the commit on, puts that on record, and tells whoever listens.
create function switch_live_run(new_run_id integer, how text, switched_by text) returns bigint
language plpgsql as $$
declare
    made bigint;
begin
    perform hold_switch();
    insert into switches (run_id, how, switched_by) values (new_run_id, how, switched_by) returning switch_no into made;
    insert into live_run (run_id, switch_no) values (new_run_id, made)
    on conflict (only_row) do update
    set run_id = excluded.run_id, switch_no = excluded.switch_no, switched_at = clock_timestamp();
    perform pg_notify('tandem_switch', new_run_id::text);
    return made;
end
$$;

-- Whether a run is there to be read. State and partitions both: it is retired first and then taken apart.
create function run_is_kept(asked_run_id integer) returns boolean
language sql stable as $$
    select exists (select from model_runs where run_id = asked_run_id and state = 'published')
           and to_regclass('user_embeddings_' || asked_run_id) is not null
           and to_regclass('popular_items_' || asked_run_id) is not null
$$;

-- ---------------------------------------------------------------- partitions beside readers

-- A foreign key on a partition makes dropping it lock model_runs against every reader, and costs a look-up a row while
-- a run is written. Runs are never deleted, so the keys guarded against nothing.
alter table batch_recommendations drop constraint batch_recommendations_run_id_fkey;
alter table item_embeddings drop constraint item_embeddings_run_id_fkey;
alter table user_embeddings drop constraint user_embeddings_run_id_fkey;
alter table popular_items drop constraint popular_items_run_id_fkey;

-- Makes the partitions a run is written into. `create table ... partition of` would lock out the readers of all runs;
-- attaching does not.
create or replace function create_run_partitions(new_run_id integer) returns void
language plpgsql as $$
declare
    parent text;
begin
    foreach parent in array array['batch_recommendations', 'item_embeddings', 'user_embeddings', 'popular_items'] loop
        execute format('create table %I (like %I including all)', parent || '_' || new_run_id, parent);
        execute format('alter table %I attach partition %I for values in (%s)',
                       parent, parent || '_' || new_run_id, new_run_id);
    end loop;
end
$$;

-- Drops a run's partitions and progress; its row stays, for the history of runs. The run being served is kept. Whoever
-- does not want to lock out the readers of all runs detaches them first, which no function can do.
create or replace function drop_run_partitions(old_run_id integer) returns void
language plpgsql as $$
declare
    parent text;
begin
    perform hold_switch();
    if exists (select from live_run where run_id = old_run_id) then
        raise exception 'run % is being served and cannot be dropped', old_run_id;
    end if;
    -- A worker that folds events into this run holds these rows until it is done.
    delete from speed_progress where run_id = old_run_id;
    foreach parent in array array['batch_recommendations', 'item_embeddings', 'user_embeddings', 'popular_items'] loop
        execute format('drop table if exists %I', parent || '_' || old_run_id);
    end loop;
end
$$;

-- ---------------------------------------------------------------- for analysts

create view analytics.switches as
select switch_no,
       run_id,
       how,
       switched_by,
       switched_at as served_from,
       lead(switched_at) over (order by switch_no) as served_until
from public.switches;

comment on view analytics.switches is 'Which run was served when: one row each time another run began to be served.';
comment on column analytics.switches.switch_no is 'Number of the switch, rising in time.';
comment on column analytics.switches.run_id is 'The run that began to be served.';
comment on column analytics.switches.how is 'published: a new run; rolled back: one that had been published before.';
comment on column analytics.switches.switched_by is 'Who or what did it: nightly, or who asked for the rollback.';
comment on column analytics.switches.served_from is 'When it began to be served.';
comment on column analytics.switches.served_until is 'When the next one began; null for the run being served.';

grant select on analytics.switches to analyst;
