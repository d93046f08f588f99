-- What is refused: values out of bounds, and an event id that comes with another content.

-- ---------------------------------------------------------------- values

-- The values an event may have. Null: events of the kind have no value. Rows of the log from before may have others.
alter table event_kinds
    add column smallest_value double precision,
    add column greatest_value double precision;

-- Of kinds that somebody added nothing is known but what value is usual.
update event_kinds
set smallest_value = case kind when 'rate' then -10 else -100 * value_reference end,
    greatest_value = case kind when 'rate' then 10 else 100 * value_reference end
where value_reference is not null;

alter table event_kinds add constraint event_kinds_values_have_bounds check (
    (value_reference is null) = (smallest_value is null)
    and (value_reference is null) = (greatest_value is null)
    and smallest_value > '-infinity' and smallest_value <= greatest_value and greatest_value < 'infinity');

-- ---------------------------------------------------------------- scopes

alter table api_keys drop constraint api_keys_scopes_check;
alter table api_keys add constraint api_keys_scopes_check
    check (scopes <@ array['read', 'write', 'users', 'admin'] and cardinality(scopes) > 0);

-- ---------------------------------------------------------------- the way into the log

-- Events whose ids have receipts, held beside what the log has under these ids: whose they are (user_nos), which are not in
-- the log any more (gone_event_ids), and the places, counted from 0, of those that say something else than the log
-- (conflict_places). An event whose time was not told may be of any time. One that was deleted, or whose user was
-- forgotten, has left nothing to differ from.
create function compare_with_log(
    event_ids     uuid[],
    user_ids      text[],
    item_nos      integer[],
    kind_nos      smallint[],
    event_values  real[],
    occurred_ats  timestamptz[],
    times_told    boolean[]
) returns table (user_nos integer[], gone_event_ids uuid[], conflict_places integer[])
language sql
-- By the keys, event by event: a hash of the log would be one of all its partitions.
set enable_hashjoin = off
set enable_mergejoin = off
begin atomic
    select coalesce(array_agg(distinct logged.user_no) filter (where logged.user_no is not null), '{}'),
           coalesce(array_agg(distinct given.event_id) filter (where logged.position is null), '{}'),
           coalesce(array_agg(cast(given.place - 1 as integer) order by given.place) filter (
               where logged.position is not null
                 and ((given.user_id, given.item_no, given.kind_no, given.value)
                          is distinct from (users.user_id, logged.item_no, logged.kind_no, logged.value)
                      or given.time_told and given.occurred_at <> logged.occurred_at)), '{}')
    from unnest(event_ids, user_ids, item_nos, kind_nos, event_values, occurred_ats, times_told)
        with ordinality as given (event_id, user_id, item_no, kind_no, value, occurred_at, time_told, place)
    join event_receipts as receipts on receipts.event_id = given.event_id
    left join interactions as logged
        on logged.position = receipts.position and logged.occurred_at = receipts.occurred_at
    left join users on users.user_no = logged.user_no;
end;

drop function record_events(uuid[], text[], integer[], smallint[], real[], timestamptz[], uuid[]);

-- Stores events once each; the one way into the log. All arrays have one entry an event; item and kind
-- numbers must exist. Users are made as they appear with an event that is new. Of several events with one id the first
-- counts, in the log or among these; those that say something else are conflicts: with all_or_none nothing is stored and
-- the error TD409 has their places, counted from 0, as its detail; without, they are left out and told.
create function record_events(
    event_ids           uuid[],
    user_ids            text[],
    item_nos            integer[],
    kind_nos            smallint[],
    event_values        real[],
    occurred_ats        timestamptz[],
    recommendation_ids  uuid[],
    times_told          boolean[],
    all_or_none         boolean
) returns table (
    accepted integer, duplicates integer, touched_user_nos integer[], gone_event_ids uuid[], conflict_places integer[]
)
language plpgsql as $$
#variable_conflict use_column
declare
    needed        text[];
    held          bigint;
    stored_users  integer[];
    stored_count  integer;
    compared      record;
