-- Users and the log of their interactions: what came in, what was taken out again, and up to where it is complete.

-- ---------------------------------------------------------------- users

-- `load_no`: the load that made the user; null: who came over HTTP. The number 0 is the canary's (see freshness.sql), whose
-- events are nobody's: whatever counts or learns from interactions leaves them out.
create table users (
    user_no     integer generated always as identity primary key,
    user_id     text not null unique check (length(user_id) between 1 and 200),
    attributes  jsonb not null default '{}',
    created_at  timestamptz not null default now(),
    load_no     integer
);

-- ---------------------------------------------------------------- event kinds

-- `weight`: what an event of the kind weighs, a view being 1; below 0 it counts against the item. Without bounds events of
-- the kind have no value. With bounds and `value_reference` they weigh in proportion: with that value just the weight. With
-- bounds alone they are ratings, and the bounds are the scale of those that name none.
create table event_kinds (
    kind_no          smallint primary key check (kind_no > 0),
    kind             text not null unique,
    weight           real not null,
    marks_seen       boolean not null,
    value_reference  real check (value_reference > 0),
    half_life_days   real check (half_life_days > 0),
    description      text not null,
    smallest_value   double precision,
    greatest_value   double precision,
    constraint event_kinds_values_have_bounds check (
        (smallest_value is null) = (greatest_value is null)
        and (value_reference is null or smallest_value is not null)
        and smallest_value > '-infinity' and smallest_value <= greatest_value and greatest_value < 'infinity'),
    constraint event_kinds_ratings_have_a_scale check (
        value_reference is not null or smallest_value is null or smallest_value < greatest_value and weight >= 0)
);

insert into event_kinds (kind_no, kind, weight, marks_seen, value_reference, smallest_value, greatest_value, description) values
    (1, 'view',      1.0, true,  null, null, null, 'opened, watched or read the item'),
    (2, 'click',     0.5, false, null, null, null, 'followed a link to the item'),
    (3, 'like',      3.0, true,  null, null, null, 'said that they like the item'),
    (4, 'rate',      3.0, true,  null, 1, 5,       'rated the item; the value is the rating, on a scale from 1 to 5'),
    (5, 'cart',      2.0, true,  null, null, null, 'put the item into a cart or on a list'),
    (6, 'purchase',  4.0, true,  null, null, null, 'bought the item'),
    (7, 'dislike',  -2.0, true,  null, null, null, 'said that they do not like the item'),
    (8, 'hide',     -1.0, true,  null, null, null, 'asked not to be shown the item');

-- Numbers of kinds are never given again: processes keep them at hand.
create sequence event_kind_numbers as smallint start 9;

-- Creates a kind, or changes the one of this name; whether it is new. For the role of the API, which may only read kinds.
create function store_event_kind(given jsonb) returns boolean
language plpgsql security definer
set search_path = public, pg_temp
as $$
declare
    new_kind event_kinds := jsonb_populate_record(null::event_kinds, given);
begin
    lock table event_kinds in share row exclusive mode;
    update event_kinds
    set weight = new_kind.weight, marks_seen = new_kind.marks_seen, value_reference = new_kind.value_reference,
        half_life_days = new_kind.half_life_days, smallest_value = new_kind.smallest_value,
        greatest_value = new_kind.greatest_value, description = new_kind.description
    where kind = new_kind.kind;
    if found then
        return false;
    end if;
    new_kind.kind_no := nextval('event_kind_numbers');
    insert into event_kinds select new_kind.*;
    return true;
end
$$;

-- Deletes a kind of which the log has no event: `deleted`, `used`, or `unknown`. Who records events holds the table to the
-- end; whoever waited for us finds the kind gone. The log is read before that, and what came meanwhile after it, so that
-- events wait but for a moment.
create function delete_event_kind(given_kind text) returns text
language plpgsql security definer
set search_path = public, pg_temp
set lock_timeout = '500ms'
as $$
declare
    doomed   smallint;
    horizon  bigint := event_horizon();
