-- The live vectors of a run: what both publishing and the speed worker do.

-- name: find_live_run
-- The run being served, or no row before the first one is published.
select run_id from live_run;

-- name: load_live_space
-- What a run stores of its space.
select cut_off_position, parameters -> 'live_vector' as parameters, gramian from model_runs where run_id = :run_id;

-- name: load_item_vectors
-- The vectors of some items, those that the run has, one after the other in rising order of item number: as vector_send gives
-- them, numbers as int4send and float4send do; made_by_night: no embedding between nights changes it. Null where the run has
-- none of them.
select string_agg(int4send(item_no), '' order by item_no) as item_nos,
       string_agg(vector_send(embedding), '' order by item_no) as embeddings,
       string_agg(vector_send(context_embedding), '' order by item_no) as context_embeddings,
       string_agg(float4send(taste_scale), '' order by item_no) as taste_scales,
       string_agg(float4send(confidence_scale), '' order by item_no) as confidence_scales,
       string_agg(boolsend(embedded_at is null and users > 0), '' order by item_no) as made_by_night
from item_embeddings
where run_id = :run_id and item_no = any(cast(:item_nos as integer[]));

-- part: rows_of_transitions
array_agg(item_no order by item_no) as item_nos,
array_agg(cardinality(next_item_nos) order by item_no) as lengths,
string_agg(substring(array_send(next_item_nos) from 21), '' order by item_no) as next_item_nos,
string_agg(substring(array_send(scores) from 21), '' order by item_no) as scores

-- name: load_transitions
-- The rows of some items, those that the run has, one after the other in rising order of item number. Numbers as array_send
-- gives them after its 20 bytes of heading: each after four bytes with its length, the highest byte first.
select
{rows_of_transitions}
from item_transitions
where run_id = :run_id and item_no = any(cast(:item_nos as integer[]));

-- name: load_recent_transitions
-- The same of what has come after what since the run's cut-off.
select
{rows_of_transitions}
from recent_transitions
where run_id = :run_id and item_no = any(cast(:item_nos as integer[]));

-- name: store_user_embeddings
-- Writes live vectors; a vector that knows more of the log is never overwritten by one that knows less. Users are held
-- until the commit: one who was forgotten meanwhile gets none, and whoever forgets one finds the vector. What comes next is
-- given one user's after another's, with its length and its end.
with present as (
    select user_no from users where user_no = any(cast(:user_nos as integer[])) order by user_no for key share
)
insert into user_embeddings
    (run_id, user_no, embedding, next_item_nos, next_scores, events_since_cut_off, position, updated_at)
select :run_id, given.user_no, given.embedding,
       nullif((cast(:next_item_nos as integer[]))[next_end - next_length + 1 : next_end], '{}'),
       nullif((cast(:next_scores as real[]))[next_end - next_length + 1 : next_end], '{}'),
       given.events, :position, clock_timestamp()
from unnest(cast(:user_nos as integer[]), cast(:embeddings as vector[]), cast(:next_lengths as integer[]),
            cast(:next_ends as integer[]), cast(:events as integer[]))
    as given (user_no, embedding, next_length, next_end, events)
join present using (user_no)
order by given.user_no
on conflict (run_id, user_no) do update
set embedding = excluded.embedding, next_item_nos = excluded.next_item_nos, next_scores = excluded.next_scores,
    events_since_cut_off = excluded.events_since_cut_off, position = excluded.position, updated_at = excluded.updated_at
where user_embeddings.position <= excluded.position;

-- name: find_stale_users
-- Users of some shards (null: all) with something in (:after, :until], events or deletions, that their live vector
-- does not know yet.
select distinct changes.user_no
from user_changes as changes
left join user_embeddings
    on user_embeddings.run_id = :run_id and user_embeddings.user_no = changes.user_no
where changes.position > :after and changes.position <= :until
  and (cast(:shards as integer[]) is null
       or changes.user_no % (select count(*) from speed_progress where run_id = :run_id)
          = any(cast(:shards as integer[])))
  and coalesce(user_embeddings.position, 0) < changes.position
order by changes.user_no;

-- name: store_progress
-- The vectors of some shards of a run (null: all) know the log up to :position.
update speed_progress set position = :position
where run_id = :run_id and (cast(:shards as integer[]) is null or shard = any(cast(:shards as integer[])))
  and position < :position;

-- name: listen_to_promotions
-- From now on this connection is notified of every promotion.
listen tandem_promotion;

-- name: listen_to_coming_runs
-- And of every run that is about to be served.
listen tandem_coming;

-- name: listen_to_warmed_runs
-- And of every API process that has made its answers of such a run.
listen tandem_warmed;

-- name: report_warmed_run
-- An API process has made its answers of a run that is about to be served.
select pg_notify('tandem_warmed', cast(:run_id as text));

-- name: listen_to_exclusions
-- And of what users must not be shown, when nothing else can say so.
listen tandem_exclusions;

-- name: listen_to_users
-- And of loads that bring users.
listen tandem_users;

-- name: listen_to_placements
-- And of what is decided for placements.
listen tandem_placements;

-- name: listen_to_catalogue
-- And of what happens to items.
listen tandem_catalogue;

-- name: create_run_partitions
select create_run_partitions(:run_id);

-- name: detach_run_partition
-- Detaches one partition of a run; false if none is attached any more.
select detach_run_partition(:run_id);

-- name: drop_run_partitions
select drop_run_partitions(:run_id);

-- name: use_utc
-- Times are in UTC from now on. For a connection through a pooler, which keeps this with the client and not the session.
set timezone to 'UTC';

-- name: find_vector_type
-- The numbers of pgvector's type and of its arrays; no row before the database has it. Every new connection asks.
select oid, typarray from pg_type where oid = to_regtype('vector');

-- name: bound_idleness
-- The transaction and its session end after so long between two statements.
select set_config('idle_in_transaction_session_timeout', cast(:milliseconds as text), true);
