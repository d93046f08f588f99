-- Cold items: items that come between two nights get their embeddings in the runs that are kept. Only runs that have
-- learned words can embed an item.

-- name: listen_to_items
-- From now on this connection is notified of changes of items.
listen tandem_items;

-- name: find_run_to_embed_in
-- The served run with its progress as it was committed last, if there is something it may not know of items, and the
-- horizon. Null: embedding has not begun.
with known as materialized (select event_horizon() as horizon)
select live_run.run_id, horizon, progress.position, progress.until
from known cross join live_run join model_runs using (run_id)
left join item_embedding_progress as progress using (run_id)
where parameters -> 'words' ->> 'trend' is not null and coalesce(progress.position, -1) < horizon;

-- name: find_retained_to_embed_in
-- The newest retained run that is not being served, is none of :unusable and does not know all changes of items up to the
-- horizon.
select model_runs.run_id
from model_runs left join item_embedding_progress as progress using (run_id)
where state = 'published' and parameters -> 'words' ->> 'trend' is not null
  and model_runs.run_id not in (select run_id from live_run)
  and model_runs.run_id <> all(cast(:unusable as integer[]))
  and coalesce(progress.position, -1) < :horizon
order by finished_at desc, model_runs.run_id desc
limit 1;

-- name: begin_item_embedding
-- The night knew of items what it knew of the log. Committed before anything is embedded, so that no changes are removed
-- that somebody who embeds has not seen.
insert into item_embedding_progress (run_id, position, until, popularity_mean, popularity_mean_context)
select run_id, cut_off_position, cut_off_position,
       (select embedding from popularity_mean_of_run(run_id)),
       (select context_embedding from popularity_mean_of_run(run_id))
from model_runs
where run_id = :run_id and parameters -> 'words' ->> 'trend' is not null
  and not exists (select from item_embedding_progress where item_embedding_progress.run_id = model_runs.run_id)
on conflict do nothing
returning run_id;

-- name: hold_run
-- Whether the run is there to be written into; if so it is not retired until the transaction ends. To be asked before
-- progress is claimed: whoever publishes takes them in this order too.
select run_id from model_runs
where run_id = :run_id and state in ('evaluated', 'published') and to_regclass('item_embeddings_' || run_id) is not null
for share;

-- name: hold_folding
-- Waits for whoever folds users of a run, and lets nobody begin. Who folds an event of an item that has no embedding yet is
-- found by whoever embeds it only after the commit. Before progress is claimed, as whoever publishes does.
select shard from speed_progress where run_id = :run_id order by run_id, shard for update;

-- name: claim_item_embedding
-- A run's progress, unless somebody else is embedding items in it; held until the transaction ends.
select position, until, item_no from item_embedding_progress where run_id = :run_id for update skip locked;

-- name: skip_unchanged_items
-- Notes that no item is due in (:position, :until], unless somebody else is embedding items or has gone on from :position. The
-- commit does not wait for the disk: whoever looks again finds the same.
update item_embedding_progress as progress set position = :until, until = :until, item_no = 0
from (
    select run_id from item_embedding_progress
    where run_id = :run_id and position = :position and until = :position
    for update skip locked
) as unchanged
where progress.run_id = unchanged.run_id
returning set_config('synchronous_commit', 'off', true);

-- name: hold_item_embedding
-- Waits for whoever embeds items in a run or in the one being served, and lets nobody begin.
select run_id from item_embedding_progress
where run_id = :run_id or run_id in (select run_id from live_run)
order by run_id
for update;

-- name: load_due_items
-- Items with changes in (:after, :until] that the night has not made from their users, in rising order after :item_no.
select changes.item_no
from (
    select item_no from item_changes where position > :after and position <= :until
    union
    select item_no from interactions where position > :after and position <= :until
) as changes
left join item_embeddings as made on made.run_id = :run_id and made.item_no = changes.item_no
where changes.item_no > :item_no and (made.item_no is null or made.embedded_at is not null or made.users = 0)
order by changes.item_no
limit :items;

-- name: load_missing_items
-- Items that have no embedding in a run but could have one, in rising order after :item_no.
select item_no
from items
where item_no > :item_no
  and exists (select from model_runs where run_id = :run_id and parameters -> 'words' ->> 'trend' is not null)
  and not exists (select from item_embeddings as made where made.run_id = :run_id and made.item_no = items.item_no)
order by item_no
limit :items;

-- name: load_cold_item_space
-- What a run that has learned words says of items it has not seen in use, and of what people use anyway: looked for among
-- all items only where embedding has not begun.
select item_norm, parameters -> 'words' as words, parameters -> 'live_vector' as live_vector,
       popularity_mean.embedding as popularity_mean, popularity_mean.context_embedding as popularity_mean_context
