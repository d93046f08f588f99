-- Loads: what came in bulk, by whom and how it was understood, and how all of it is taken back.

-- Events of a load have positions above `after_position` and its number. `counts` is what became of its rows, once it is
-- complete.
-- A load that is `running` and whose lock nobody holds was interrupted.
create table loads (
    load_no         integer generated always as identity primary key,
    started_at      timestamptz not null default now(),
    ended_at        timestamptz,
    loaded_by       text not null,
    source          text not null,
    mapping         jsonb not null,
    counts          jsonb not null default '{}',
    state           text not null default 'running' check (state in ('running', 'complete', 'undone')),
    after_position  bigint not null,
    undone_at       timestamptz
);

-- Items as they were before a load replaced them, once a load. They are put back if nobody changed them since.
create table replaced_items (
    load_no      integer not null references loads,
    item_no      integer not null references items on delete cascade,
    title        text not null,
    categories   text[] not null,
    description  text not null,
    attributes   jsonb not null,
    available    boolean not null,
    updated_at   timestamptz not null,
    deleted_at   timestamptz,
    replaced_at  timestamptz not null,
    primary key (load_no, item_no)
);

create index replaced_items_item on replaced_items (item_no);

-- Begins a load, or goes on with one of the same source and mapping that was interrupted. The lock is the session's.
create function begin_load(given_by text, given_source text, given_mapping jsonb)
returns table (load_no integer, resumed boolean)
language plpgsql as $$
#variable_conflict use_column
declare
    found_no  integer;
    last      bigint;
begin
    for found_no in
        select load_no from loads
        where state = 'running' and source = given_source and mapping = given_mapping order by load_no
    loop
        if pg_try_advisory_lock(31322, found_no) then
            return query select found_no, true;
            return;
        end if;
    end loop;
    select case when is_called then last_value else 0 end into last from interaction_positions;
    insert into loads (loaded_by, source, mapping, after_position)
    values (given_by, given_source, given_mapping, last) returning loads.load_no into found_no;
    perform pg_advisory_lock(31322, found_no);
    return query select found_no, false;
end
$$;

-- A load is complete, and may be taken back from now on: whoever does waits for our commit.
create function end_load(given_load_no integer, given_counts jsonb) returns boolean
language plpgsql as $$
begin
    perform set_config('synchronous_commit', 'on', true);
    update loads set state = 'complete', ended_at = now(), counts = given_counts where load_no = given_load_no;
    return pg_advisory_unlock(31322, given_load_no);
end
$$;

-- The locks of two numbers that somebody has in this database.
create view held_locks as
select cast(classid as bigint) as class_no, cast(objid as bigint) as object_no
from pg_locks
where locktype = 'advisory' and objsubid = 2 and granted
  and database = (select oid from pg_database where datname = current_database());

-- The loads whose loader is still there.
create view held_loads as
select cast(object_no as integer) as load_no from held_locks where class_no = 31322;

-- Holds the items of the staged events to the commit; answers their numbers by `item_at`, null for those that the catalogue
-- lacks. Whoever takes items out again waits for us, or we find them gone.
create function hold_staged_items() returns integer[]
language plpgsql
-- By the keys, in their order: a hash would be one of the whole catalogue, for each batch.
set enable_hashjoin = off
set enable_mergejoin = off
set enable_seqscan = off
as $$
begin
    return array(
        with held as materialized (
            select given.item_at, items.item_no
            from (select item_at, item_id from staged_event_items order by item_id offset 0) as given
            join items using (item_id)
            order by item_no
            for key share of items
        )
        select item_no
        from (select item_at, item_no from held
              union all
              select item_at, null from staged_event_items where item_at not in (select item_at from held)) as numbered
        order by item_at);
end
$$;

-- Holds the users of the staged events to the commit, and makes those whom there are not; answers the numbers of all by
-- `user_at`, and of those it made. Whoever is held cannot be forgotten before the commit; one who was forgotten while we
-- waited is made anew. Those whom we or somebody else made meanwhile are held in the next round. Rows are locked in one order
-- by everybody, so that two who write cannot wait for each other.
create function hold_staged_users(given_load_no integer, out user_nos integer[], out made integer[])
language plpgsql
-- By the keys, in their order: a hash would be one of all users, for each batch.
set enable_hashjoin = off
set enable_mergejoin = off
set enable_seqscan = off
as $$
declare
    staged    bigint;
    held_ats  integer[] := '{}';
    held_nos  integer[] := '{}';
    found_at  integer[];
    found_no  integer[];
