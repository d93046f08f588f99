-- The serving layer. Statements about a run hold the lock on its parent table while they run, so a run
-- cannot be dropped in the middle of one; whoever finds nothing asks whether the run is still there.

-- part: run_columns
-- Until when a run has learned; of its indexes, if it has any, their measured recall, the length of the vectors in them,
-- and PostgreSQL's numbers of them: null of one that was dropped, or that PostgreSQL does not use. And the blend that the
-- night found best, and a short name of its parameters.
cut_off_at,
case when metrics ->> 'index' = 'hnsw' then (metrics ->> 'index_recall@100')::double precision end as index_recall,
(metrics ->> 'similarity_recall@100')::double precision as similarity_recall,
(parameters -> 'live_vector' ->> 'taste_dimensions')::integer
    + (parameters -> 'live_vector' ->> 'sequence_dimensions')::integer + 2 as dimensions,
metrics -> 'chosen_blend' -> 'chosen' as learned_policy,
left(md5(cast(parameters as text)), 8) as parameters_version,
(
    select indexrelid::bigint from pg_index
    where indexrelid = to_regclass('item_embeddings_' || model_runs.run_id || '_nearest') and indisvalid and indisready
) as index_number,
(
    select indexrelid::bigint from pg_index
    where indexrelid = to_regclass('item_similarity_embeddings_' || model_runs.run_id || '_nearest')
      and indisvalid and indisready
) as similarity_index_number

-- name: find_live_run
-- The run being served, or no row before the first one is published.
select run_id, promotion_no,
       {run_columns}
from live_run join model_runs using (run_id);

-- name: find_coming_run
-- The same of a run that is about to be served: the next promotion will be to it.
select model_runs.run_id, live_run.promotion_no + 1 as promotion_no,
       {run_columns}
from model_runs cross join live_run
where model_runs.run_id = :run_id and state = 'evaluated';

-- name: knows_user
-- Whether a run's live vector of a user knows all that the log has of the user.
select not exists (
    select from user_changes
    where user_no = :user_no
      and position > coalesce((select position from user_embeddings where run_id = :run_id and user_no = :user_no), 0));

-- name: run_has_partitions
-- Whether a run's lists and vectors are (still) there.
select run_is_kept(:run_id);

-- name: find_user_no
select user_no from users where user_id = :user_id;

-- part: own_items
-- What must not be shown to the user asked.user_no: the items the user disliked, and the others that count as seen,
-- as those do that were named as interests. The log is read beyond the event horizon on purpose: nothing is computed
-- from it for good, and a user's own event must count at once.
cross join lateral (
    select coalesce(array_agg(item_no) filter (where disliked), '{}') as disliked,
           coalesce(array_agg(item_no) filter (where not disliked), '{}') as seen
    from (
        select item_no, bool_or(is_dislike) as disliked
        from (
            select item_no, weight < 0 as is_dislike
            from weighed_interactions as weighed
            where weighed.user_no = asked.user_no and (weight < 0 or marks_seen)
            union all
            select unnest(item_nos), false from user_interests where user_interests.user_no = asked.user_no
        ) as met
        group by item_no
    ) as items
) as own

-- part: user_state
-- All that a run and the log know of one user and what the user prefers, whether the run is still there, and whether the
-- user is: a number that is gone belonged to one who was forgotten.
select run_is_kept(cast(:run_id as integer)) as has_partitions,
       exists (select from users where user_no = :user_no) as is_user,
       lists.item_nos,
       lists.scores,
       live.embedding,
       live.next_item_nos,
       live.next_scores,
       live.position,
       live.updated_at as vector_at,
       coalesce(live.events_since_cut_off, 0) as events_since_cut_off,
       own.disliked,
       own.seen,
       (select cast(json_agg(json_build_object(
                    'preference_id', preference_id, 'direction', direction, 'item_no', item_no, 'item_id', item_id,
                    'category', category, 'attribute', attribute, 'value', value)
                    order by preferences.created_at desc, preference_id) as text)
        from preferences left join items using (item_no)
        where preferences.user_no = :user_no) as preferences