begin
    select kind_no into doomed from event_kinds where kind = given_kind;
    if not found then
        return 'unknown';
    end if;
    if exists (select from interactions where kind_no = doomed) then
        return 'used';
    end if;
    lock table event_kinds in access exclusive mode;
    if exists (select from interactions where position > horizon and kind_no = doomed) then
        return 'used';
    end if;
    delete from event_kinds where kind_no = doomed;
    return case when found then 'deleted' else 'unknown' end;
end
$$;

-- Scales that ratings came on. None is ever deleted, so that a number can be kept at hand; apps name them, so there are
-- no more than 1,000.
create table rating_scales (
    scale_no  smallint generated always as identity primary key,
    least     double precision not null,
    greatest  double precision not null,
    unique (least, greatest),
    constraint rating_scales_have_two_ends check (
        least > '-infinity' and least < greatest and greatest < 'infinity')
);

-- The numbers of scales, which are added if they are new; absent: there are 1,000 already. Who adds one waits for others
-- who do, to the end of their transactions.
create function add_rating_scales(leasts double precision[], greatests double precision[])
returns table (scale_least double precision, scale_greatest double precision, scale_no smallint)
language plpgsql as $$
#variable_conflict use_column
declare
    missing bigint;
begin
    select count(*) into missing
    from (select * from unnest(leasts, greatests) except select least, greatest from rating_scales) as unknown;
    if missing > 0 then
        perform pg_advisory_xact_lock(31310, 7);
        -- Another statement, so that it sees what was added while we waited.
        insert into rating_scales (least, greatest)
        select given.least, given.greatest
        from (select distinct * from unnest(leasts, greatests)) as given (least, greatest)
        where not exists (
            select from rating_scales as known where (known.least, known.greatest) = (given.least, given.greatest))
        order by given.least, given.greatest
        limit 1000 - (select count(*) from rating_scales);
    end if;
    return query
    select known.least, known.greatest, known.scale_no
    from rating_scales as known
    where (known.least, known.greatest) in (select * from unnest(leasts, greatests));
end
$$;

-- ---------------------------------------------------------------- contexts

-- In what contexts lists were asked for and events occurred, each once: {"device": "phone", "daypart": "evening"}. Only names
-- that the operator has listed come here, no more than 10,000 rows and no more than 200 different values of a name: what apps
-- say should be a few words. No row is a user's. `unused_since`: when housekeeping found no list and no event of it.
create table contexts (
    context_no    integer generated always as identity primary key,
    context       jsonb not null unique check (jsonb_typeof(context) = 'object'),
    unused_since  timestamptz
);

-- The different values of each name in them, at least.
create table context_values (
    name   text not null,
    value  text not null,
    primary key (name, value)
);

-- Whether there is room for another context.
create function context_fits(given jsonb) returns boolean
language sql as $$
    select (select count(*) from contexts) < 10000
       and not exists (
           select from jsonb_each_text(given) as pair (name, value)
           where not exists (select from context_values as known where (known.name, known.value) = (pair.name, pair.value))
             and (select count(*) from context_values as known where known.name = pair.name) >= 200)
$$;

-- The number of a context, which is added if it is new; null: there are too many, or it may not be added. To be asked before
-- anything else is locked: whoever adds one waits for others who do, to the end of their transactions.
create function context_number(given jsonb, may_add boolean default true) returns integer
language plpgsql strict as $$
declare
    found_no  integer;
    since     timestamptz;
begin
    select context_no, unused_since into found_no, since from contexts where context = given;
    if found and since is not null then
        -- Nobody clears it away from now on; it may just have been. Whoever changes rows has the lock first, as who adds some.
        perform pg_advisory_xact_lock(31310, 12);
        update contexts set unused_since = null where context_no = found_no;
    end if;
    if found then
        return found_no;
    end if;
    if not may_add or not context_fits(given) then
        return null;
    end if;
    perform pg_advisory_xact_lock(31310, 12);
    -- Other statements, so that they see what was added while we waited.
    if context_fits(given) then
        insert into contexts (context) values (given) on conflict do nothing;
        insert into context_values select name, value from jsonb_each_text(given) as pair (name, value) on conflict do nothing;
    end if;
    select context_no into found_no from contexts where context = given;
    return found_no;