begin
    made := '{}';
    select count(*) into staged from staged_event_users;
    loop
        select coalesce(array_agg(user_at), '{}'), coalesce(array_agg(user_no), '{}') into found_at, found_no
        from (select given.user_at, users.user_no
              from (select user_at, user_id from staged_event_users
                    where user_at not in (select unnest(held_ats)) order by user_id offset 0) as given
              join users using (user_id)
              order by users.user_id for key share of users) as locked;
        held_ats := held_ats || found_at;
        held_nos := held_nos || found_no;
        exit when cardinality(held_ats) = staged;
        -- Events of one who was merged are the other user's.
        select coalesce(array_agg(user_at), '{}'), coalesce(array_agg(user_no), '{}') into found_at, found_no
        from (select given.user_at, users.user_no
              from (select user_at, user_id from staged_event_users
                    where user_at not in (select unnest(held_ats)) order by user_id offset 0) as given
              join merged_users on merged_users.from_user_id = given.user_id
              join users on users.user_no = merged_users.user_no
              order by users.user_id for key share of users) as locked;
        held_ats := held_ats || found_at;
        held_nos := held_nos || found_no;
        exit when cardinality(held_ats) = staged;
        with added as (
            insert into users (user_id, load_no)
            select user_id, given_load_no from staged_event_users where user_at not in (select unnest(held_ats)) order by user_id
            on conflict do nothing
            returning user_no
        )
        select coalesce(array_agg(user_no), '{}') into found_no from added;
        -- Whom we made while they were merged: their ids are nobody's.
        with gone as (
            delete from users using merged_users
            where users.user_no = any(found_no) and from_user_id = users.user_id
            returning users.user_no
        )
        select made || array(select unnest(found_no) except select user_no from gone) into made;
    end loop;
    user_nos := array(select user_no from unnest(held_ats, held_nos) as held (user_at, user_no) order by user_at);
end
$$;

-- Gives the staged events positions, in the order of their ids, and puts them into `numbered_events`: of several with one id
-- the first. Their users and items are held.
create function number_staged_events(user_nos integer[], item_nos integer[]) returns void
language plpgsql
-- Nobody has counted the temporary tables; a hash of the scales is small.
set enable_nestloop = off
as $$
begin
    insert into numbered_events (position, event_id, user_no, item_no, kind_no, scale_no, value, strength, occurred_at,
                                 recommendation_id, context_no)
    select nextval('interaction_positions'), event_id, user_nos[user_at], item_nos[item_at], kind_no, scale_no, value,
           strength, occurred_at, recommendation_id, context_no
    from (
        select event_id, user_at, item_at, kind_no, scale_no, value, strength, occurred_at, recommendation_id, context_no
        from staged_events
        left join rating_scales
            on rating_scales.least = staged_events.least and rating_scales.greatest = staged_events.greatest
        where is_first
        order by event_id
    ) as given;
end
$$;

-- Claims the receipts of the numbered events, in the order of their ids. Those whose ids have one are taken out of
-- `numbered_events`.
create function claim_numbered_events() returns void
language plpgsql as $$
begin
    -- Nearly always all of them are new; to look at each first costs as much again. If one is not, this ends at the first.
    insert into event_receipts (event_id, position, occurred_at)
    select event_id, position, occurred_at from numbered_events order by event_id;
exception when unique_violation then
    with claimed as (
        insert into event_receipts (event_id, position, occurred_at)
        select event_id, position, occurred_at from numbered_events order by event_id
        on conflict do nothing
        returning event_id
    )
    delete from numbered_events where event_id not in (select event_id from claimed);
end
$$;

-- Stores the events in the temporary table `staged_events` once each, as record_events does, all of one load. Events of
-- items that the catalogue lacks are not stored: unknown_rows; nor those whose id was recorded with another content:
-- conflict_rows. What is found out about them on the way is in temporary tables too, which `loading.store` makes once.
create function store_staged_events(given_load_no integer)
returns table (stored bigint, repeated bigint, unknown_rows integer[], conflict_rows integer[])
language plpgsql
set work_mem = '64MB'
as $$
#variable_conflict use_column
declare
    staged    bigint;
    written   bigint;
    unknown   integer[] := '{}';
    conflicts integer[] := '{}';
    item_nos  integer[];
    user_nos  integer[];
    made      integer[];
