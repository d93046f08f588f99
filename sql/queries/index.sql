-- The index over a run's item vectors: what both measuring its recall and searching it do.

-- name: prepare_index_search
-- For the rest of the transaction: the planner takes the index where one gives the order, the index looks at so many
-- candidates, and goes on looking when filters leave too few of them.
select set_config('enable_sort', 'off', true),
       set_config('hnsw.ef_search', '1000', true),
       set_config('hnsw.iterative_scan', 'relaxed_order', true),
       set_config('hnsw.max_scan_tuples', '100000', true);