end
$$;

-- Clears away contexts that no list and no event has, and had none a while ago: a transaction that was about to write of one
-- is over by then, and whoever names one meanwhile keeps it (context_number). How many that was.
create function clear_unused_contexts(unused_for interval) returns bigint
language plpgsql as $$
declare
    used     integer[];
    cleared  bigint;
begin
    used := array(
        select context_no from interactions where context_no is not null and user_no <> 0
        union
        select context_no from impressions where context_no is not null);
    -- Before rows are locked, as by who adds some; not before the log is read, which takes longer than anybody should wait.
    perform pg_advisory_xact_lock(31310, 12);
    with in_use as (
        update contexts set unused_since = null where unused_since is not null and context_no = any (used)
    ),
    unused as (
        update contexts set unused_since = now() where unused_since is null and context_no <> all (used)
    ),
    gone as (
        delete from contexts where unused_since < now() - unused_for and context_no <> all (used)
        returning 1
    )
    select count(*) into cleared from gone;
    delete from context_values
    where (name, value) not in (
        select pair.name, pair.value from contexts cross join lateral jsonb_each_text(context) as pair (name, value));
    return cleared;
end
$$;

-- ---------------------------------------------------------------- the interaction log

create sequence interaction_positions as bigint cache 1;

-- An event counts once whatever partition it falls into: its id is claimed here first.
create table event_receipts (
    event_id     uuid primary key,
    position     bigint not null,
    occurred_at  timestamptz not null
);

-- Written by record_events and store_staged_events alone, which find users, items, kinds and scales themselves, and hold
-- users and items to the end: foreign keys would check them again for every row, half the time of a bulk load. `value` is
-- as it came. `scale_no`: what a rating lies on; null: no rating. `strength`: what the weight of the kind is multiplied by, computed as the event came in by
-- `domain.interactions.EventKind.strengths`; null is 1. `load_no`: the bulk load the event came with.
-- `context_no`: the context the app sent with it; null: none, or that of the list it names.
create table interactions (
    position           bigint not null,
    event_id           uuid not null,
    user_no            integer not null,
    item_no            integer not null,
    kind_no            smallint not null,
    scale_no           smallint,
    value              real,
    strength           real,
    load_no            integer,
    occurred_at        timestamptz not null,
    received_at        timestamptz not null default now(),
    recommendation_id  uuid,
    context_no         integer,
    primary key (position, occurred_at)
) partition by range (occurred_at);

create index interactions_user on interactions (user_no, occurred_at);

-- Who used an item: item embedding asks for it.
create index interactions_item on interactions (item_no, occurred_at);

-- What is deleted by its time alone is looked for in it: a few kilobytes for millions of events, as most of them come in the
-- order in which they occurred.
create index interactions_occurred on interactions using brin (occurred_at) with (autosummarize = on);

-- A year each from when events are recorded; older ones, as of public data, and those without a year of their own lie
-- together. Whoever asks for one user's or one item's events opens every partition, so that many cost more than they save.
do $$
begin
    for year in 2023..2031 loop
        execute format(
            'create table interactions_%s partition of interactions for values from (%L) to (%L)',
            year, format('%s-01-01 00:00:00+00', year), format('%s-01-01 00:00:00+00', year + 1));
    end loop;
end
$$;

create table interactions_other partition of interactions default;

-- What each interaction weighs, before any decay: as `KindTable.weights` has it. Whoever asks whether an interaction speaks
-- for its item or against it must ask here: a rating may do either, or neither.
create view weighed_interactions as
select position, event_id, user_no, item_no, kind_no, marks_seen, occurred_at, weight * coalesce(strength, 1) as weight,
       recommendation_id, value
from interactions join event_kinds using (kind_no);