from model_runs
left join item_embedding_progress as progress using (run_id)
cross join lateral (
    select progress.popularity_mean as embedding, progress.popularity_mean_context as context_embedding
    where progress.popularity_mean is not null
    union all
    select embedding, context_embedding from popularity_mean_of_run(:run_id) where progress.popularity_mean is null
) as popularity_mean
where run_id = :run_id and parameters -> 'words' ->> 'trend' is not null;

-- name: load_cold_items
-- Vectors as the bytes of `vector_send`.
select item_no, terms, weights, users, counted, vector_send(observed) as observed,
       vector_send(observed_context) as observed_context
from cold_items(:run_id, cast(:item_nos as integer[]));

-- name: load_terms
-- Those terms that the run knows, in one order everywhere.
select term, idf, vector_send(embedding) as embedding, vector_send(context_embedding) as context_embedding
from term_embeddings
where run_id = :run_id and term = any(cast(:terms as text[]))
order by term collate "C";

-- name: store_cold_items
-- Writes embeddings of items, those excepted that the night has made from their users; which had none before.
insert into item_embeddings
    (run_id, item_no, embedding, context_embedding, taste_scale, confidence_scale, users, embedded_at)
select :run_id, given.item_no, given.embedding, given.context_embedding, :taste_scale, 1, given.users, clock_timestamp()
from unnest(cast(:item_nos as integer[]), cast(:embeddings as vector[]), cast(:context_embeddings as vector[]),
            cast(:users as integer[])) as given (item_no, embedding, context_embedding, users)
order by given.item_no
on conflict (run_id, item_no) do update
set embedding = excluded.embedding, context_embedding = excluded.context_embedding, taste_scale = excluded.taste_scale,
    confidence_scale = excluded.confidence_scale, users = excluded.users, embedded_at = excluded.embedded_at
where item_embeddings.embedded_at is not null or item_embeddings.users = 0
returning new.item_no, old.item_no is null as is_new;

-- name: store_item_similarity_embeddings
insert into item_similarity_embeddings (run_id, item_no, similarity_embedding)
select :run_id, given.item_no, given.similarity_embedding
from unnest(cast(:item_nos as integer[]), cast(:similarity_vectors as vector[])) as given (item_no, similarity_embedding)
order by given.item_no
on conflict (run_id, item_no) do update set similarity_embedding = excluded.similarity_embedding;

-- name: count_users_of_items
-- Of items without an embedding, how many live vectors were made when these had none, where any were: as
-- find_users_of_items finds them later.
select met.item_no, count(distinct met.user_no) as users
from (
    select item_no, user_no, position from interactions where item_no = any(cast(:item_nos as integer[]))
    union all
    select named.item_no, user_no, position
    from user_interests cross join lateral unnest(item_nos) as named (item_no)
    where item_nos && cast(:item_nos as integer[]) and named.item_no = any(cast(:item_nos as integer[]))
) as met
join user_embeddings as live on live.run_id = :run_id and live.user_no = met.user_no and live.position >= met.position
where not exists (select from item_embeddings as made where made.run_id = :run_id and made.item_no = met.item_no)
group by met.item_no
order by met.item_no;

-- name: find_users_of_items
-- Whose live vectors were made when these items, which they have used or named as an interest, had no embedding yet.
select user_no
from (
    select user_no, position from interactions where item_no = any(cast(:item_nos as integer[]))
    union all
    select user_no, position from user_interests where item_nos && cast(:item_nos as integer[])
) as met
join user_embeddings as live using (user_no)
where live.run_id = :run_id and live.position >= met.position
group by user_no
order by user_no;

-- name: store_item_embedding_progress
update item_embedding_progress set position = :position, until = :until, item_no = :item_no where run_id = :run_id;

-- name: remove_known_changes
-- Changes that every run knows, whether it is kept or being made, and the progress of runs that are neither. Where no run
-- will ask for changes, all up to the horizon. And what happened to items before any list was made that is still cached.
with alive as (
    select run_id, coalesce(progress.position, cut_off_position) as position
    from model_runs left join item_embedding_progress as progress using (run_id)
    where state in ('training', 'evaluated')
       or state = 'published' and parameters -> 'words' ->> 'trend' is not null
),
ended as (
    delete from item_embedding_progress where run_id not in (select run_id from alive)
),
aged as (
    delete from catalogue_changes where changed_at < now() - interval '25 hours'
)
delete from item_changes where position <= (select coalesce(min(position), :horizon) from alive);