begin
    item_nos := hold_staged_items();
    if array_position(item_nos, null) is not null then
        with lacking as (
            delete from staged_events where item_nos[item_at] is null returning row_no
        )
        select array_agg(row_no order by row_no) into unknown from lacking;
        -- Of several with one id the first that is left is the first.
        update staged_events set is_first = true
        from (select distinct on (event_id) row_no from staged_events order by event_id, row_no) as firsts
        where staged_events.row_no = firsts.row_no and not is_first;
    end if;

    if exists (select from staged_events where least is not null) then
        perform add_rating_scales(array_agg(least), array_agg(greatest))
        from (select distinct least, greatest from staged_events where least is not null) as given;
        if exists (select from staged_events
                   where least is not null
                     and not exists (select from rating_scales as known
                                     where known.least = staged_events.least and known.greatest = staged_events.greatest)) then
            raise exception 'there are too many scales of ratings' using errcode = 'TD422';
        end if;
    end if;

    -- Whoever deletes a kind waits for us, or we find it gone.
    if exists (select from (select distinct kind_no from staged_events) as given
               where not exists (select from event_kinds where event_kinds.kind_no = given.kind_no)) then
        raise exception 'an event has an unknown kind number' using errcode = 'foreign_key_violation';
    end if;
    perform hold_event_horizon();
    select held.user_nos, held.made into user_nos, made from hold_staged_users(given_load_no) as held;
    perform number_staged_events(user_nos, item_nos);
    perform claim_numbered_events();
    insert into interactions (position, event_id, user_no, item_no, kind_no, scale_no, value, strength, load_no,
                              occurred_at, recommendation_id, context_no)
    select position, event_id, user_no, item_no, kind_no, scale_no, value, strength, given_load_no, occurred_at,
           recommendation_id, context_no
    from numbered_events;
    get diagnostics written = row_count;

    select count(*) into staged from staged_events;
    if written < staged then
        conflicts := conflicts_of_staged_events();
    end if;
    if written < staged or unknown <> '{}' then
        -- Events that are not stored make no user: one who was forgotten would come back.
        delete from users
        where user_no = any(made)
          and not exists (select from interactions where interactions.user_no = users.user_no);
    end if;
    if made <> '{}' then
        -- Processes that know of a user that there is none look again.
        perform pg_notify('tandem_users', '');
    end if;
    return query select written, staged - written - cardinality(conflicts), unknown, conflicts;
end
$$;

-- Rows of `staged_events` whose ids the log has with another content; in a statement of its own, so that it sees what
-- somebody else stored while we waited for the receipt.
create function conflicts_of_staged_events() returns integer[]
language plpgsql as $$
declare
    found integer[];
begin
    select array(select given.row_nos[index + 1] from unnest(compared.conflict_indexes) as index order by index)
    into found
    from (
        select array_agg(row_no order by row_no) as row_nos,
               array_agg(event_id order by row_no) as event_ids,
               array_agg(user_id order by row_no) as user_ids,
               array_agg(items.item_no order by row_no) as item_nos,
               array_agg(kind_no order by row_no) as kind_nos,
               array_agg(value order by row_no) as event_values,
               array_agg(scale_no order by row_no) as scale_nos,
               array_agg(occurred_at order by row_no) as occurred_ats,
               array_agg(time_given order by row_no) as times_given
        from staged_events
        join staged_event_users using (user_at)
        join staged_event_items using (item_at)
        join items using (item_id)
        left join rating_scales
            on rating_scales.least = staged_events.least and rating_scales.greatest = staged_events.greatest
    ) as given
    cross join lateral compare_with_log(
        given.event_ids, given.user_ids, given.item_nos, given.kind_nos, given.event_values, given.scale_nos,
        given.occurred_ats, given.times_given) as compared;
    return coalesce(found, '{}');
end
$$;

-- Removes the users whom a load made and of whom nothing else is known, with their lists and live vectors; answers their
-- numbers. They are held. As after forget_user, whoever follows the log is to be told.
create function remove_unused_users(given_load_no integer) returns integer[]
language plpgsql as $$
declare
    gone  integer[];
