-- One space: how well a run knows an item, and how alike items are.

-- `users`: how many liked the item when its vector was made, 0: it was made of words alone. `placed_at`: when an item
-- got this vector between two nights, null: the night made it.
alter table item_embeddings
    add column users integer not null default 0,
    add column placed_at timestamptz;

-- How alike two items of a run are is the inner product of these, at most 1: what is used by the same people counts, and
-- what reads alike.
create table item_likenesses (
    run_id    integer not null,
    item_no   integer not null,
    likeness  vector not null,
    primary key (run_id, item_no)
) partition by list (run_id);

create or replace function create_run_partitions(new_run_id integer) returns void
language plpgsql as $$
declare
    parent text;
begin
    foreach parent in array array['batch_recommendations', 'item_embeddings', 'user_embeddings', 'popular_items',
                                  'term_embeddings', 'item_likenesses'] loop
        execute format('create table %I (like %I including all)', parent || '_' || new_run_id, parent);
        execute format('alter table %I attach partition %I for values in (%s)',
                       parent, parent || '_' || new_run_id, new_run_id);
    end loop;
end
$$;

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
    foreach parent in array array['batch_recommendations', 'item_embeddings', 'user_embeddings', 'popular_items',
                                  'term_embeddings', 'item_likenesses'] loop
        execute format('drop table if exists %I', parent || '_' || old_run_id);
    end loop;
end
$$;
