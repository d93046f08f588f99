-- The nightly run.

-- name: name_bulk_connection
-- By this name others see the connection; through ADBC it takes no parameters.
set application_name = 'tandem-flow';

-- name: find_dead_runs
-- Runs that never ended. Whoever holds the nightly lock knows that nobody is working on them.
select run_id, flow_run_id from model_runs where state in ('training', 'evaluated') order by run_id;

-- name: find_leftover_runs
-- Runs that came to nothing or were retired and of which something is still there.
select run_id from model_runs
where state in ('failed', 'refused', 'retired')
  and (to_regclass('batch_recommendations_' || run_id) is not null
       or to_regclass('item_embeddings_' || run_id) is not null
       or to_regclass('user_embeddings_' || run_id) is not null
       or to_regclass('popular_items_' || run_id) is not null
       or to_regclass('term_embeddings_' || run_id) is not null
       or to_regclass('item_similarity_embeddings_' || run_id) is not null
       or to_regclass('item_transitions_' || run_id) is not null)
order by run_id;

-- name: find_runs_to_retire
-- Published runs beyond the newest :retained ones or older than :days; never the one being served, nor one whose lists an
-- experiment gives its users.
select run_id from model_runs
where state = 'published'
  and run_id not in (select run_id from live_run)
  and run_id not in (select run_id from runs_in_experiments)
  and (run_id not in (select run_id from model_runs where state = 'published' order by finished_at desc, run_id desc limit :retained)
       or finished_at < clock_timestamp() - make_interval(secs => 86400 * cast(:days as double precision)))
order by run_id;

-- name: retire_run
-- From the commit on nobody reads the run, folds events into it or rolls back to it; answers it unless it is served, or in an
-- experiment.
with retired as (
    update model_runs set state = 'retired'
    where run_id = :run_id and state = 'published' and run_id not in (select run_id from live_run)
      and run_id not in (select run_id from runs_in_experiments)
    returning run_id
),
stopped as (
    delete from speed_progress where run_id in (select run_id from retired)
)
select run_id from retired;

-- name: limit_lock_wait
-- Taking partitions away waits for those who read just now, an analyst perhaps. It holds up nobody, but the night must
-- end some time: what is left is taken away by the next one.
select set_config('lock_timeout', :longest, false);

-- name: begin_run
insert into model_runs (cut_off_position, cut_off_at, parameters, flow_run_id)
values (:cut_off_position, clock_timestamp(), cast(:parameters as jsonb), cast(:flow_run_id as uuid))
returning run_id, cut_off_at;

-- name: store_parameters
update model_runs set parameters = parameters || cast(:parameters as jsonb) where run_id = :run_id;

-- name: find_judged_run_since
-- The newest run that began at :since or later and was published or refused, or no row. It has learned from all that a
-- run due at :since would have learned from; one that broke down has not.
select run_id from model_runs
where started_at >= cast(:since as timestamptz) and state in ('published', 'retired', 'refused')
order by run_id desc
limit 1;

-- name: find_served_run
-- What the run being served was made with, or no row before the first is published.
select run_id, parameters -> 'lists' as hyperparameters, (metrics ->> 'interactions')::bigint as interactions
from live_run join model_runs using (run_id);

-- name: store_metrics
update model_runs set metrics = metrics || cast(:metrics as jsonb) where run_id = :run_id;

-- name: store_step_seconds
update model_runs set step_seconds = step_seconds || jsonb_build_object(cast(:step as text), cast(:seconds as real))
where run_id = :run_id;

-- name: mark_evaluated
update model_runs set state = 'evaluated' where run_id = :run_id and state = 'training';

-- name: end_run
-- Marks a run that has not ended yet as refused or failed, with the reason; an ended one stays as it is.
update model_runs set state = :state, reason = :reason, finished_at = clock_timestamp()
where run_id = :run_id and state in ('training', 'evaluated');

-- name: store_space
update model_runs
set gramian = cast(:gramian as real[]), item_norm = :item_norm,
    parameters = parameters || jsonb_build_object('live_vector', cast(:live_vector as jsonb))
where run_id = :run_id;

-- name: load_interactions
-- The log up to a position, for bulk reading.
select user_no, item_no, kind_no, strength, occurred_at from interactions where position <= :until and user_no <> 0;

