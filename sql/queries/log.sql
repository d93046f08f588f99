-- The interaction log: what more than one layer asks of it.

-- name: event_horizon
-- The position up to which the log is complete: nothing can appear at or below it any more. Must be read in a
-- statement of its own, before the statement that reads the log (READ COMMITTED).
select event_horizon();

-- part: given_events
cast(:event_ids as uuid[]), cast(:user_ids as text[]), cast(:item_nos as integer[]), cast(:kind_nos as smallint[]),
cast(:event_values as real[]), cast(:scale_nos as smallint[]), cast(:strengths as real[]),
cast(:occurred_ats as timestamptz[]), cast(:recommendation_ids as uuid[]), cast(:times_given as boolean[]),
cast(cast(:contexts as text[]) as jsonb[]), cast(:adding_contexts as boolean[])

-- part: on_disk
-- What is answered must be on disk, so a database or role that does not wait for that waits here, to the end of the
-- transaction.
current_setting('synchronous_commit') <> 'off' or set_config('synchronous_commit', 'on', true) is not null

-- part: became_of_events
accepted, duplicates, touched_user_nos, gone_event_ids, conflict_indexes,
case when duplicates > 0 then stored_event_ids end as stored_event_ids

-- name: record_events
-- Stores events once each by event id, all or none; answers how many were new, whose the events are that the log has now,
-- and which were recorded before and are not in it any more. An event id that comes with another content is the error
-- TD409. stored_event_ids are new; null: all are.
select
{became_of_events}
from record_events(
{given_events}
, all_or_none => true)
where
{on_disk}

-- name: record_events_in_part
-- The same, but events whose ids come with another content are left out: conflict_indexes.
select
{became_of_events}
from record_events(
{given_events}
, all_or_none => false)
where
{on_disk}

-- name: load_kinds
-- All event kinds, in the order of the fields of domain.interactions.EventKind.
select kind_no, kind, weight, marks_seen, value_reference, half_life_days, smallest_value, greatest_value, description
from event_kinds
order by kind_no;

-- name: add_rating_scales
-- The numbers of scales, which are added if they are new; absent: there are as many as there may be.
select scale_least, scale_greatest, scale_no
from add_rating_scales(cast(:leasts as double precision[]), cast(:greatests as double precision[]));

-- part: of_history
'' order by asked.user_no, recent.occurred_at, recent.item_no, recent.kind_no, recent.event_id

-- name: load_histories
-- The newest :events interactions of each user, oldest first, in an order that does not depend on arrival, one user's after
-- another's. :events null means all. Only positions up to :horizon. Numbers as int4send, int2send and float4send give them, a
-- strength that is null as NaN; all null where nobody has an interaction.
select string_agg(int4send(asked.user_no),
{of_history}
) as user_nos, string_agg(int4send(recent.item_no),
{of_history}
) as item_nos, string_agg(int2send(recent.kind_no),
{of_history}
) as kind_nos, string_agg(float4send(coalesce(recent.strength, 'NaN')),
{of_history}
) as strengths
from unnest(cast(:user_nos as integer[])) as asked (user_no)
cross join lateral (
    select occurred_at, item_no, kind_no, event_id, strength
    from interactions
    where interactions.user_no = asked.user_no and position <= :horizon
    order by occurred_at desc, item_no desc, kind_no desc, event_id desc
    limit cast(:events as bigint)
) as recent;

-- name: count_events_since
-- How many interactions each user has after a run's cut-off and up to the horizon.
select user_no, count(*) as events
from interactions
where user_no = any(cast(:user_nos as integer[])) and position > :cut_off_position and position <= :horizon
group by user_no;