from (select cast(:user_no as integer) as user_no) as asked
{own_items}
left join batch_recommendations as lists on lists.run_id = :run_id and lists.user_no = :user_no
left join user_embeddings as live on live.run_id = :run_id and live.user_no = :user_no

-- name: load_batch_list
-- A user's nightly list in any run that is there; no row: the run has none.
select item_nos, scores from batch_recommendations where run_id = :run_id and user_no = :user_no;

-- part: sent_user_state
-- The columns of a user's state as they are sent: numbers of lists in the bytes of the arrays, which are read at once.
has_partitions,
is_user,
array_send(item_nos) as item_nos,
array_send(scores) as scores,
embedding,
array_send(next_item_nos) as next_item_nos,
array_send(next_scores) as next_scores,
position,
vector_at,
events_since_cut_off,
disliked,
seen,
preferences

-- name: load_user_state
select
    {sent_user_state}
from (
    {user_state}
) as state;

-- part: eligible
-- Items that may be shown and pass the filters of the request.
{shown}
and {passes}

-- part: item_columns
-- Items as columns in JSON, which are read far faster than many rows.
cast(json_agg(item_id) as text) as item_ids,
cast(json_agg(title) as text) as titles,
cast(json_agg(case when :with_categories then categories end) as text) as categories

-- part: candidate_columns
origin,
cast(json_agg(item_no) as text) as item_nos,
cast(json_agg(score) as text) as scores,
{item_columns}

-- part: given_user
-- For statements about candidates, as `with`: whom they are for, with what stays out and what else is to be looked up.
of_user as materialized (
    select cast(:embedding as vector) as embedding,
           cast(:next_item_nos as integer[]) as next_item_nos,
           cast(:next_scores as real[]) as next_scores,
           cast(:listed_item_nos as integer[]) as listed_item_nos,
           cast(:excluded as integer[]) as excluded
)

-- part: may_be_near
-- Of the run's items, those that may be shown and are neither excluded nor unwanted; what a filter wants is asked besides, by
-- `passing`. A subquery is hashed whatever its size; an array would be searched row by row.
run_id = :run_id
and item_embeddings.item_no not in (
    select unnest(excluded) from of_user
    union all
    {not_shown_or_unwanted}
)

-- part: following
-- What comes next after the user's history, with what each item gains by it. Grouped, though each is there once: the
-- planner, who then knows it, hashes these few and not all vectors.
(
    select item_no, max(gain) as gain
    from of_user cross join lateral unnest(next_item_nos, next_scores) as given (item_no, gain)
    group by item_no
) as following

-- part: nearest_new
-- The :new_items nearest of the items that fewer than :new_item_users users like, nearest first. At the most
-- :new_items_looked_at of them are looked at, from another one on each hour, so that each has its turn and they cost the same
-- however many there are; none where no item is better known, as then they are nothing special, and none without a word, of
-- which nothing is known at all.
(
    select item_no, item_id, title, categories, distance
    from (
        -- The nearest first, so that no more of them are looked up than are wanted.
        select item_no, embedding <#> (select embedding from of_user) as distance
        from (
            (select item_no, embedding, users from item_embeddings
             where run_id = :run_id and users < :new_item_users
               and (users, item_no) > (:from_users, cast(:start * (select max(item_no) from items) as integer))
             order by users, item_no
             limit :new_items_looked_at)
            union all
            (select item_no, embedding, users from item_embeddings
             where run_id = :run_id and users < :new_item_users
               and (users, item_no) <= (:from_users, cast(:start * (select max(item_no) from items) as integer))
             order by users, item_no
             limit :new_items_looked_at)
            limit :new_items_looked_at
        ) as new
        where (select embedding is not null from of_user)
          and item_no not in (select unnest(excluded) from of_user)
          and exists (select from item_embeddings where run_id = :run_id and users >= :new_item_users)
        order by distance, item_no
        offset 0
    ) as new
    -- `offset 0`: looked up one by one, however few items there are. Nearly every title has a word; the words are
    -- asked only where it has none, and what is neither letter nor digit says nothing, as an emoji.
    cross join lateral (
        select item_id, title, categories from items
        where items.item_no = new.item_no
          and {eligible}
          and (title collate "pg_c_utf8" ~ '[[:alnum:]]'
               or cast(strip(words) as text) collate "pg_c_utf8" ~ '[[:alnum:]]')
        offset 0
    ) as eligible
    order by distance, item_no
    limit :new_items
) as new

