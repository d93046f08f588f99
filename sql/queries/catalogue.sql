-- The catalogue, as apps read and write it. An item that was deleted is none of it.

-- part: as_shown
-- An item as apps see it.
items.item_id, items.title, items.categories, items.description, items.attributes, items.available, items.created_at,
items.updated_at

-- part: as_written
-- An item that was just written, with what it was before.
old.item_no is null or old.deleted_at is not null as created,
coalesce(old.available and coalesce(old.publish_at <= now(), true) and coalesce(old.expire_at > now(), true),
         false) as was_shown,
new.available and coalesce(new.publish_at <= now(), true) and coalesce(new.expire_at > now(), true) as is_shown,
coalesce(old.categories, new.categories) as old_categories,
new.item_id, new.title, new.categories, new.description, new.attributes, new.available, new.created_at, new.updated_at

-- name: find_item
-- An item, and its version: another one after each change.
select cast(xmin as text) as version,
{as_shown}
from items
where item_id = :item_id and deleted_at is null;

-- name: store_items
-- Creates items or replaces all that is said of them; answers of each which, and what it was before. They must be
-- different ones. One that was deleted is created anew, under the number it had.
with given as materialized (
    select * from jsonb_to_recordset(cast(:items as jsonb)) as given (
        item_id text, title text, categories text[], description text, attributes jsonb, available boolean)
),
held as materialized (
    select count(*) as items, bool_and(case when cast(:several as boolean) then hold_item_batches() end) from given
)
insert into items (item_id, title, categories, description, attributes, available)
select item_id, title, categories, description, attributes, available from given cross join held
order by item_id
on conflict (item_id) do update
set title = excluded.title, categories = excluded.categories, description = excluded.description,
    attributes = excluded.attributes, available = excluded.available, updated_at = now(), deleted_at = null,
    created_at = case when items.deleted_at is null then items.created_at else now() end,
    load_no = case when items.deleted_at is null then items.load_no end
returning
{as_written}

-- name: create_items
-- Items titled by their ids, those of the ids that there are none of; answers which. One that was deleted stays so.
insert into items (item_id, title)
select given.item_id, given.item_id from unnest(cast(:item_ids as text[])) as given (item_id)
where not exists (select from items where items.item_id = given.item_id)
order by given.item_id
on conflict do nothing
returning item_id;

-- name: change_item
-- Changes what is not null, if the item is still of this version; no row: it is not, or not there.
update items
set title = coalesce(:title, title), categories = coalesce(cast(:categories as text[]), categories),
    description = coalesce(:description, description), attributes = coalesce(cast(:attributes as jsonb), attributes),
    available = coalesce(cast(:available as boolean), available), updated_at = now()
where item_id = :item_id and deleted_at is null and cast(xmin as text) = :version
returning
{as_written}

-- name: delete_item
-- Takes an item out of the catalogue; whether just now, and when. No row: there never was one. Harmless twice.
with gone as (
    update items set available = false, updated_at = now(), deleted_at = now()
    where item_id = :item_id and deleted_at is null
    returning item_no
)
select gone.item_no is not null as is_new, coalesce(items.deleted_at, now()) as deleted_at
from items left join gone using (item_no)
where items.item_id = :item_id;

-- part: may_be_listed
deleted_at is null
and (cast(:available as boolean) is null or available = cast(:available as boolean))
and
{passes}

-- name: list_items
-- Items after a number, in the order of their numbers. `:available`: only those that are, or are not; null: all.
select items.item_no,
{as_shown}
from items
where items.item_no > :after
  and {may_be_listed}
order by items.item_no
limit :most;

-- name: count_items
-- How many items of the catalogue pass, up to :most; of a filter with bounds by the indexes of declared attributes.
with {few}
select count(*) as items
from (
    select from items
    where (select item_nos is null from few)
      and {may_be_listed}
    union all
    select from items
    where item_no = any(cast((select item_nos from few) as integer[]))
      and {may_be_listed}
    limit :most
) as passing;

-- name: list_categories
-- Categories after a name, in the order of their names, and how many available items each has.
-- No item has one twice.
select category, count(*) as items
from (
    select unnest(categories) as category from items where
    {shown}
) as of_items
where cast(:after as text) is null or category collate "C" > :after
group by category
order by category collate "C"
limit :most;
