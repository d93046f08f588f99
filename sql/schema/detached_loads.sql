-- Loads into a log that has next to nothing yet. Their events are copied into partitions of their own, which get their
-- indexes when all rows are there and are then attached in the place of those that the log has: that takes half of the time
-- of putting each row into every index. All of it is one transaction, which leaves nothing behind where it ends early.
-- docs/decisions/0085-loads-into-an-empty-log.md says why it is so.

-- Partitions like those of the log, without indexes, for the events of a load that runs; answers the position after which
-- they are to count theirs. Null: the log has too much already. The lock keeps items that the load has found: no load is
-- taken back meanwhile. They are the owner's to make, and the table is gone at the end of the transaction.
create function begin_detached_load(given_load_no integer) returns bigint
language plpgsql security definer
set search_path = public, pg_temp
as $$
declare
    parent  text := format('interactions_load_%s', given_load_no);
    part    record;
    last    bigint;
begin
    if not exists (select from loads where load_no = given_load_no and state = 'running') then
        raise exception 'there is no load % that is running', given_load_no using errcode = 'foreign_key_violation';
    end if;
    if (select count(*) from (select from event_receipts limit 10001) as counted) > 10000 then
        return null;
    end if;
    perform pg_advisory_xact_lock_shared(31310, 8);
    execute format('create table %I (like interactions including defaults) partition by range (occurred_at)', parent);
    for part in select * from log_partitions('interactions') loop
        execute format('create table %I partition of %I %s', part.name || '_load_' || given_load_no, parent, part.bound);
        -- What a partition may hold, said again: with it nothing is read when it is attached.
        execute format('alter table %I add constraint fits check (%s)', part.name || '_load_' || given_load_no, part.fits);
    end loop;
    if exists (select from pg_roles where rolname = 'tandem_app') then
        execute format('grant select, insert on %I to tandem_app', parent);
    end if;
    -- More positions than anybody else takes until the events are attached, and then they come after all of those.
    select case when is_called then last_value else 0 end into last from interaction_positions;
    return last + 100000000;
end
$$;

-- The partitions of such a table. `fits`: what is true of each row; `is_plain`: whether nobody has given it settings,
-- a place or rights of its own.
create function log_partitions(parent text)
returns table (relation oid, name text, bound text, fits text, is_default boolean, is_plain boolean)
language sql stable
as $$
    select pg_class.oid, relname, pg_get_expr(relpartbound, pg_class.oid), pg_get_partition_constraintdef(pg_class.oid),
           pg_get_expr(relpartbound, pg_class.oid) = 'DEFAULT',
           relkind = 'r' and reltablespace = 0 and reloptions is null and relacl is null
    from pg_inherits join pg_class on pg_class.oid = inhrelid
    where inhparent = cast(parent as regclass)
    order by relname
$$;

-- Puts the events of such a load, which are of these kinds, into the log. If users of theirs were merged or forgotten
-- meanwhile, it is as if the events had been there before.
create function attach_detached_load(given_load_no integer, given_kind_nos jsonb) returns void
language plpgsql security definer
set search_path = public, pg_temp
set maintenance_work_mem = '128MB'
set work_mem = '64MB'
set lock_timeout = 0
as $$
declare
    parent  text := format('interactions_load_%s', given_load_no);
begin
    -- Whoever deletes a kind waits for us, or we find it gone.
    if exists (select from jsonb_array_elements_text(given_kind_nos) as given (kind_no)
               where not exists (select from event_kinds where event_kinds.kind_no = cast(given.kind_no as smallint))) then
        raise exception 'an event has an unknown kind number' using errcode = 'foreign_key_violation';
    end if;
    perform hold_users_of_detached_load(parent);
    perform index_detached_load(parent);
    if lock_log_for_attaching() then
        -- Only now, as events of others are not to be seen until our commit.
        perform draw_positions_of_detached_load(parent);
        perform exchange_partitions(parent);
    else
        -- Somebody reads the log for long: row by row after all.
        perform draw_positions_of_detached_load(parent);
        execute format('insert into interactions select * from %I order by position', parent);
    end if;
    execute format('drop table %I', parent);
end
$$;

-- Sees to it that whoever takes positions from now on has later ones than the load.
create function draw_positions_of_detached_load(parent text) returns void
language plpgsql
as $$
declare
    first       bigint;
    last        bigint;
    last_given  bigint;
begin
    execute format('select min(position), max(position) from %I', parent) into first, last;
    perform hold_event_horizon();
    select last_value into last_given from interaction_positions;
    if first <= last_given or last > last_given + 200000000 then
        raise exception 'the positions % to % cannot follow %', first, last, last_given;
    end if;
    perform setval('interaction_positions', last);