-- name: load_interactions_with_contexts
-- The same with the context of each, or of the list it names; 0: none is known.
select interactions.user_no, item_no, kind_no, strength, occurred_at,
       coalesce(interactions.context_no, impressions.context_no, 0) as context_no
from interactions left join impressions using (recommendation_id)
where position <= :until and interactions.user_no <> 0;

-- name: load_contexts
select context_no, cast(context as text) as context from contexts;

-- name: load_items
-- What has expired counts as not available; what is yet to be published may be listed, to be shown from then on.
select item_no, available and coalesce(expire_at > now(), true) as available from items order by item_no;

-- name: count_items
-- How many there are, counted up to :most.
select count(*) from (select from items limit :most) as counted;

-- name: load_widely_listed_items
-- Items that may still be recommended and stand in many of a run's lists, with their share of these lists. Of many
-- lists some :lists are looked at, drawn by a hash of the user.
with drawn as materialized (
    select item_nos from batch_recommendations
    where run_id = :run_id
      and (hashint4(user_no) & 2147483647) % greatest(
              1, ceil(coalesce((select (metrics ->> 'lists')::float8 from model_runs where run_id = :run_id), 1) / :lists)::bigint) = 0
)
select item_no, item_id, count(*)::double precision / (select count(*) from drawn) as share
from drawn cross join lateral unnest(drawn.item_nos) as listed (item_no) join items using (item_no)
where {shown}
group by item_no, item_id
having count(*) >= greatest(:fewest, :share * (select count(*) from drawn))
order by share desc, item_no;

-- name: load_categories
-- One row a category and item, categories together.
select distinct category, item_no from items, unnest(categories) as category where category <> '' order by category, item_no;

-- name: load_item_terms
-- The terms of all items, items in rising order.
select item_no, term, weight from items, terms_of(items.words) order by item_no;

-- name: use_words_language
select use_words_language(:language);

-- name: load_histories_of_range
-- The newest :events interactions of all users in a range of numbers up to the horizon, in the order of load_histories.
select user_no, item_no, kind_no, strength
from (
    select *, row_number() over (
        partition by user_no order by occurred_at desc, item_no desc, kind_no desc, event_id desc
    ) as age
    from interactions
    where user_no between :first and :last and position <= :horizon
) as aged
where age <= :events
order by user_no, age desc;

-- name: count_events_of_range
-- How many interactions each user in a range of numbers has after the cut-off and up to the horizon.
select user_no, count(*) as events
from interactions
where user_no between :first and :last and position > :cut_off_position and position <= :horizon
group by user_no;

-- name: find_last_user
select coalesce(max(user_no), 0) from users;

-- name: announce_run
-- Notifies the API processes that a run is about to be served; answers how many listen and have another to serve until
-- then.
select count(pg_notify('tandem_coming', cast(:run_id as text)))
from live_run cross join pg_stat_activity
where application_name = 'tandem-follower' and datname = current_database();

-- name: clear_lists
delete from batch_recommendations where run_id = :run_id;

-- name: clear_item_embeddings
delete from item_embeddings where run_id = :run_id;

-- name: clear_item_transitions
delete from item_transitions where run_id = :run_id;

-- name: clear_item_similarity_embeddings
delete from item_similarity_embeddings where run_id = :run_id;

-- name: clear_user_embeddings
delete from user_embeddings where run_id = :run_id;

-- name: clear_term_embeddings
delete from term_embeddings where run_id = :run_id;

-- name: store_words
update model_runs
set parameters = parameters || jsonb_build_object('words', cast(:words as jsonb))
where run_id = :run_id;

-- name: clear_popular_items
delete from popular_items where run_id = :run_id;

-- name: clear_forgotten
-- Removes what the run has written of users who were forgotten meanwhile; nobody else is forgotten until the commit.
select clear_forgotten(:run_id);

-- name: create_item_index
-- The index over inner products on a run's own partition.
select index_run_items(:run_id, :dimensions);

-- name: create_similarity_index
-- The same over how similar items are.
select index_run_similarity_embeddings(:run_id, :dimensions);

-- name: sample_live_vectors
-- Users whose live vectors serve as queries, drawn at random.
select user_no from user_embeddings where run_id = :run_id and embedding is not null order by random() limit :sample;

-- name: sample_similarity_embeddings
-- Items whose similarity embeddings serve as queries, drawn at random.
select item_no from item_similarity_embeddings where run_id = :run_id order by random() limit :sample;

