-- Model runs as people look at them, on the command line and over HTTP.

-- part: shown_of_run
-- What a list shows of a run.
run_id, state, live, cut_off_at, started_at, finished_at, seconds, metrics - 'evaluation' as metrics, reason

-- name: load_runs
-- The newest runs before the one of a number (null: of all), newest first.
select
{shown_of_run}
from analytics.model_runs
where cast(:before as integer) is null or run_id < cast(:before as integer)
order by run_id desc
limit cast(:runs as bigint);

-- name: load_run_figures
-- The newest runs, newest first, with what was measured of all users that were judged, and whether each is retained.
select run_is_kept(run_id) as retained,
       metrics -> 'evaluation' -> 'candidate' -> 'all' as candidate,
       metrics -> 'evaluation' -> 'popularity' -> 'all' as popularity,
       metrics -> 'evaluation' -> 'served' -> 'all' as served,
{shown_of_run}
from analytics.model_runs
order by run_id desc
limit :runs;

-- name: find_live_run
-- The run being served.
select
{shown_of_run}
from analytics.model_runs
where live;

-- name: find_live_run_no
-- The number of the run being served.
select run_id from live_run;

-- name: newest_run_no
-- The number of the newest run; 0 before the first.
select coalesce(max(run_id), 0) from model_runs;

-- name: find_run
-- One run with everything measured, its parameters and the steps it has finished.
select run_id, state, live, cut_off_at, started_at, finished_at, seconds, metrics, reason,
       parameters, step_seconds
from analytics.model_runs
where run_id = :run_id;

-- name: find_flow_run
-- The flow run of Prefect that made a run; null: it is not known.
select flow_run_id from model_runs where run_id = :run_id;

-- name: find_run_before
-- The newest retained run that is older than the one being served; no row: there is none.
select max(run_id) as run_id
from model_runs
where state = 'published' and run_is_kept(run_id) and run_id < (select run_id from live_run)
having max(run_id) is not null;