-- What speaks for an item.
create view likings as
select position, event_id, user_no, item_no, kind_no, occurred_at, recommendation_id
from weighed_interactions where weight > 0 and user_no <> 0;

-- ---------------------------------------------------------------- what was taken out of it, and what users say of themselves

-- An event that was deleted. Its deletion has a position of the log, so that whoever asks what is new finds it.
create table event_deletions (
    position    bigint primary key,
    event_id    uuid not null unique,
    user_no     integer not null,
    deleted_at  timestamptz not null default now()
);

create index event_deletions_user on event_deletions (user_no);

-- Numbers whose users were forgotten, or merged into another: all that remains of them. Numbers are never given again.
create table forgotten_users (
    user_no       integer primary key,
    position      bigint not null unique,
    forgotten_at  timestamptz not null default now()
);

-- Ids whose users were merged into another: `user_no` is whose their events are from now on, `from_user_no` the number they
-- had, which is forgotten. An id stands here or in `users`, never in both.
create table merged_users (
    from_user_id  text primary key,
    from_user_no  integer not null,
    user_no       integer not null,
    merged_at     timestamptz not null default now()
);

create index merged_users_user on merged_users (user_no);

-- The ids of users, with that of the other user for one who was merged.
create function ids_after_merging(given_ids text[]) returns text[]
language sql stable
begin atomic
    select array_agg(coalesce(users.user_id, given.user_id) order by given.ordinal)
    from unnest(given_ids) with ordinality as given (user_id, ordinal)
    left join merged_users on merged_users.from_user_id = given.user_id
    left join users on users.user_no = merged_users.user_no;
end;

-- What a user likes, in words and by items, as last declared. A row stays when all is taken back: that is a change too,
-- and has a position.
create table user_interests (
    user_no      integer primary key,
    words        text[] not null,
    item_nos     integer[] not null,
    position     bigint not null unique,
    declared_at  timestamptz not null default now()
);

-- Who named an item: item embedding asks for it.
create index user_interests_items on user_interests using gin (item_nos) with (gin_pending_list_limit = 256);

-- Whose history changed otherwise: events of theirs went with the load that brought them.
create table history_changes (
    position  bigint primary key,
    user_no   integer not null
);

create index history_changes_user on history_changes (user_no);

-- Whose live vector may have to change, and at which position: by an event, by the deletion of one or of a load, or by
-- interests declared anew. Whoever asks whose live vectors are behind must ask here.
create view user_changes as
select position, user_no from interactions
union all
select position, user_no from event_deletions
union all
select position, user_no from history_changes
union all
select position, user_no from user_interests;

-- ---------------------------------------------------------------- the event horizon

-- A sequence is not commit order. Whoever writes events holds a shared advisory lock for the length of
-- the transaction, and the lock's key is the last position given out before it was taken: all the
-- positions that transaction draws are higher. The upper half of the key's 64 bits names the lock.
create function hold_event_horizon() returns void
language plpgsql as $$
begin
    perform pg_advisory_xact_lock_shared((31309::bigint << 48) | case when is_called then last_value else 0 end)
    from interaction_positions;
end
$$;

-- The highest position below which nothing can appear any more. The sequence is read before the locks:
-- a writer that is not yet seen holding its lock draws positions above what was read.
create function event_horizon() returns bigint
language plpgsql as $$
declare
    last_given  bigint;
    oldest_held bigint;
begin
    select case when is_called then last_value else 0 end into last_given from interaction_positions;
    select min(((classid::bigint & 65535) << 32) | objid::bigint) into oldest_held
    from pg_locks
    where locktype = 'advisory' and mode = 'ShareLock' and granted and objsubid = 1
      and classid::bigint >> 16 = 31309
      and database = (select oid from pg_database where datname = current_database());
    return least(last_given, coalesce(oldest_held, last_given));
end
$$;

-- ---------------------------------------------------------------- the way into the log, and out of it

