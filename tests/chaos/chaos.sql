-- What the checker of the chaos benchmark asks: its own statements, so that a fault in those of the layers shows.

-- name: store_items
-- A synthetic catalogue: each item in one category.
insert into items (item_id, title, categories)
select item_id, title, array[category]
from unnest(cast(:item_ids as text[]), cast(:titles as text[]), cast(:categories as text[]))
    with ordinality as given (item_id, title, category, ordinal)
order by ordinal;

-- name: create_popular_versions
-- Every version of a run's lists for everybody, for the checker alone: `written_at` is in the transaction that wrote it.
create table chaos_popular_versions (
    run_id      integer not null,
    list        text not null,
    item_nos    integer[] not null,
    scores      real[] not null,
    written_at  timestamptz not null default clock_timestamp()
);

-- name: create_version_keeping
-- With the rights of its owner: nights and speed workers know nothing of the table.
create function keep_popular_version() returns trigger language plpgsql
security definer set search_path = public, pg_temp as $$
begin
    insert into chaos_popular_versions (run_id, list, item_nos, scores)
    values (new.run_id, new.list, new.item_nos, new.scores);
    return null;
end
$$;

-- name: keep_popular_versions
-- From now on. The lists of categories are parts of those of the whole catalogue, with the same scores.
create trigger keep_popular_version after insert or update on popular_items
for each row when (new.category = '') execute function keep_popular_version();

-- name: load_item_nos
select item_id, item_no from items order by item_no;

-- name: load_runs
-- Every run that was ever begun, and which is served.
select run_id, state, cut_off_at, cut_off_position, run_id in (select run_id from live_run) as live,
       to_regclass('batch_recommendations_' || run_id) is not null as retained
from model_runs
order by run_id;

-- name: load_lists
-- The batch lists of a run, by the user's own id.
select user_id, item_nos, scores
from batch_recommendations join users using (user_no)
where run_id = :run_id;

-- name: load_popular_versions
-- All versions there ever were, in order of time; seconds since 1970.
select run_id, list, item_nos, scores, cast(extract(epoch from written_at) as double precision) as written_at
from chaos_popular_versions
order by run_id, list, written_at;

-- name: load_similarity_embeddings
select item_no, similarity_embedding from item_similarity_embeddings where run_id = :run_id order by item_no;

-- name: load_phrases
-- What the run makes of words that users declare, by the store's own function.
select phrase, embedding, context_embedding, taste_scale, confidence_scale
from phrase_vectors(:run_id, cast(:phrases as text[]))
order by phrase;

-- name: load_interests
-- What stands of what users declared; who took all back stands there with nothing.
select user_id, words,
       array(select item_id from unnest(item_nos) with ordinality as listed (item_no, ordinal) join items using (item_no)
             order by ordinal) as item_ids
from user_interests join users using (user_no);

-- name: load_vectors
select item_no, embedding, context_embedding, taste_scale, confidence_scale
from item_embeddings where run_id = :run_id order by item_no;

-- name: load_transitions
select item_no, next_item_nos, scores from item_transitions where run_id = :run_id;

-- name: load_space
select parameters -> 'live_vector' as parameters, gramian from model_runs where run_id = :run_id;

-- name: load_kinds
select kind_no, kind, weight, marks_seen, value_reference, half_life_days from event_kinds order by kind_no;

-- name: load_log
-- The whole log.
select event_id, position, user_no, user_id, item_no, kind_no, value, strength, occurred_at
from interactions left join users using (user_no)
order by position;

-- name: load_duplicates
-- Event ids that stand in the log more than once.
select event_id, count(*) as times from interactions group by event_id having count(*) > 1;

-- name: load_live_vectors
-- The live vectors of the served run.
select user_id, embedding, next_item_nos, next_scores, events_since_cut_off, position
from live_run join user_embeddings using (run_id) join users using (user_no);

-- name: find_unfolded
-- How many shards of the served run the speed workers still have to bring to the end of all changes of users.
select count(*)
from live_run join speed_progress using (run_id)
where position < (
    select coalesce(max(newest), 0)
    from (select max(position) from interactions
          union all select max(position) from event_deletions
          union all select max(position) from user_interests) as changes (newest)
);
