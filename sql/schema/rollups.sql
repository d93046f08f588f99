-- What analysts read and what would take long to count when they ask: counted after each night and by the daily
-- housekeeping. Every table holds counts; only `user_activity` has users.

-- How each rollup stands. `counted_until`: what occurred later is not in it.
create table rollups (
    rollup         text primary key,
    counted_until  timestamptz not null,
    counted_at     timestamptz not null default clock_timestamp()
);

create table interaction_days (
    day           date not null,
    kind_no       smallint not null,
    interactions  bigint not null,
    users         bigint not null,
    items         bigint not null,
    primary key (day, kind_no)
);

-- `segment`: how much is known of the user, by the number of interactions.
create table user_activity (
    user_no       integer primary key,
    segment       text not null check (segment in ('few', 'some', 'many')),
    interactions  bigint not null,
    items         bigint not null,
    days          integer not null,
    first_at      timestamptz not null,
    last_at       timestamptz not null
);

-- Lists of each day that is over, in the shape of `impression_days`, as long as none of them was deleted: there are no
-- lists between the first and the last day that are not counted.
create table given_days (
    day                date not null,
    run_id             integer,
    source             text not null,
    arm                text,
    placement          text,
    placement_version  integer,
    impressions        bigint not null,
    items              bigint not null,
    explored           bigint not null,
    users              bigint not null,
    unique nulls not distinct (day, run_id, source, arm, placement, placement_version)
);

-- Items in the lists of a day, by where they stood and what became of them. `clicked`: an event that speaks for the item
-- names the list. `taken`: the user used or liked the item within the attribution window, whether or not an event names the list.
create table click_days (
    day      date not null,
    run_id   integer,
    source   text not null,
    arm      text,
    slot     smallint not null,
    segment  text not null,
    shown    bigint not null,
    clicked  bigint not null,
    taken    bigint not null,
    unique nulls not distinct (day, run_id, source, arm, slot, segment)
);

-- The same by what the context of the list said, and the number of such lists.
create table context_days (
    day      date not null,
    name     text not null,
    value    text not null,
    lists    bigint not null,
    shown    bigint not null,
    clicked  bigint not null,
    taken    bigint not null,
    primary key (day, name, value)
);

-- The same by item, of the last 28 days only.
create table item_exposure_days (
    day      date not null,
    item_no  integer not null,
    shown    bigint not null,
    clicked  bigint not null,
    taken    bigint not null,
    primary key (day, item_no)
);

-- Every day whose lists were counted. `items`: different items in them; `catalogue`: available items when it was counted.
create table exposure_days (
    day        date primary key,
    lists      bigint not null,
    items      bigint not null,
    catalogue  bigint not null
);

-- Users who did something in a week (from Monday), by whether they were given a list in it; `returned`: did something in
-- the week after.
create table retention_weeks (
    week      date not null,
    exposed   boolean not null,
    users     bigint not null,
    returned  bigint not null,
    primary key (week, exposed)
);