end
$$;

-- Holds the users to the commit, so that nobody is forgotten whose events are about to be attached.
create function hold_users_of_detached_load(parent text) returns void
language plpgsql
as $$
declare
    user_nos  integer[];
    held      bigint;
begin
    loop
        execute format('select coalesce(array_agg(user_no), ''{}'') from (select distinct user_no from %I) as used', parent)
        into user_nos;
        select count(*) into held
        from (select from users where user_no = any(user_nos) order by user_id for key share) as locked;
        exit when held = cardinality(user_nos);
        execute format('update %I as kept set user_no = merged_users.user_no from merged_users '
                       'where from_user_no = kept.user_no', parent);
        execute format('delete from %I as kept where not exists (select from users where users.user_no = kept.user_no)',
                       parent);
    end loop;
end
$$;

-- Makes the indexes that the log has, of sorted rows.
create function index_detached_load(parent text) returns void
language plpgsql
as $$
declare
    index  record;
begin
    for index in
        select indexrelid, indisprimary, pg_get_constraintdef(pg_constraint.oid) as primary_key
        from pg_index left join pg_constraint on conindid = indexrelid and conrelid = indrelid and contype = 'p'
        where indrelid = 'interactions'::regclass
        order by indexrelid
    loop
        if index.indisprimary then
            execute format('alter table %I add %s', parent, index.primary_key);
        else
            execute format('create index on %I %s', parent, substring(pg_get_indexdef(index.indexrelid) from ' USING .*'));
        end if;
    end loop;
end
$$;

-- Whether nobody else reads or writes the log until the commit. Whoever comes meanwhile waits as long as we do here: a tenth
-- of a second at most, several times.
create function lock_log_for_attaching() returns boolean
language plpgsql
set lock_timeout = '100ms'
as $$
begin
    for attempt in 1..10 loop
        begin
            lock table interactions in access exclusive mode;
            return true;
        exception when lock_not_available or deadlock_detected then
            perform pg_sleep(0.02 * attempt);
        end;
    end loop;
    return false;
end
$$;

-- Each partition of the load becomes the log's, under the name of the one it replaces, whose few rows it takes. Rows of one
-- that has many, or that somebody has changed, go there one by one. The default partition is attached last: while there is
-- one, attaching another reads it.
create function exchange_partitions(parent text) returns void
language plpgsql
as $$
declare
    part   record;
    index  record;
    names  jsonb;
    filled boolean;
    many   boolean;
begin
    for part in
        select ours.name as our_name, log.relation, log.name, log.bound,
               coalesce(ours.fits = log.fits and log.is_plain, false) as is_exchanged
        from log_partitions(parent) as ours left join log_partitions('interactions') as log using (bound)
        order by ours.is_default
    loop
        execute format('select exists (select from %I)', part.our_name) into filled;
        continue when not filled;
        many := true;
        if part.is_exchanged then
            execute format('select count(*) > 20000 from (select from %I limit 20001) as counted', part.name) into many;
        end if;
        if many then
            execute format('insert into interactions select * from %I', part.our_name);
            continue;
        end if;
        execute format('insert into %I select * from %I', part.our_name, part.name);
        select coalesce(jsonb_object_agg(inhparent::oid, relname), '{}') into names
        from pg_index join pg_inherits on inhrelid = indexrelid join pg_class on pg_class.oid = indexrelid
        where indrelid = part.relation;
        execute format('alter table interactions detach partition %I', part.name);
        execute format('drop table %I', part.name);
        execute format('alter table %I detach partition %I', parent, part.our_name);
        execute format('alter table %I rename to %I', part.our_name, part.name);
        execute format('alter table interactions attach partition %I %s', part.name, part.bound);
        execute format('alter table %I drop constraint fits', part.name);
        for index in
            select cast(indexrelid as regclass) as name, names ->> cast(inhparent as text) as new_name
            from pg_index join pg_inherits on inhrelid = indexrelid
            where indrelid = cast(format('%I', part.name) as regclass)
        loop
            execute format('alter index %s rename to %I', index.name, index.new_name);
        end loop;
    end loop;
end
$$;

-- Finds the staged users, and makes those whom there are not; answers the numbers of all, by `user_at`.
create function number_staged_users(given_load_no integer) returns integer[]
language plpgsql
as $$
declare
    held  record;
begin
    select user_nos, made into held from hold_staged_users(given_load_no);
    if held.made <> '{}' then
        -- Processes that know of a user that there is none look again.
        perform pg_notify('tandem_users', '');
    end if;
    return held.user_nos;
end
$$;
