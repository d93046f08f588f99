-- Bulk loading. Chunks are staged in temporary tables, which empty themselves at the end of each transaction.
-- The statements run through ADBC.

-- name: create_staged_events
-- Events of a batch in the order of their ids. `user_at`, `item_at`: which of the staged users and items theirs are.
-- `is_first`: whether no other of the same id comes before it.
create temporary table staged_events (
    row_no integer, event_id uuid, user_at integer, item_at integer, kind_no smallint, value real, least double precision,
    greatest double precision, strength real, occurred_at timestamptz, time_given boolean, recommendation_id uuid,
    is_first boolean, context_no integer
) on commit delete rows;

-- name: create_staged_items
create temporary table staged_items (
    row_no integer, item_id text, title text, categories text[], description text, attributes text, available boolean
) on commit delete rows;

-- name: create_staged_event_items
-- The items of the staged events, each once, counted from 1.
create temporary table staged_event_items (item_at integer, item_id text) on commit delete rows;

-- name: create_staged_event_users
-- Their users.
create temporary table staged_event_users (user_at integer, user_id text) on commit delete rows;

-- name: create_numbered_events
-- The events themselves as the log takes them.
create temporary table numbered_events (
    position bigint, event_id uuid, user_no integer, item_no integer, kind_no smallint, scale_no smallint, value real,
    strength real, occurred_at timestamptz, recommendation_id uuid, context_no integer
) on commit delete rows;

-- name: hold_temporary_tables
-- A batch in memory. To be said before there is one.
set temp_buffers = '32MB';

-- name: commit_unhurried
-- A load is on disk when it is complete: `end_load` waits for all that was committed before it. What is lost before that by
-- a crash of the server is stored when the load goes on.
set synchronous_commit = off;

-- name: identify_backend
select pg_backend_pid(), session_user, current_database();

-- name: has_items
-- Whether anything can be recommended.
select exists (select from items);

-- name: count_known_users
-- How many of the staged users the store has.
select count(*) from users join staged_event_users using (user_id);

-- name: count_known_items
-- How many of the staged items the catalogue has.
select count(*) from items join staged_event_items using (item_id);

-- name: count_known_events
-- How many of the staged events were stored before, be it that their users were forgotten or they deleted.
select count(*) from event_receipts join staged_events using (event_id);

-- name: begin_load
select load_no, resumed from begin_load($1, $2, cast($3 as jsonb));

-- name: end_load
select end_load(cast($1 as integer), cast($2 as jsonb));

-- name: count_load
-- What a load stored in all: events, and new items.
select (select count(*) from interactions
        where position > (select after_position from loads where load_no = $1) and load_no = $1) as events,
       (select count(*) from items where load_no = $1) as items;

-- name: number_contexts
-- The numbers of contexts, which are an array of texts, in its order; null: there is no room for another one. Those for which
-- there was none before this began are not looked at one by one: a column may have a hundred thousand.
with given as materialized (
    select cast(text as jsonb) as context, ordinal
    from jsonb_array_elements_text(cast($1 as jsonb)) with ordinality as each (text, ordinal)
),
full_names as materialized (select name from context_values group by name having count(*) >= 200)
select case when exists (select from contexts where contexts.context = given.context)
              or (select count(*) from contexts) < 10000
                 and not exists (
                     select from jsonb_each_text(context) as pair (name, value)
                     where pair.name in (select name from full_names)
                       and not exists (
                           select from context_values as known where (known.name, known.value) = (pair.name, pair.value)))
            then context_number(context) end as context_no
from given
order by ordinal;

-- name: create_missing_items
-- Items titled by their id for the staged events that have none; answers how many.
with made as (
    insert into items (item_id, title, load_no)
    select item_id, item_id, cast($1 as integer)
    from staged_event_items
    where not exists (select from items where items.item_id = staged_event_items.item_id)
    order by item_id
    on conflict do nothing
    returning item_no
)
select count(*) from made;

-- name: store_staged_events
select stored, repeated, unknown_rows, conflict_rows from store_staged_events(cast($1 as integer));

-- name: begin_detached_load
-- The position after which the events of the load are to be; null: they are to be stored in the usual way.
select begin_detached_load(cast($1 as integer));

-- name: attach_detached_load
select attach_detached_load(cast($1 as integer), cast($2 as jsonb), cast($3 as integer));