-- Events whose ids have receipts, held beside what the log has under these ids: whose they are (user_nos), which are not in
-- the log any more (gone_event_ids), and the indexes, counted from 0, of those that say something else than the log
-- (conflict_indexes). An event without a time may be of any time. One that was deleted, or whose user was
-- forgotten, has left nothing to differ from.
create function compare_with_log(
    event_ids     uuid[],
    user_ids      text[],
    item_nos      integer[],
    kind_nos      smallint[],
    event_values  real[],
    scale_nos     smallint[],
    occurred_ats  timestamptz[],
    times_given   boolean[]
) returns table (user_nos integer[], gone_event_ids uuid[], conflict_indexes integer[])
language sql
-- By the keys, event by event: a hash of the log would be one of all its partitions.
set enable_hashjoin = off
set enable_mergejoin = off
begin atomic
    select coalesce(array_agg(distinct logged.user_no) filter (where logged.user_no is not null), '{}'),
           coalesce(array_agg(distinct given.event_id) filter (where logged.position is null), '{}'),
           coalesce(array_agg(cast(given.ordinal - 1 as integer) order by given.ordinal) filter (
               where logged.position is not null
                 and ((given.user_id, given.item_no, given.kind_no, given.value, given.scale_no)
                          is distinct from (users.user_id, logged.item_no, logged.kind_no, logged.value, logged.scale_no)
                      or given.time_given and given.occurred_at <> logged.occurred_at)), '{}')
    from unnest(event_ids, ids_after_merging(user_ids), item_nos, kind_nos, event_values, scale_nos, occurred_ats, times_given)
        with ordinality as given (event_id, user_id, item_no, kind_no, value, scale_no, occurred_at, time_given, ordinal)
    join event_receipts as receipts on receipts.event_id = given.event_id
    left join interactions as logged
        on logged.position = receipts.position and logged.occurred_at = receipts.occurred_at
    left join users on users.user_no = logged.user_no;
end;

-- Stores events once each; the way into the log for what comes over HTTP. All arrays have one entry an event; item, kind
-- and scale numbers must exist. Users are made as they appear with an event that is new; events of one who was merged are the
-- other user's. Of several events with one id the first
-- counts, in the log or among these; those that say something else are conflicts: with all_or_none nothing is stored and
-- the error TD409 has their indexes, counted from 0, as its detail; without, they are left out and reported. `stored_event_ids`:
-- of those that are in the log now and were not before.
create function record_events(
    event_ids           uuid[],
    user_ids            text[],
    item_nos            integer[],
    kind_nos            smallint[],
    event_values        real[],
    scale_nos           smallint[],
    strengths           real[],
    occurred_ats        timestamptz[],
    recommendation_ids  uuid[],
    times_given         boolean[],
    given_contexts      jsonb[],
    adding_contexts     boolean[],
    all_or_none         boolean
) returns table (
    accepted integer, duplicates integer, touched_user_nos integer[], gone_event_ids uuid[], conflict_indexes integer[],
    stored_event_ids uuid[]
)
language plpgsql as $$
#variable_conflict use_column
declare
    has_kinds     boolean;
    has_items     boolean;
    needed        text[];
    held          bigint;
    stored_users  integer[];
    stored_ids    uuid[];
    stored_count  integer;
    compared      record;
    context_nos   integer[];
