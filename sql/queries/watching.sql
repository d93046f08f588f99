-- What Prometheus is told of the store, by the speed worker, whenever it asks.

-- name: count_shown_items
-- How many items lists may show now.
select count(*)
from items
where {shown};

-- name: load_newest_nights
-- When the newest night of each outcome ended. What is retired was published.
select case state when 'retired' then 'published' else state end as outcome, max(finished_at) as ended_at
from model_runs
where finished_at is not null
group by 1;

-- name: find_newest_judged_run
-- The newest night that came to an end, whether it was published or refused: its single figures, and how long it and its
-- steps took. No row before the first.
select run_id, metrics - 'evaluation' as metrics, step_seconds,
       extract(epoch from finished_at - started_at)::double precision as seconds
from model_runs
where state in ('published', 'retired', 'refused') and finished_at is not null
order by run_id desc
limit 1;