-- name: is_to_be_attached
-- Whether somebody waits for this transaction to end, as an event does that has the id of one of its events; or others have
-- taken half of the positions that were left to them.
select exists (
           select from pg_locks
           where locktype = 'transactionid' and not granted and transactionid = cast(pg_current_xact_id_if_assigned() as xid))
       or last_value > cast($1 as bigint) - 1000000
from interaction_positions;

-- name: wait_briefly
set lock_timeout = '500ms';

-- name: wait_as_usual
reset lock_timeout;

-- name: hold_staged_items
-- The numbers of the staged items, by `item_at`; null for those that the catalogue lacks.
select unnest(hold_staged_items());

-- name: number_staged_users
-- The numbers of the staged users, by `user_at`; those who were not there are made.
select unnest(number_staged_users(cast($1 as integer)));

-- name: number_scale
-- The number of a scale of ratings, which is made; no row: there are too many.
select scale_no from add_rating_scales(array[cast($1 as double precision)], array[cast($2 as double precision)]);

-- name: allow_long_transaction
-- Whatever the server's operator has set for others: that of the load lasts as long as its file is read.
select set_config(name, '0', false)
from pg_settings
where name in ('statement_timeout', 'transaction_timeout', 'idle_in_transaction_session_timeout');

-- name: begin_parts
begin;

-- name: commit_parts
commit;

-- name: begin_part
savepoint part;

-- name: keep_part
release savepoint part;

-- name: give_up_part
rollback to savepoint part;

-- name: add_staged_items
-- Stores those staged items that the catalogue lacks: of several with one id the last. Answers how many were new. Items are
-- added and replaced in transactions of their own, so that nobody waits for somebody who waits for him.
with made as (
    insert into items (item_id, title, categories, description, attributes, available, load_no)
    select item_id, title, coalesce(categories, '{}'), coalesce(description, ''),
           coalesce(cast(attributes as jsonb), '{}'), coalesce(available, true), cast($1 as integer)
    from (select distinct on (item_id) * from staged_items order by item_id, row_no desc) as given
    where not exists (select from items where items.item_id = given.item_id)
    order by item_id
    on conflict (item_id) do nothing
    returning 1
)
select count(*) from made;

-- name: replace_staged_items
-- Replaces the items of the catalogue that were staged, of several with one id by the last: what the file does not say
-- (null) stays as it is; an equal item is not touched. One that was deleted is there again. What was there before is kept with the load. An item that the load
-- itself made counts as made again. Answers how many changed.
with held as materialized (
    select item_no, items.item_id, title, categories, description, attributes, available, load_no, updated_at,
           deleted_at, updated_at = created_at as fresh
    from items
    where item_id in (select item_id from staged_items)
    order by item_id
    for no key update
),
changed as (
    update items as stored
    set title = given.title,
        categories = coalesce(given.categories, stored.categories),
        description = coalesce(given.description, stored.description),
        attributes = coalesce(cast(given.attributes as jsonb), stored.attributes),
        available = coalesce(given.available, stored.available or stored.deleted_at is not null),
        deleted_at = null,
        updated_at = case when held.fresh and held.load_no = cast($1 as integer) then stored.created_at else now() end
    from held join (select distinct on (item_id) * from staged_items order by item_id, row_no desc) as given using (item_id)
    where stored.item_no = held.item_no
      and (stored.title, stored.categories, stored.description, stored.attributes, stored.available, stored.deleted_at)
          is distinct from (given.title, coalesce(given.categories, stored.categories),
                            coalesce(given.description, stored.description),
                            coalesce(cast(given.attributes as jsonb), stored.attributes),
                            coalesce(given.available, stored.available), null)
    returning stored.item_no, stored.updated_at
),
kept as (
    insert into replaced_items (load_no, item_no, title, categories, description, attributes, available, updated_at,
                                deleted_at, replaced_at)
    select cast($1 as integer), item_no, held.title, held.categories, held.description, held.attributes, held.available,
           held.updated_at, held.deleted_at, changed.updated_at
    from changed join held using (item_no)
    where held.load_no is distinct from cast($1 as integer)
    on conflict (load_no, item_no) do update set replaced_at = excluded.replaced_at
)
select count(*) from changed;

-- name: list_loads
-- The newest loads; `interrupted` are those that run no more and did not end.
select load_no, case when state = 'running' and held.load_no is null then 'interrupted' else state end as state,
       started_at, ended_at, loaded_by, source, mapping, counts, undone_at
from loads left join held_loads as held using (load_no)
order by load_no desc
limit :most;

-- name: undo_load
select events, users, users_removed, items_removed, items_kept, items_restored, is_new from undo_load(:load_no);
