-- Coming runs: one that is about to be served can be read already, so that answers are made before it is asked for them.

-- Whether a run is there to be read: it is served, was served, or is ready to be. State and partitions both: it is
-- retired first and then taken apart.
create or replace function run_is_kept(asked_run_id integer) returns boolean
language sql stable as $$
    select exists (select from model_runs where run_id = asked_run_id and state in ('published', 'evaluated'))
           and to_regclass('user_embeddings_' || asked_run_id) is not null
           and to_regclass('popular_items_' || asked_run_id) is not null
$$;