begin
    if array_remove(given_contexts, null) <> '{}' then
        context_nos := array(
            select context_number(context, may_add)
            from unnest(given_contexts, adding_contexts) with ordinality as of_events (context, may_add, ordinal)
            order by ordinal);
    end if;
    -- Few statements, as each costs more than an event. Whoever takes items out again waits for us, or we find them gone.
    select kind_nos <@ array(select kind_no from event_kinds),
           (select count(*) from (select from items where item_no = any(item_nos) order by item_no for key share) as locked)
               = (select count(distinct item_no) from unnest(item_nos) as given (item_no))
    into has_kinds, has_items;
    if not has_kinds then
        raise exception 'an event has an unknown kind number' using errcode = 'foreign_key_violation';
    end if;
    if not has_items then
        raise exception 'an event has an unknown item number' using errcode = 'foreign_key_violation';
    end if;
    if array_remove(scale_nos, null) <> '{}' then
        if not array_remove(scale_nos, null) <@ array(select scale_no from rating_scales) then
            raise exception 'an event has an unknown scale number' using errcode = 'foreign_key_violation';
        end if;
    end if;

    perform hold_event_horizon();

    -- Whoever is held here cannot be forgotten before the commit. One who was forgotten while we waited is not held
    -- but made anew; one whom somebody else made meanwhile is held in the next round. Rows are locked in one order
    -- by everybody, so that two batches cannot wait for each other.
    -- Events sent again make no user: one who was forgotten would come back by a late retry.
    select wanted.ids,
           (select count(*) from (select from users where user_id = any(wanted.ids) order by user_id for key share) as locked)
    into needed, held
    from (select array(
              select distinct given.user_id
              from unnest(event_ids, user_ids) as given (event_id, user_id)
              where not exists (select from event_receipts where event_receipts.event_id = given.event_id))
          offset 0) as wanted (ids);
    loop
        exit when held = cardinality(needed);
        with made as (
            insert into users (user_id)
            select missing.user_id from unnest(needed) as missing (user_id)
            where not exists (select from users where users.user_id = missing.user_id)
              and not exists (select from merged_users where from_user_id = missing.user_id)
            order by missing.user_id
            on conflict do nothing
            returning 1
        )
        select held + count(*) into held from made;
        if exists (select from merged_users where from_user_id = any(needed)) then
            -- Whom we made while they were merged: their ids are nobody's.
            delete from users where user_id in (select from_user_id from merged_users where from_user_id = any(needed));
            -- By one statement: between two of them, the others may be merged in their turn.
            select ids_after_merging(user_ids),
                   array(select distinct user_id from unnest(ids_after_merging(needed)) as given (user_id))
            into user_ids, needed;
        else
            exit when held = cardinality(needed);
        end if;
        select count(*) into held
        from (select from users where user_id = any(needed) order by user_id for key share) as locked;
    end loop;

    with given as (
        select distinct on (event_id) *
        from unnest(event_ids, user_ids, item_nos, kind_nos, event_values, scale_nos, strengths, occurred_ats,
                    recommendation_ids, context_nos)
            with ordinality as e (event_id, user_id, item_no, kind_no, value, scale_no, strength, occurred_at,
                                  recommendation_id, context_no, ordinal)
        order by event_id, ordinal
    ),
    claimed as (
        insert into event_receipts (event_id, position, occurred_at)
        select event_id, nextval('interaction_positions'), occurred_at from given order by event_id
        on conflict do nothing
        returning event_id, position
    ),
    stored as (
        insert into interactions
            (position, event_id, user_no, item_no, kind_no, scale_no, value, strength, occurred_at, recommendation_id,
             context_no)
        select claimed.position, event_id, users.user_no, given.item_no, given.kind_no, given.scale_no, given.value,
               given.strength, given.occurred_at, given.recommendation_id, given.context_no
        from claimed join given using (event_id) join users using (user_id)
        returning user_no, event_id
    )
    select count(*), coalesce(array_agg(distinct user_no), '{}'), coalesce(array_agg(event_id), '{}')
    into stored_count, stored_users, stored_ids
    from stored;

    if stored_count = cardinality(event_ids) then
        return query select stored_count, 0, stored_users, cast('{}' as uuid[]), cast('{}' as integer[]), stored_ids;
        return;
    end if;

    -- In a statement of its own, so that it sees what somebody else stored while we waited for the receipt.
    select * into compared
    from compare_with_log(event_ids, user_ids, item_nos, kind_nos, event_values, scale_nos, occurred_ats, times_given);
    if all_or_none and compared.conflict_indexes <> '{}' then
        -- Indexes alone: the server's log has the detail, and should have nothing of anybody in it.
        raise exception 'an event id came with another content' using
            errcode = 'TD409', detail = cast(array_to_json(compared.conflict_indexes) as text);
    end if;
    return query
    select stored_count, cardinality(event_ids) - stored_count, compared.user_nos, compared.gone_event_ids,
           compared.conflict_indexes, stored_ids;
