-- Attributes of items that are filtered often, and what their indexes hold.

-- Each has two indexes on `items`: `items_attribute_1_values` finds equal values, `items_attribute_1_numbers` ranges. They are
-- made and dropped concurrently, by the owner, and their names tell which attribute they are of: an attribute's number stays.
create table filtered_attributes (
    attribute_no  integer generated always as identity primary key,
    name          text not null unique check (length(name) between 1 and 200),
    added_at      timestamptz not null default now()
);

-- Whether both indexes of an attribute are there and complete.
create function attribute_is_indexed(attribute_no integer) returns boolean
language sql stable strict parallel safe
return (
    select count(*) = 2 from pg_index
    where indexrelid in (to_regclass('items_attribute_' || attribute_no || '_values'),
                         to_regclass('items_attribute_' || attribute_no || '_numbers'))
      and indisvalid and indisready
);

-- A number as the index holds it: the nearest double precision, so that what is not less stays so. Of a list NaN, which is
-- greater than all numbers and found by every range, as any of its values may be meant. Null of all else, which no range holds.
create function indexed_number(given jsonb) returns double precision
language sql immutable strict parallel safe
return case jsonb_typeof(given)
    when 'number' then cast(round(least(greatest(cast(given as numeric), -1e300), 1e300), 30) as double precision)
    when 'array' then 'NaN'
end;

-- The numbers of all items that can meet `bounds`, and perhaps of others: what a filter asks of attributes, each as
-- {name, equal_path}, a predicate of jsonpath on its value, or {name, least} and {name, greatest}, of numbers. Null if it asks
-- nothing of an attribute that is indexed, or if these are more than `most`. The conditions are written into a statement as
-- literals, as an index is one of an expression with the attribute's name in it.
create function items_within(bounds jsonb, most integer) returns integer[]
language plpgsql stable strict parallel safe as $$
declare
    conditions text;
    item_nos integer[];
begin
    with asked as (
        select name, bound
        from jsonb_array_elements(bounds) as bound
        join filtered_attributes on name = bound ->> 'name'
        where attribute_is_indexed(attribute_no)
    )
    select string_agg(condition, ' and ') into conditions
    from (
        select format('(attributes -> %L) @@ %L', name, bound ->> 'equal_path') as condition
        from asked where bound ? 'equal_path'
        union all
        select format('(indexed_number(attributes -> %1$L) between %2$L and %3$L or indexed_number(attributes -> %1$L) = %4$L)',
                      name, coalesce(max(indexed_number(bound -> 'least')), '-infinity'),
                      coalesce(min(indexed_number(bound -> 'greatest')), 'infinity'), 'NaN')
        from asked where not bound ? 'equal_path'
        group by name
    ) as written;
    if conditions is null then
        return null;
    end if;
    execute format('select array_agg(item_no) from (select item_no from items where %s limit $1 + 1) as found', conditions)
    into item_nos using most;
    if cardinality(item_nos) > most then
        return null;
    end if;
    return coalesce(item_nos, '{}');
end
$$;
