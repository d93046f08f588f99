-- What users want more or less of in their lists.

-- Nothing of it is in the log: it says how lists are to be, and not what anybody did. One row of a user and a thing: an item,
-- a category, or a value of an attribute. `preference_id` is a digest of the thing, the same for every user.
create table preferences (
    user_no        integer not null,
    preference_id  text not null,
    item_no        integer,
    category       text,
    attribute      text,
    value          jsonb,
    direction      text not null check (direction in ('more', 'less')),
    created_at     timestamptz not null default now(),
    primary key (user_no, preference_id),
    check (num_nonnulls(item_no, category, attribute) = 1),
    check ((attribute is null) = (value is null))
);

-- Whether anybody named an item that is to be taken back with its load.
create index preferences_items on preferences (item_no) where item_no is not null;

-- Stores a preference of a user, who is made if there is none; one that is there already changes its direction. Answers since
-- when it is so. Raises TD410 if the id was merged into another user, and TD412 if the user would have more than `most`; then
-- nothing is stored.
create function put_preference(given_id text, given jsonb, most integer)
returns table (user_no integer, created_at timestamptz)
language plpgsql as $$
#variable_conflict use_column
declare
    owner  integer;
begin
    perform hold_users(array[given_id]);
    select user_no into owner from users where user_id = given_id;
    if not exists (select from preferences where preferences.user_no = owner and preference_id = given ->> 'preference_id')
       and (select count(*) from preferences where preferences.user_no = owner) >= most then
        raise exception 'the user has too many preferences' using errcode = 'TD412';
    end if;
    insert into preferences (user_no, preference_id, item_no, category, attribute, value, direction)
    values (owner, given ->> 'preference_id', cast(given ->> 'item_no' as integer), given ->> 'category',
            given ->> 'attribute', given -> 'value', given ->> 'direction')
    on conflict (user_no, preference_id) do update
    set direction = excluded.direction, created_at = now()
    where preferences.direction <> excluded.direction;
    return query
    select owner, preferences.created_at
    from preferences where preferences.user_no = owner and preference_id = given ->> 'preference_id';
end
$$;
