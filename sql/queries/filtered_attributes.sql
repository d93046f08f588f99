-- Attributes that are filtered often, and their indexes on items: made and dropped by the owner, beside all that goes on.

-- name: declare_attribute
-- The number of an attribute, which is declared if it was not.
insert into filtered_attributes (name) values (:name)
on conflict (name) do update set name = excluded.name
returning attribute_no;

-- name: find_attribute
select attribute_no, attribute_is_indexed(attribute_no) as is_indexed from filtered_attributes where name = :name;

-- name: write_indexing
-- The statements that build what of an attribute's indexes is missing: none may run in a transaction. What an interrupted
-- build has left, which nobody can use, goes first. At last the planner learns what the indexes hold.
select array(
    select statement
    from (values ('items_attribute_' || :attribute_no || '_values',
                  format('gin ((attributes -> %L) jsonb_path_ops)', cast(:name as text))),
                 ('items_attribute_' || :attribute_no || '_numbers',
                  format('btree (indexed_number(attributes -> %L))', cast(:name as text)))
    ) as wanted (index_name, method)
    left join pg_index on indexrelid = to_regclass(index_name)
    cross join lateral (
        values (1, format('drop index concurrently %I', index_name), indexrelid is not null),
               (2, format('create index concurrently %I on items using ', index_name) || method, true)
    ) as step (step_no, statement, is_needed)
    where is_needed and (indexrelid is null or not (indisvalid and indisready))
    order by index_name, step_no
) || cast('analyze items' as text) as statements;

-- name: write_dropping
-- The statements that drop an attribute's indexes: none may run in a transaction.
select array[format('drop index concurrently if exists %I', 'items_attribute_' || :attribute_no || '_values'),
             format('drop index concurrently if exists %I', 'items_attribute_' || :attribute_no || '_numbers')]
       as statements;

-- name: delete_attribute
delete from filtered_attributes where attribute_no = :attribute_no returning attribute_no;

-- name: list_attributes
-- Each with whether its indexes can be used, and the bytes they take.
select name, added_at, attribute_is_indexed(attribute_no) as is_indexed,
       coalesce(pg_relation_size(to_regclass('items_attribute_' || attribute_no || '_values')), 0)
       + coalesce(pg_relation_size(to_regclass('items_attribute_' || attribute_no || '_numbers')), 0) as bytes
from filtered_attributes
order by name collate "C";

-- name: count_items_with
-- How many items have an attribute.
select count(*) from items where jsonb_exists(attributes, :name);
