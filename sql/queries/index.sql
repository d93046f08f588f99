-- The indexes over a run's item vectors: what measuring their recall, searching and repairing them share.

-- part: run_indexes
-- The indexes that kept runs were published with: what they are called, and whether PostgreSQL may use them. A run whose
-- items are few has none. A similarity embedding holds taste, sequence, and words as long as both; an item's vector holds
-- taste, sequence and two numbers more.
(
    select model_runs.run_id, indexed.table_name, indexed.column_name, indexed.name, indexed.dimensions, indexed.recall,
           live_run.run_id is not null as served,
           exists (
               select from pg_index
               where indexrelid = to_regclass(indexed.name) and indisvalid and indisready
           ) as usable
    from model_runs
    left join live_run using (run_id)
    cross join lateral (
        select (parameters -> 'live_vector' ->> 'taste_dimensions')::integer
               + (parameters -> 'live_vector' ->> 'sequence_dimensions')::integer as length
    ) as space
    cross join lateral (
        values ('item_embeddings_' || model_runs.run_id, 'embedding', 'item_embeddings_' || model_runs.run_id || '_nearest',
                space.length + 2, (metrics ->> 'index_recall@100')::double precision),
               ('item_similarity_embeddings_' || model_runs.run_id, 'similarity_embedding',
                'item_similarity_embeddings_' || model_runs.run_id || '_nearest', 2 * space.length,
                (metrics ->> 'similarity_recall@100')::double precision)
    ) as indexed (table_name, column_name, name, dimensions, recall)
    where state = 'published' and metrics ->> 'index' = 'hnsw' and indexed.recall is not null
      and to_regclass(indexed.table_name) is not null
)

-- name: find_lacking_indexes
-- Of a run's indexes the names of those that PostgreSQL cannot use.
select name from
{run_indexes}
as run_indexes
where run_id = :run_id and not usable
order by name;

-- name: load_run_indexes
-- The indexes of all kept runs, those of the served one first.
select run_id, table_name, column_name, name, dimensions, recall, served, usable from
{run_indexes}
as run_indexes
order by served desc, run_id desc, name;

-- name: write_rebuilding
-- The statements that build an index anew beside all that goes on: none may run in a transaction. What is left of an
-- index that nobody can use, or of a repair that was killed, goes first.
select format('drop index concurrently if exists %I', cast(:name as text)) as removal,
       format('create index concurrently %I on %I using hnsw ((%I::vector(%s)) vector_ip_ops)'
              ' with (m = 24, ef_construction = 200)',
              cast(:name as text), cast(:table_name as text), cast(:column_name as text),
              cast(:dimensions as integer)) as building,
       format('analyze %I', cast(:table_name as text)) as analysis;

-- name: find_building
-- How far PostgreSQL is with building indexes in this database: what it does, and how many tuples of how many.
select phase, tuples_done, tuples_total, blocks_done, blocks_total
from pg_stat_progress_create_index
where datname = current_database()
order by pid
limit 1;

-- name: prepare_index_search
-- For the rest of the transaction: the planner takes the index where one gives the order, the index looks at so many
-- candidates, and goes on looking when filters leave too few of them.
select set_config('enable_sort', 'off', true),
       set_config('hnsw.ef_search', '1000', true),
       set_config('hnsw.iterative_scan', 'relaxed_order', true),
       set_config('hnsw.max_scan_tuples', '100000', true);