-- part: candidates_beside
-- `listed`: items that other sources found. `new`: new items, with what the nearest have most of.
select 'listed', item_no, null
from of_user cross join lateral unnest(listed_item_nos) as listed (item_no)
where item_no <> all(excluded)
union all
select 'new', item_no, -distance
from {nearest_new}

-- part: candidates
-- `near`: the eligible items with the best live scores, exactly: the inner product with a live vector, and what an item gains
-- by coming next. Besides, `listed` and `new`. Of a user without a live vector, `listed` alone.
select origin, items.item_no, score, item_id, title, categories
from (
    select 'near' as origin, nearest.item_no, -distance as score
    from (
        select item_embeddings.item_no,
               (item_embeddings.embedding <#> (select embedding from of_user)) - coalesce(gain, 0) as distance
        from item_embeddings
        left join {following}
            on following.item_no = item_embeddings.item_no
        where (select embedding is not null from of_user)
          and {may_be_near}
        order by distance, item_no
        limit :candidates
    ) as nearest
    union all
    {candidates_beside}
) as found
join items using (item_no)
where {eligible}

-- name: load_candidates
-- The eligible items of each origin, a row an origin.
with {given_user}
select {candidate_columns}
from (
    {candidates}
) as items
group by origin;

-- name: load_user_state_and_candidates
-- What load_user_state and then load_candidates find of a user whose list is made of nothing else. All candidates, each once,
-- and those of two origins by number; as JSON.
with state as materialized (
    {user_state}
),
of_user as materialized (
    select embedding, next_item_nos, next_scores, item_nos as listed_item_nos,
           case when cast(:exclude_seen as boolean) then disliked || seen else disliked end as excluded
    from state
),
found as materialized (
    {candidates}
)
select candidates.*, near.*,
       (select cast(json_agg(item_no order by score desc, item_no) as text) from found where origin = 'new') as new_item_nos,
       {sent_user_state}
from state
cross join (
    select cast(json_agg(item_no) as text) as found_item_nos,
           {item_columns}
    from (select distinct on (item_no) item_no, item_id, title, categories from found) as items
) as candidates
cross join (
    select cast(json_agg(item_no) as text) as near_item_nos, cast(json_agg(score) as text) as near_scores
    from found where origin = 'near'
) as near;

-- part: touched
-- For statements of who keeps items in memory, as `with`: items that came or changed after the position :kept_position of the
-- log, up to which the memory knows them, some perhaps twice; 0: any. There is one more than :most_touched if they are too
-- many.
touched as materialized (
    select item_no from catalogue_changes where position > :kept_position and change in ('left', 'changed')
    union all
    select item_no from items where item_no > :kept_item_no
    limit :most_touched + 1
),
-- Items that got their vector between two nights. There is one more than :most_embedded if they are too many.
embedded as materialized (
    select item_no, embedding from item_embeddings
    where run_id = :run_id and embedded_at is not null
    order by item_no
    limit :most_embedded + 1
)

-- part: beside_memory
-- What the memory lacks. `outdated`: it cannot be used, as too much has changed. `came`: whether items came; one whose
-- transaction took longer than others' has a lower number than they. `touched_items`: number, id, title, categories, and
-- whether it may be shown, of each item that came or changed. `embedded`: the items that got their vector between two
-- nights, unless they are too many, with its inner product with the live vector: four bytes of the number, eight of the
-- product, the highest first. And the new items, nearest first.
select now() >= cast(:kept_until as timestamptz)
       or exists (select from touched where item_no = 0)
       or (select count(*) from touched) > :most_touched
       or (select count(*) from embedded) > :most_embedded as outdated,
       exists (select from catalogue_changes where position > :kept_position and change = 'added') as came,
       (
           select cast(json_agg(json_build_array(item_no, item_id, title, categories, coalesce(may_be_shown, false))) as text)
           from touched
           left join (
               select item_no, item_id, title, categories,
                      {shown}
                      as may_be_shown
               from items
           ) as items using (item_no)
       ) as touched_items,
       (
           select string_agg(int4send(items.item_no) || float8send(-(embedded.embedding <#> of_user.embedding)), '')
           from embedded join items using (item_no) cross join of_user
           where (select count(*) from embedded) <= :most_embedded
       ) as embedded,
       named.*
from (
    select cast(json_agg(item_no) as text) as new_item_nos,
           {item_columns}
    from {nearest_new}
) as named

-- name: load_user_state_beside_memory
-- What load_user_state finds, and what whoever keeps items in memory needs beside that to rank them for the user.
with state as materialized (
    {user_state}
),
of_user as materialized (
    select embedding, case when cast(:exclude_seen as boolean) then disliked || seen else disliked end as excluded
    from state
),
{touched}
select beside.*,
       {sent_user_state}
from state
cross join (
    {beside_memory}
) as beside;

-- name: load_beside_memory
-- The same for a user who is known, and whether the run is still there.
with of_user as materialized (
    select cast(:embedding as vector) as embedding, cast(:excluded as integer[]) as excluded
),
{touched}
select run_is_kept(cast(:run_id as integer)) as has_partitions, beside.*
from (
    {beside_memory}
) as beside;

-- name: load_candidates_within
-- As load_candidates, for a filter that may leave few items: these are compared and no others.
with {given_user}
, {passing}
select {candidate_columns}
from (
    select 'near' as origin, nearest.item_no, -distance as score
    from (
        select item_embeddings.item_no, (embedding <#> (select embedding from of_user)) - coalesce(gain, 0) as distance
        from (
            select item_no, embedding
            from item_embeddings
            where (select item_nos is null from few)
              -- Not as a join: nobody can tell the planner how many these are.
              and (item_no in (select unnest(item_nos) from passing)) is true
              and {may_be_near}
            union all
            select items.item_no, embedding
            from items
            join item_embeddings on run_id = :run_id and item_embeddings.item_no = items.item_no
            where items.item_no = any(cast((select item_nos from few) as integer[]))
              and items.item_no not in (select unnest(excluded) from of_user)
              and {eligible}
        ) as item_embeddings
        left join {following}
            on following.item_no = item_embeddings.item_no
        order by distance, item_no
        limit :candidates
    ) as nearest
    union all
    {candidates_beside}
) as found
join items using (item_no)
where {eligible}
group by origin;

-- name: load_listed_candidates
-- Only those that sources found without a search, and nothing of the vectors: for a user without one, and where the search
-- for the nearest takes too long.
select cast(json_agg(item_no) as text) as item_nos,
       {item_columns}
from items
where {eligible}
  and item_no = any(cast(:listed_item_nos as integer[])) and item_no <> all(cast(:excluded as integer[]))
having count(*) > 0;

-- name: load_candidates_by_index
-- As load_candidates, through the index: :run_id and :dimensions are written into the text, as the index is one of the
-- run's own partition over vectors of one length. To be preceded by prepare_index_search in its transaction. `near` are
-- the nearest by inner product alone, roughly in order, and there may be too few of them when the index gives up; with
-- `following`, those that come next, they hold the best by live score. An item may be in both.
with {given_user}
select {candidate_columns}
from (
    select 'near' as origin, nearest.item_no, coalesce(gain, 0) - distance as score
    from (
        select item_no, embedding::vector(:dimensions) <#> cast(:embedding as vector) as distance
        from item_embeddings
        where {may_be_near}
        order by distance
        limit :candidates
    ) as nearest
    left join {following}
        on following.item_no = nearest.item_no
    union all
    select 'following', following.item_no, gain - distance
    from {following}
    cross join lateral (
        select embedding <#> (select embedding from of_user) as distance
        from item_embeddings
        where run_id = :run_id and item_embeddings.item_no = following.item_no
    ) as made
    union all
    {candidates_beside}
) as found
join items using (item_no)
where {eligible}
group by origin;

-- name: load_taste_and_sequence
-- The vectors of some items of a run, one after the other in the order of their numbers, as vector_send gives them: two
-- bytes with the length, two of no meaning, and as many floats of four bytes, the highest byte first.
select array_agg(item_no order by item_no) as item_nos, string_agg(vector_send(embedding), '' order by item_no) as vectors
from item_embeddings
where run_id = :run_id and item_no = any(cast(:item_nos as integer[]));

-- name: load_listed
-- The eligible part of one of a run's lists, best first; the category '' is the whole catalogue. Items that have left the
-- category since its list was made are left out, as the filters name it.
select items.item_no, item_id, title, categories, listed.score
from popular_items
cross join lateral unnest(item_nos, scores) with ordinality as listed (item_no, score, ordinal)
join items on items.item_no = listed.item_no
where {eligible}
  and run_id = :run_id and list = :list and category = :category
  and items.item_no <> all(cast(:excluded as integer[]))
order by ordinal
limit :items;

-- name: load_eligible
-- Those of :item_nos that are eligible, in the same order.
select items.item_no, item_id, title, categories, cast(0 as real) as score
from unnest(cast(:item_nos as integer[])) with ordinality as asked (item_no, ordinal)
join items on items.item_no = asked.item_no
where {eligible}
  and items.item_no <> all(cast(:excluded as integer[]))
order by ordinal
limit :items;

-- name: load_latest
-- The eligible items that came into the catalogue last.
select item_no, item_id, title, categories, cast(0 as real) as score
from items
where {eligible}
  and item_no <> all(cast(:excluded as integer[]))
order by created_at desc, item_no desc
limit :items;

-- name: load_latest_within
-- The same for a filter with bounds.
with {few}
select item_no, item_id, title, categories, cast(0 as real) as score
from (
    (select item_no, item_id, title, categories, created_at
     from items
     where (select item_nos is null from few)
       and {eligible}
       and item_no <> all(cast(:excluded as integer[]))
     order by created_at desc, item_no desc
     limit :items)
    union all
    (select item_no, item_id, title, categories, created_at
     from items
     where item_no = any(cast((select item_nos from few) as integer[]))
       and {eligible}
       and item_no <> all(cast(:excluded as integer[])))
) as items
order by created_at desc, item_no desc
limit :items;

-- name: load_popular_of_log
-- Before the first run: the eligible items with the most interactions among the newest of the log.
select items.item_no, item_id, title, categories, cast(counted.interactions as real) as score
from (
    select item_no, count(*) as interactions
    from (select item_no, kind_no, strength from interactions where user_no <> 0 order by position desc limit :events) as newest
    join event_kinds using (kind_no)
    where weight * coalesce(strength, 1) > 0
    group by item_no
) as counted
join items using (item_no)
where {eligible}
  and item_no <> all(cast(:excluded as integer[]))
order by interactions desc, item_no
limit :items;

-- name: load_any_items
-- Eligible items whatever is known of them, the newest of the catalogue first.
select item_no, item_id, title, categories, cast(0 as real) as score
from items
where {eligible}
  and item_no <> all(cast(:excluded as integer[]))
order by item_no desc
limit :items;

-- name: load_any_items_within
-- The same for a filter with bounds.
with {few}
select item_no, item_id, title, categories, cast(0 as real) as score
from (
    (select item_no, item_id, title, categories
     from items
     where (select item_nos is null from few)
       and {eligible}
       and item_no <> all(cast(:excluded as integer[]))
     order by item_no desc
     limit :items)
    union all
    (select item_no, item_id, title, categories
     from items
     where item_no = any(cast((select item_nos from few) as integer[]))
       and {eligible}
       and item_no <> all(cast(:excluded as integer[])))
) as items
order by item_no desc
limit :items;

-- name: find_item_nos
-- The numbers of those of :item_ids that exist.
select item_id, item_no from items where item_id = any(cast(:item_ids as text[]));

-- name: load_names
-- What items are called.
select item_no, item_id, title from items where item_no = any(cast(:item_nos as integer[]));

-- name: load_item_fields
-- What answers show of items beside their names, if they are asked to; of attributes those that are named (null: all).
select item_no, categories, created_at,
       case when cast(:with_attributes as boolean) then
           case when cast(:names as text[]) is null then attributes
                else (select coalesce(jsonb_object_agg(key, value), '{}') from jsonb_each(attributes)
                      where key = any(cast(:names as text[])))
           end
       end as attributes
from items where item_no = any(cast(:item_nos as integer[]));

-- name: find_logged_events
-- What the log says under :event_ids: nothing of those deleted since, nor of those of users forgotten since.
select event_id, user_id, item_id, kind, value, occurred_at, scale_no, least, greatest
from event_receipts
join interactions using (event_id, position, occurred_at)
join users using (user_no)
join items using (item_no)
join event_kinds using (kind_no)
left join rating_scales using (scale_no)
where event_id = any(cast(:event_ids as uuid[]));

-- name: notify_exclusions
-- Notifies the other API processes of what users must not be shown, when Redis may not.
select pg_notify('tandem_exclusions', payload) from unnest(cast(:payloads as text[])) as payload;

-- name: find_recent_users
-- The users of the newest interactions and interests; who comes often stands for several of them.
select user_no
from (
    (select user_no, position from interactions order by position desc limit 10 * :users)
    union all
    (select user_no, position from user_interests order by position desc limit :users)
) as newest
group by user_no
order by max(position) desc
limit :users;

-- name: load_exclusions
-- What must not be shown to some users, as load_user_state has it of one.
select user_no, user_id, own.disliked, own.seen
from users as asked
{own_items}
where user_no = any(cast(:user_nos as integer[]));

-- name: find_exclusions
-- The same of one user by the app's own id; no row: the log has never seen the user.
select user_no, own.disliked, own.seen
from users as asked
{own_items}
where user_id = :user_id;

-- name: load_catalogue_changes
-- What happened to items after :position of the log, the newest first and :most at the most, as JSON; and what tells
-- whether lists may have more to show than before: the newest change, the newest item that came in or changed, and the
-- newest of these that the served run has an embedding of; how far its embeddings are in the middle of many; and when an
-- item was published last, and what event kinds are. `expiring`: whether any item will expire.
select cast((
           select json_agg(json_build_array(position, item_no, change))
           from (
               select position, item_no, change from catalogue_changes
               where position > :position
               order by position desc
               limit :most
           ) as newest
       ) as text) as changes,
       (select max(position) from catalogue_changes) as touched,
       (select max(position) from catalogue_changes where change in ('added', 'changed')) as entered,
       (select max(catalogue_changes.position) from catalogue_changes
        where change in ('added', 'changed') and catalogue_changes.position <= progress.position) as embedded,
       progress.item_no as embedded_item_no,
       (select max(publish_at) from items where publish_at <= now()) as published_at,
       (select md5(cast(json_agg(event_kinds order by kind_no) as text)) from event_kinds) as kinds,
       exists (select from items where expire_at > now()) as expiring
from (select 1) as always
left join live_run on true
left join item_embedding_progress as progress using (run_id);

-- name: load_seconds_to_expiry
-- When the first of some items expires, in seconds from now, or null.
select extract(epoch from min(expire_at) - now()) as seconds
from items
where item_no = any(cast(:item_nos as integer[])) and expire_at is not null;

-- name: probe
-- Asked of a database that was left alone, to see whether it answers.
select 1;

-- name: store_impressions
-- Writes what was shown, each once. Users are held until the commit: nothing is written of one who was forgotten, and
-- whoever forgets one finds what is. What the canary was shown, nobody was. Of an experiment it is noted who was shown it
-- first, and how often whoever the log does not know.
with given as materialized (
    select given.*, context_number(context, coalesce(adds_context, false)) as context_no
    from jsonb_to_recordset(cast(:shown as jsonb)) as given (
        recommendation_id uuid, user_no integer, run_id integer, source text, item_nos integer[], explored integer[],
        shown_at timestamptz, placement text, placement_version integer, experiment_id text, arm text, user_id text,
        context jsonb, adds_context boolean)
),
present as (
    select user_no from users where user_no in (select user_no from given where user_no <> 0) order by user_no for key share
),
stored as (
    insert into impressions (recommendation_id, user_no, run_id, source, item_nos, explored, shown_at, placement,
                             placement_version, experiment_id, arm, context_no)
    select recommendation_id, user_no, run_id, source, item_nos, explored, shown_at, placement, placement_version,
           experiment_id, arm, context_no
    from given
    where user_no is null or user_no in (select user_no from present)
    on conflict do nothing
    returning recommendation_id, user_no
),
{exposed}
select recommendation_id from stored;

-- name: load_unused
-- Items that were shown to a user within :seconds, in the newest :impressions answers, and that the user did nothing with
-- since they were shown first; what was shown last the longest ago comes first.
select item_no
from (
    select item_no, min(shown_at) as first_at, max(shown_at) as last_at, min(rank) as best_rank
    from (
        select item_nos, shown_at from impressions
        where user_no = :user_no and shown_at > now() - make_interval(secs => :seconds)
        order by shown_at desc
        limit :impressions
    ) as newest
    cross join lateral unnest(item_nos) with ordinality as listed (item_no, rank)
    group by item_no
) as shown
where not exists (
    select from interactions
    where interactions.user_no = :user_no and interactions.item_no = shown.item_no and occurred_at >= first_at
)
order by last_at, best_rank, item_no;

-- name: load_history
-- What a user has done, newest first, from the event at :before and :before_position on (null: from the newest).
select event_id, item_id, title, kind, value, occurred_at, recommendation_id, position
from interactions
join users using (user_no)
join items using (item_no)
join event_kinds using (kind_no)
where user_id = :user_id
  and (cast(:before as timestamptz) is null
       or occurred_at <= cast(:before as timestamptz)
          and (occurred_at, position) < (cast(:before as timestamptz), cast(:before_position as bigint)))
order by occurred_at desc, position desc
limit cast(:events as integer);

-- name: delete_event
-- Takes an event out of the log: whether just now, and whose it was. No row: it was never received. Harmless twice.
select is_new, user_no, user_id, deleted_at
from delete_event(:event_id) left join users using (user_no);

-- name: delete_events
-- Takes up to :most events out of the log; whose they were, and how many of each. Harmless twice.
select user_no, user_id, events
from delete_events(cast(:user_id as text), cast(:item_id as text), cast(:kind as text), cast(:from_at as timestamptz),
                   cast(:to_at as timestamptz), :most);

-- part: found_events
-- Events as apps sent them, newest first.
select event_id, users.user_id, items.item_id, kind, value, least, greatest, occurred_at, received_at, recommendation_id,
       context, position
from interactions
join users using (user_no)
join items using (item_no)
join event_kinds using (kind_no)
left join rating_scales using (scale_no)
left join contexts using (context_no)
where (cast(:item_id as text) is null or items.item_id = :item_id)
  and (cast(:kind as text) is null or kind = :kind)
  and (cast(:from_at as timestamptz) is null or occurred_at >= cast(:from_at as timestamptz))
  and (cast(:to_at as timestamptz) is null or occurred_at < cast(:to_at as timestamptz))
  and (cast(:before as timestamptz) is null
       or occurred_at <= cast(:before as timestamptz)
          and (occurred_at, position) < (cast(:before as timestamptz), cast(:before_position as bigint)))

-- name: list_events_of_user
-- The events of a user, with an item or all.
{found_events}
  and users.user_id = :user_id
order by occurred_at desc, position desc
limit cast(:events as integer);

-- name: list_events_of_item
-- The events with an item.
{found_events}
  and items.item_id = :item_id and interactions.user_no <> 0
order by occurred_at desc, position desc
limit cast(:events as integer);

-- name: forget_user
-- Removes a user from every table: the number that is gone, and how many rows went. Harmless twice. The audit log tells
-- that a user was forgotten, and not which: the id must stand nowhere any more.
with
gone as materialized (select user_no, removed from forget_user(:user_id)),
done as (select 'a user' as subject, removed as details from gone where user_no is not null),
{audited}
select user_no, removed from gone;

-- name: merge_users
-- Makes one user of two. Harmless twice. The audit log tells that it was done, and not to whom.
with
merged as materialized (
    select outcome, user_no, from_user_no, events, other_id from merge_users(:from_user_id, :user_id)
),
done as (
    select 'a user' as subject, jsonb_build_object('events', events) as details from merged where outcome = 'merged'
),
{audited}
select outcome, user_no, from_user_no, events, other_id from merged;