begin
    select coalesce(array_agg(user_no order by user_no), '{}') into gone
    from users
    where load_no = given_load_no and attributes = '{}'
      and not exists (select from interactions where interactions.user_no = users.user_no)
      and not exists (select from user_interests where user_interests.user_no = users.user_no)
      and not exists (select from preferences where preferences.user_no = users.user_no)
      and not exists (select from event_deletions where event_deletions.user_no = users.user_no)
      and not exists (select from merged_users where merged_users.user_no = users.user_no)
      and not exists (select from impressions where impressions.user_no = users.user_no);
    delete from history_changes where user_no = any(gone);
    delete from batch_recommendations where user_no = any(gone);
    delete from user_embeddings where user_no = any(gone);
    delete from users where user_no = any(gone);
    return gone;
end
$$;

-- Takes back what a load added: its events, with their receipts, so that they may be loaded again; the items and users it
-- made and nobody used or changed since; and what it replaced in items that nobody changed since. Twice is once, but for
-- what stayed then, as another load used it: what nobody uses now goes the second time. No row: there is no such load.
-- Raises TD423 while the load runs.
create function undo_load(given_load_no integer)
returns table (events bigint, users bigint, users_removed bigint, items_removed bigint, items_kept bigint,
               items_restored bigint, is_new boolean)
language plpgsql
set work_mem = '64MB'
as $$
#variable_conflict use_column
declare
    undone       loads;
    gone_events  bigint;
    gone_users   bigint;
    no_users     integer[];
    removed      bigint;
    made         bigint;
    restored     bigint;
begin
    if not pg_try_advisory_xact_lock(31322, given_load_no) then
        raise exception 'the load is running' using errcode = 'TD423';
    end if;
    select * into undone from loads where load_no = given_load_no for update;
    if not found then
        return;
    end if;

    -- As forget_user does; and one load is taken back at a time.
    perform pg_advisory_xact_lock_shared(31310, 4);
    perform pg_advisory_xact_lock(31310, 8);
    -- Items before users, as those who write events hold them.
    create temporary table made_items on commit drop as
    select item_no from items where load_no = given_load_no order by item_no for update;
    get diagnostics made = row_count;

    create temporary table taken_back on commit drop as
    select user_no, event_id from interactions where position > undone.after_position and load_no = given_load_no;
    analyze taken_back;
    -- First those who may go, so that nobody writes anything of them. The others are held, so that forget_user finds the
    -- changes; one who is forgotten meanwhile is waited for and is gone.
    perform from users
    where load_no = given_load_no order by user_id for update;
    perform from users where user_no in (select user_no from taken_back) order by user_id for key share;
    delete from interactions where position > undone.after_position and load_no = given_load_no;
    get diagnostics gone_events = row_count;
    delete from event_receipts where event_id in (select event_id from taken_back);

    with put_back as (
        update items as stored
        set title = was.title, categories = was.categories, description = was.description, attributes = was.attributes,
            available = was.available, updated_at = was.updated_at, deleted_at = was.deleted_at
        from replaced_items as was
        where was.load_no = given_load_no and stored.item_no = was.item_no and stored.updated_at = was.replaced_at
        returning 1
    )
    select count(*) into restored from put_back;

    delete from made_items
    using items
    where items.item_no = made_items.item_no
      and (items.updated_at > items.created_at
           or exists (select from interactions where interactions.item_no = made_items.item_no)
           or exists (select from user_interests where item_nos @> array[made_items.item_no])
           or exists (select from preferences where preferences.item_no = made_items.item_no));
    delete from item_changes where item_no in (select item_no from made_items);
    delete from items where item_no in (select item_no from made_items);
    get diagnostics removed = row_count;

    select count(distinct taken_back.user_no) into gone_users from taken_back join public.users using (user_no);
    no_users := remove_unused_users(given_load_no);
    perform hold_event_horizon();
    insert into history_changes (position, user_no)
    select nextval('interaction_positions'), user_no
    from (select distinct taken_back.user_no from taken_back join public.users using (user_no) order by 1) as changed;
    insert into forgotten_users (user_no, position)
    select user_no, nextval('interaction_positions') from unnest(no_users) as gone (user_no);
    update loads set state = 'undone', undone_at = coalesce(undone_at, now()) where load_no = given_load_no;
    return query
    select gone_events, gone_users, cardinality(no_users)::bigint, removed, made - removed, restored,
           undone.state <> 'undone';
end
$$;
