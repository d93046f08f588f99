-- All that is stored of one user, as lines of JSON for whoever asks for their data. What is computed of it (lists, vectors,
-- positions of changes) is left out, and so are secrets and their hashes.

-- name: export_profile
-- The user; no row: there is none. Then what is there once or a few times: ids that were merged, the account, its sessions,
-- preferences.
with asked as (select * from users where user_id = :user_id)
select user_no, 0 as part, cast(json_build_object(
           'record', 'user', 'user_id', user_id, 'attributes', attributes, 'created_at', created_at,
           'interests', json_build_object(
               'words', coalesce(words, '{}'),
               'items', array(select item_id from unnest(item_nos) with ordinality as listed (item_no, ordinal)
                              join items using (item_no) order by ordinal)),
           'declared_at', declared_at) as text) as line
from asked left join user_interests using (user_no)
union all
select asked.user_no, 1, cast(json_build_object('record', 'merged_user', 'user_id', from_user_id, 'merged_at', merged_at) as text)
from asked join merged_users using (user_no)
union all
select user_no, 2, cast(json_build_object(
           'record', 'account', 'name', name, 'role', role, 'created_at', accounts.created_at,
           'password_changed_at', password_changed_at, 'link_requested_at', link_requested_at, 'disabled_at', disabled_at) as text)
from asked join accounts using (user_id)
union all
select user_no, 3, cast(json_build_object(
           'record', 'session', 'kind', kind, 'created_at', sessions.created_at, 'expires_at', expires_at,
           'ended_at', ended_at) as text)
from asked join accounts using (user_id) join sessions using (account_id)
union all
select user_no, 4, cast(json_build_object(
           'record', 'preference', 'preference_id', preference_id, 'direction', direction, 'item_id', item_id, 'title', title,
           'category', category, 'attribute', attribute, 'value', value, 'created_at', preferences.created_at) as text)
from asked join preferences using (user_no) left join items using (item_no)
order by part;

-- name: export_events
-- The events of a user after a position, in the order in which they came.
select position as key, cast(json_build_object(
           'record', 'event', 'event_id', event_id, 'item_id', item_id, 'title', title, 'kind', kind, 'value', value,
           'scale', case when least is not null then json_build_array(least, greatest) end, 'occurred_at', occurred_at,
           'received_at', received_at, 'recommendation_id', recommendation_id, 'context', context) as text) as line
from interactions
join items using (item_no)
join event_kinds using (kind_no)
left join rating_scales using (scale_no)
left join contexts using (context_no)
where user_no = :user_no and position > cast(:after as bigint)
order by position
limit :most;

-- name: export_deletions
-- The deletions of events of a user after a position.
select position as key,
       cast(json_build_object('record', 'deleted_event', 'event_id', event_id, 'deleted_at', deleted_at) as text) as line
from event_deletions
where user_no = :user_no and position > cast(:after as bigint)
order by position
limit :most;

-- name: export_impressions
-- What was shown to a user, after a row: an impression has no number, and one user has few thousands of them.
select ordinal as key, line
from (
    select row_number() over (order by shown_at, recommendation_id) as ordinal, cast(json_build_object(
               'record', 'impression', 'recommendation_id', recommendation_id, 'shown_at', shown_at, 'run_id', run_id,
               'source', source, 'placement', placement, 'placement_version', placement_version,
               'experiment_id', experiment_id, 'arm', arm, 'context', context,
               'item_ids', array(select item_id from unnest(item_nos) with ordinality as shown (item_no, ordinal)
                                 join items using (item_no) order by shown.ordinal),
               'explored', array(select item_id from unnest(explored) as shown (item_no) join items using (item_no)))
           as text) as line
    from impressions left join contexts using (context_no)
    where user_no = :user_no
) as shown
where ordinal > cast(:after as bigint)
order by ordinal
limit :most;

-- name: export_experiments
-- The experiments a user was in, after a row, and what was counted of the user there.
select ordinal as key, line
from (
    select row_number() over (order by experiment_id) as ordinal, cast(json_build_object(
               'record', 'experiment', 'experiment_id', experiment_id, 'arm', arm, 'first_at', first_at,
               'completed_at', completed_at, 'earlier_events', earlier, 'lists', lists, 'clicked_lists', clicked_lists,
               'clicks', clicks, 'conversions', conversions, 'value', value, 'dislikes', dislikes, 'returned', returned)
           as text) as line
    from experiment_users join users using (user_id)
    where user_no = :user_no
) as counted
where ordinal > cast(:after as bigint)
order by ordinal
limit :most;