end
$$;

-- Takes an event out of the log. No row: no such event was ever received. The receipt stays, so that the event does
-- not come back when it is sent again. is_new: whether this call deleted it; user_no and deleted_at are null if
-- its user was forgotten.
create function delete_event(given_id uuid)
returns table (is_new boolean, user_no integer, deleted_at timestamptz)
language plpgsql as $$
#variable_conflict use_column
declare
    receipt  event_receipts;
    owner    integer;
begin
    select * into receipt from event_receipts where event_id = given_id;
    if not found then
        return;
    end if;

    select user_no into owner from interactions
    where position = receipt.position and occurred_at = receipt.occurred_at;
    -- Held, so that forget_user finds the deletion. If it came before us, or somebody else's deletion did, the event is
    -- gone, and the row that is waited for is not deleted twice.
    perform from users where user_no = owner for key share;
    delete from interactions where position = receipt.position and occurred_at = receipt.occurred_at;
    if found then
        -- Drawn under the horizon's lock and after the deed: a vector at this position cannot know the event.
        perform hold_event_horizon();
        insert into event_deletions (position, event_id, user_no)
        values (nextval('interaction_positions'), given_id, owner);
        return query select true, owner, now();
    else
        return query
        select false, found_deletion.user_no, found_deletion.deleted_at
        from (values (1)) as one (row) left join event_deletions as found_deletion on found_deletion.event_id = given_id;
    end if;
end
$$;

-- Takes up to `most` events out of the log, as delete_event does: those of a user, with an item, of a kind and from a time on
-- up to another one, as far as these are given; answers whose they were and how many.
create function delete_events(
    given_user_id text, given_item_id text, given_kind text, from_at timestamptz, to_at timestamptz, most integer
) returns table (user_no integer, user_id text, events bigint)
language plpgsql
-- By the keys, event by event: a hash of the log would be one of all its partitions.
set enable_hashjoin = off
set enable_mergejoin = off
as $$
#variable_conflict use_column
declare
    wanted     text;
    positions  bigint[];
    times      timestamptz[];
    owners     integer[];
    gone_ids   uuid[];
    gone_of    integer[];
begin
    -- As text, so that each question has the plan of what it asks.
    wanted := concat_ws(' and ', 'true',
        case when given_user_id is not null then 'user_no = (select user_no from users where user_id = $1)' end,
        case when given_item_id is not null then 'item_no = (select item_no from items where item_id = $2)' end,
        case when given_kind is not null then 'kind_no = (select kind_no from event_kinds where kind = $3)' end,
        case when from_at is not null then 'occurred_at >= $4' end,
        case when to_at is not null then 'occurred_at < $5' end);
    execute format('select array_agg(position), array_agg(occurred_at), array_agg(user_no) '
                   'from (select position, occurred_at, user_no from interactions where %s limit $6) as found', wanted)
    into positions, times, owners
    using given_user_id, given_item_id, given_kind, from_at, to_at, most;

    -- Held, so that forget_user finds the deletions; of whoever was forgotten before, nothing is left to delete.
    perform from users where user_no = any(owners) order by user_id for key share;
    with gone as (
        delete from interactions
        using unnest(positions, times) as doomed (position, occurred_at)
        where interactions.position = doomed.position and interactions.occurred_at = doomed.occurred_at
        returning event_id, user_no
    )
    select array_agg(event_id), array_agg(user_no) into gone_ids, gone_of from gone;
    -- Drawn under the horizon's lock and after the deed: a vector at such a position cannot know the event.
    perform hold_event_horizon();
    insert into event_deletions (position, event_id, user_no)
    select nextval('interaction_positions'), event_id, user_no from unnest(gone_ids, gone_of) as gone (event_id, user_no);
    return query
    select users.user_no, users.user_id, count(*)
    from unnest(gone_of) as gone (user_no) join users using (user_no)
    group by users.user_no, users.user_id;
