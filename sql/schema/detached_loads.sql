-- Loads into a log that has next to nothing yet. Their events are copied into partitions of their own, which get their
-- indexes when all rows are there and are then attached in the place of those that the log has: that takes half of the time
-- of putting each row into every index. All of it is one transaction, which leaves nothing behind where it ends early.
-- docs/decisions/0085-loads-into-an-empty-log.md says why it is so.

-- Partitions like those of the log, without indexes, for the events of a load that runs; answers the position after which
-- they are to count theirs. Null: the log has too much already, another load is detached, whose positions would be the same,
-- or somebody reads what is written from the WAL, who would find events of tables that there are not. The lock keeps items
-- that the load has found: no load is taken back meanwhile. They are the owner's to make, and the table is gone at the end
-- of the transaction.
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
    if exists (select from event_receipts offset 10000)
       or exists (select from pg_replication_slots where slot_type = 'logical' and database = current_database())
       or not pg_try_advisory_xact_lock(31310, 13) then
        return null;
    end if;
    perform pg_advisory_xact_lock_shared(31310, 8);
    execute format('create table %I (like interactions including defaults including constraints) '
                   'partition by range (occurred_at)', parent);
    for part in select * from log_partitions('interactions') loop
        execute format('create table %I partition of %I %s', part.name || '_load_' || given_load_no, parent, part.bound);
        -- What a partition may hold, said again: with it nothing is read when it is attached.
        execute format('alter table %I add constraint fits check (%s)', part.name || '_load_' || given_load_no, part.fits);
    end loop;
    if exists (select from pg_roles where rolname = 'tandem_app') then
        execute format('grant select, insert on %I to tandem_app', parent);
    end if;
    -- Others take positions until the events are attached: those of the load come after them. Not more than needed: whoever
    -- follows the log goes over all that lie between, some thousands at a time.
    select case when is_called then last_value else 0 end into last from interaction_positions;
    return last + 2000000;
end
$$;

-- The partitions of such a table. `fits`: what is true of each row; `is_plain`: whether nobody has given it settings,
-- a place, rights, indexes or constraints of its own, or made something of it, as a view or a trigger.
create function log_partitions(parent text)
returns table (relation oid, name text, bound text, fits text, is_default boolean, is_plain boolean)
language sql stable
as $$
    select pg_class.oid, relname, pg_get_expr(relpartbound, pg_class.oid), pg_get_partition_constraintdef(pg_class.oid),
           pg_get_expr(relpartbound, pg_class.oid) = 'DEFAULT',
           relkind = 'r' and reltablespace = 0 and reloptions is null and relacl is null and relreplident = 'd'
               and not exists (select from pg_constraint where conrelid = pg_class.oid and coninhcount = 0)
               and not exists (select from pg_index where indrelid = pg_class.oid
                               and indexrelid not in (select inhrelid from pg_inherits))
               and not exists (select from pg_depend
                               where refclassid = 'pg_class'::regclass and refobjid = pg_class.oid
                                 and cast(classid as regclass)
                                     not in ('pg_type'::regclass, 'pg_class', 'pg_constraint', 'pg_attrdef'))
    from pg_inherits join pg_class on pg_class.oid = inhrelid
    where inhparent = cast(parent as regclass)
    order by relname
$$;

-- Puts the events of such a load, which are of these kinds, into the log. If users of theirs were merged or forgotten
-- meanwhile, it is as if the events had been there before. Nobody sees any before the commit, so that those that go into the
-- log row by row, which takes long, may do so while others write and read. `patience`: how often the lock is asked for.
create function attach_detached_load(given_load_no integer, given_kind_nos jsonb, patience integer) returns void
language plpgsql security definer
set search_path = public, pg_temp
set maintenance_work_mem = '128MB'
set work_mem = '64MB'
set lock_timeout = 0
as $$
declare
    parent  text := format('interactions_load_%s', given_load_no);
    first   bigint;
    last    bigint;
begin
    -- Whoever deletes a kind waits for us, or we find it gone.
    if exists (select from jsonb_array_elements_text(given_kind_nos) as given (kind_no)
               where not exists (select from event_kinds where event_kinds.kind_no = cast(given.kind_no as smallint))) then
        raise exception 'an event has an unknown kind number' using errcode = 'foreign_key_violation';
    end if;
    perform index_detached_load(parent);
    execute format('select min(position), max(position) from %I', parent) into first, last;
    perform hold_users_of_detached_load(parent);
    perform insert_detached_rows(parent, false);
    if lock_log_for_attaching(patience) then
        perform insert_detached_rows(parent, false);
        perform exchange_partitions(parent);
    else
        -- Somebody reads the log for long.
        perform insert_detached_rows(parent, true);
    end if;
    -- Only now, as events of others are not to be seen until our commit.
    perform draw_positions_of_detached_load(first, last);
    execute format('drop table %I', parent);
end
$$;

-- Sees to it that whoever takes positions from now on has later ones than the load.
create function draw_positions_of_detached_load(first bigint, last bigint) returns void
language plpgsql
as $$
declare
    last_given  bigint;
begin
    perform hold_event_horizon();
    select last_value into last_given from interaction_positions;
    if first <= last_given or last > last_given + 10000000 then
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
create function lock_log_for_attaching(patience integer) returns boolean
language plpgsql
set lock_timeout = '100ms'
as $$
begin
    for attempt in 1..patience loop
        begin
            lock table interactions in access exclusive mode;
            return true;
        exception when lock_not_available or deadlock_detected then
            perform pg_sleep(least(0.05 * attempt, 1));
        end;
    end loop;
    return false;
end
$$;

-- Puts rows into the log that cannot take the place of a partition of the log, as that has many, or somebody has changed it;
-- or all of them (`everything`). If that fills the default partition, it is all of them: attaching another one would read it.
create function insert_detached_rows(parent text, everything boolean) returns void
language plpgsql
as $$
declare
    part          record;
    is_exchanged  boolean;
    moved         bigint;
begin
    for part in
        select ours.name as our_name, log.name, ours.is_default, coalesce(ours.fits = log.fits and log.is_plain, false) as may_go
        from log_partitions(parent) as ours left join log_partitions('interactions') as log using (bound)
        order by ours.is_default desc
    loop
        is_exchanged := part.may_go and not everything;
        if is_exchanged then
            execute format('select not exists (select from %I offset 20000)', part.name) into is_exchanged;
        end if;
        continue when is_exchanged;
        execute format('insert into interactions select * from %I order by position', part.our_name);
        get diagnostics moved = row_count;
        execute format('truncate %I', part.our_name);
        everything := everything or part.is_default and moved > 0;
    end loop;
end
$$;

-- Each partition of the load becomes the log's, under the name of the one it replaces, whose few rows it takes. The default
-- partition is attached last: while there is one, attaching another reads it.
create function exchange_partitions(parent text) returns void
language plpgsql
as $$
declare
    part   record;
    index  record;
    names  jsonb;
    filled boolean;
begin
    for part in
        select ours.name as our_name, log.relation, log.name, log.bound
        from log_partitions(parent) as ours join log_partitions('interactions') as log using (bound)
        order by ours.is_default
    loop
        execute format('select exists (select from %I)', part.our_name) into filled;
        continue when not filled;
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