-- name: find_nearest_items
-- The items of a run nearest to a user's live vector by exact inner product. Without a cast no index fits: planner
-- options would not do, as PostgreSQL forgets what they forbid in a partition.
select item_no from item_embeddings
where run_id = :run_id
order by embedding <#> (select embedding from user_embeddings where run_id = :run_id and user_no = :of)
limit :items;

-- name: find_nearest_items_by_index
-- The same through the index; to be preceded by prepare_index_search in its transaction.
select item_no from item_embeddings
where run_id = :run_id
order by embedding::vector(:dimensions)
         <#> (select embedding from user_embeddings where run_id = :run_id and user_no = :of)
limit :items;

-- name: find_similar_items
-- The items of a run most similar to one of them, by exact inner product and without a cast, as above.
select item_no from item_similarity_embeddings
where run_id = :run_id
order by similarity_embedding
         <#> (select similarity_embedding from item_similarity_embeddings where run_id = :run_id and item_no = :of)
limit :items;

-- name: find_similar_items_by_index
-- The same through the index; to be preceded by prepare_index_search in its transaction.
select item_no from item_similarity_embeddings
where run_id = :run_id
order by similarity_embedding::vector(:dimensions)
         <#> (select similarity_embedding from item_similarity_embeddings where run_id = :run_id and item_no = :of)
limit :items;

-- name: begin_progress
-- The new run's shards begin at the position all its vectors know.
insert into speed_progress (run_id, shard, position)
select :run_id, shard, :position from generate_series(0, :shards - 1) as shard
on conflict do nothing;

-- name: find_progress
-- The position up to which the vectors of all users of a run know the log.
select coalesce(min(position), 0) from speed_progress where run_id = :run_id;

-- name: lock_promotion
-- Nobody else changes which run is served or kept until the transaction ends.
select lock_promotion();

-- name: hold_shards
-- Waits for the workers' passes over a run and over the one being served, and lets none begin.
select run_id, shard from speed_progress
where run_id = :run_id or run_id in (select run_id from live_run)
order by run_id, shard
for update;

-- name: mark_published
-- Publishes a run that is ready; answers the state it was found in.
with found as (
    select run_id, state from model_runs where run_id = :run_id for update
),
marked as (
    update model_runs set state = 'published', finished_at = clock_timestamp()
    where run_id in (select run_id from found where state = 'evaluated')
)
select state from found;

-- name: promote_run
-- Serves a run from the commit on and notifies all processes that listen.
select promote_run(:run_id, :how, :promoted_by);

-- name: find_run_to_serve
-- What decides whether a run can be served again.
select state, reason, run_is_kept(run_id) as kept, run_id in (select run_id from live_run) as live
from model_runs
where run_id = :run_id;

-- name: find_runs_to_roll_back_to
-- The retained runs beside the one being served, newest first.
select run_id from model_runs
where state = 'published' and run_is_kept(run_id) and run_id not in (select run_id from live_run)
order by finished_at desc, run_id desc;

-- name: load_figures
-- Everything that is stored of a run.
select state, reason, parameters, metrics, step_seconds from model_runs where run_id = :run_id;

-- name: find_run_to_compare
-- The run that was served before a run was promoted; the one that is served, if it never was. No row: there was none.
select run_id
from promotions
where promotion_no < coalesce((select max(promotion_no) from promotions where run_id = :run_id), 9223372036854775807)
order by promotion_no desc
limit 1;

-- name: load_lists_of_two_runs
-- Titles of the first :listed of the nightly lists of :users users who have one in both runs. It is the same users every
-- time, as long as they have lists.
with chosen as (
    select user_no
    from batch_recommendations as later join batch_recommendations as earlier using (user_no)
    where later.run_id = :run_id and earlier.run_id = :before
    order by hashint4(user_no), user_no
    limit :users
)
select user_no,
       array(
           select title
           from unnest(earlier.item_nos) with ordinality as listed (item_no, rank) join items using (item_no)
           where rank <= :listed
           order by rank
       ) as before,
       array(
           select title
           from unnest(later.item_nos) with ordinality as listed (item_no, rank) join items using (item_no)
           where rank <= :listed
           order by rank
       ) as after
from chosen
join batch_recommendations as later using (user_no)
join batch_recommendations as earlier using (user_no)
where later.run_id = :run_id and earlier.run_id = :before
order by user_no;