end
$$;

-- What tells a user's profile from what it is after any change.
create function profile_version(given_id text) returns text
language sql stable strict
return (
    select concat(users.xmin, ' ', user_interests.position)
    from users left join user_interests using (user_no) where user_id = given_id
);

-- Holds users until the commit, and makes those that are not there; answers whom. Whoever is held cannot be forgotten
-- meanwhile, and one call after another stores what is declared of a user. One who was forgotten while we waited is made anew;
-- one whom somebody else made meanwhile is held in the next round. Ids that were merged are nobody's: the error TD410 has them
-- as its detail.
create function hold_users(ids text[]) returns text[]
language plpgsql as $$
#variable_conflict use_column
declare
    held    bigint;
    merged  text[];
    added   text[];
    made    text[] := '{}';
begin
    loop
        select count(*) into held
        from (select from users where user_id = any(ids) order by user_id for no key update) as locked;
        merged := array(select from_user_id from merged_users where from_user_id = any(ids));
        if merged <> '{}' then
            raise exception 'a user was merged into another' using
                errcode = 'TD410', detail = cast(array_to_json(merged) as text);
        end if;
        exit when held = cardinality(ids);
        with new as (
            insert into users (user_id)
            select missing.user_id from unnest(ids) as missing (user_id)
            where not exists (select from users where users.user_id = missing.user_id)
            order by missing.user_id
            on conflict do nothing
            returning user_id
        )
        select coalesce(array_agg(user_id), '{}') into added from new;
        made := made || added;
    end loop;
    return made;
end
$$;

-- Creates users or replaces their profiles, from [{user_id, attributes, words, item_nos}, …] of different users; answers of
-- each the number, whether the user is new, and whether other interests are declared than before. Declaring the same again
-- changes nothing. Ids that were merged are nobody's: the error TD410 has them as its detail, and nothing is stored.
create function put_users(given_users jsonb)
returns table (user_id text, user_no integer, created boolean, changed boolean)
language plpgsql as $$
#variable_conflict use_column
declare
    ids   text[];
    made  text[];
begin
    ids := array(select entry ->> 'user_id' from jsonb_array_elements(given_users) as entry);
    perform hold_event_horizon();
    made := hold_users(ids);
    update users set attributes = entry -> 'attributes'
    from jsonb_array_elements(given_users) as entry
    where users.user_id = entry ->> 'user_id' and users.attributes <> entry -> 'attributes';

    return query
    with given as (
        select given.user_id, users.user_no, given.words, given.item_nos
        from jsonb_to_recordset(given_users) as given (user_id text, words text[], item_nos integer[])
        join users using (user_id)
    ),
    -- Positions are drawn after users are held: of two who declare interests of one user, the later has the higher.
    declared as (
        insert into user_interests (user_no, words, item_nos, position)
        select user_no, words, item_nos, nextval('interaction_positions')
        from given
        where cardinality(words) + cardinality(item_nos) > 0
           or exists (select from user_interests where user_interests.user_no = given.user_no)
        on conflict (user_no) do update
        set words = excluded.words, item_nos = excluded.item_nos, position = excluded.position, declared_at = now()
        where (user_interests.words, user_interests.item_nos) is distinct from (excluded.words, excluded.item_nos)
        returning user_no
    )
    select given.user_id, given.user_no, given.user_id = any(made), declared.user_no is not null
    from given left join declared using (user_no);
end
$$;

-- The same for one user whose profile is still of the version that somebody has read; no row: it is not, or nobody's.
create function change_user(given_user jsonb, version text)
returns table (user_id text, user_no integer, created boolean, changed boolean)
language plpgsql as $$
#variable_conflict use_column
begin
    perform from users where user_id = given_user ->> 'user_id' for no key update;
    -- In a statement of its own, so that it sees what somebody else stored while we waited.
    if found and profile_version(given_user ->> 'user_id') = version then
        return query select * from put_users(jsonb_build_array(given_user));
    end if;
end
$$;
