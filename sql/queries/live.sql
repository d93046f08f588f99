-- The live vectors of a run: what both publishing and the speed worker do.

-- name: find_live_run
-- The run being served, or no row before the first one is published.
select run_id from live_run;

-- name: load_live_space
-- What a run tells of its space.
select cut_off_position, parameters -> 'live_vector' as parameters, gramian from model_runs where run_id = :run_id;

-- name: load_item_vectors
-- The vectors of some items of a run, in rising order of item number.
select item_no, embedding, source, taste_scale, confidence_scale
from item_embeddings
where run_id = :run_id and item_no = any(cast(:item_nos as integer[]))
order by item_no;

-- name: store_user_embeddings
-- Writes live vectors; a vector that knows more of the log is never overwritten by one that knows less.
insert into user_embeddings (run_id, user_no, embedding, events_since_cut_off, position, updated_at)
select :run_id, given.user_no, given.embedding, given.events, :position, clock_timestamp()
from unnest(cast(:user_nos as integer[]), cast(:embeddings as vector[]), cast(:events as integer[]))
    as given (user_no, embedding, events)
on conflict (run_id, user_no) do update
set embedding = excluded.embedding, events_since_cut_off = excluded.events_since_cut_off,
    position = excluded.position, updated_at = excluded.updated_at
where user_embeddings.position <= excluded.position;