begin
    if exists (select from unnest(kind_nos) as given (kind_no)
               where not exists (select from event_kinds where event_kinds.kind_no = given.kind_no)) then
        raise exception 'an event has an unknown kind number' using errcode = 'foreign_key_violation';
    end if;

    perform hold_event_horizon();

    -- Events sent again make no user: one who was forgotten would come back by a late retry.
    needed := array(
        select distinct given.user_id
        from unnest(event_ids, user_ids) as given (event_id, user_id)
        where not exists (select from event_receipts where event_receipts.event_id = given.event_id));

    -- Whoever is held here cannot be forgotten before the commit. One who was forgotten while we waited is not held
    -- but made anew; one whom somebody else made meanwhile is held in the next round. Rows are locked in one order
    -- by everybody, so that two batches cannot wait for each other.
    loop
        select count(*) into held
        from (select from users where user_id = any(needed) order by user_id for key share) as locked;
        exit when held = cardinality(needed);
        with made as (
            insert into users (user_id)
            select missing.user_id from unnest(needed) as missing (user_id)
            where not exists (select from users where users.user_id = missing.user_id)
            order by missing.user_id
            on conflict do nothing
            returning 1
        )
        select held + count(*) into held from made;
        exit when held = cardinality(needed);
    end loop;

    with given as (
        select distinct on (event_id) *
        from unnest(event_ids, user_ids, item_nos, kind_nos, event_values, occurred_ats, recommendation_ids)
            with ordinality as e (event_id, user_id, item_no, kind_no, value, occurred_at, recommendation_id, place)
        order by event_id, place
    ),
    claimed as (
        insert into event_receipts (event_id, position, occurred_at)
        select event_id, nextval('interaction_positions'), occurred_at from given order by event_id
        on conflict do nothing
        returning event_id, position
    ),
    stored as (
        insert into interactions
            (position, event_id, user_no, item_no, kind_no, value, occurred_at, recommendation_id)
        select claimed.position, event_id, users.user_no, given.item_no, given.kind_no, given.value,
               given.occurred_at, given.recommendation_id
        from claimed join given using (event_id) join users using (user_id)
        returning user_no
    )
    select count(*), coalesce(array_agg(distinct user_no), '{}') into stored_count, stored_users from stored;

    if stored_count = cardinality(event_ids) then
        return query select stored_count, 0, stored_users, cast('{}' as uuid[]), cast('{}' as integer[]);
        return;
    end if;

    -- In a statement of its own, so that it sees what somebody else stored while we waited for the receipt.
    select * into compared
    from compare_with_log(event_ids, user_ids, item_nos, kind_nos, event_values, occurred_ats, times_told);
    if all_or_none and compared.conflict_places <> '{}' then
        -- Places alone: the server's log has the detail, and should have nothing of anybody in it.
        raise exception 'an event id came with another content' using
            errcode = 'TD409', detail = cast(array_to_json(compared.conflict_places) as text);
    end if;
    return query
    select stored_count, cardinality(event_ids) - stored_count, compared.user_nos, compared.gone_event_ids,
           compared.conflict_places;
end
$$;

-- ---------------------------------------------------------------- the words of one item

-- The different words of an item, cut off where `item_words` cuts; not numbers, nor what is longer than any word. The
-- first thousand in the order of the text: each new one costs its typing keys, and an item of nothing but new words
-- must not hold up its writer. The others are found when they are typed whole, and neither completed nor corrected.
create or replace function written_words(title text, categories text[], description text, attributes jsonb)
returns setof text
language sql immutable strict parallel safe
begin atomic
    select lexeme
    from unnest(to_tsvector('simple'::regconfig, folded(
        left(title, 2000) || ' , ' || left(array_to_string(categories, ' , '), 10000) || ' , '
        || left(coalesce((select string_agg(value, ' , ') from attribute_values(attributes)), ''), 20000) || ' , '
        || left(description, 30000))))
    where length(lexeme) between 2 and 40 and lexeme collate "pg_c_utf8" !~ '[^[:alpha:]]'
    order by positions[1], lexeme
    limit 1000;
end;
