-- How soon lists follow users: what the canary measures.

-- name: begin_freshness_check
-- The check that begins now, and the events that earlier ones left; no row: it is not time.
select check_no, left_event_ids
from begin_freshness_check(:canary_id, :event_id, :rest_seconds, :kept_days);

-- name: end_freshness_check
-- What a check measured, and the events that are out of the log again.
with taken_back as (
    update freshness_checks set is_taken_back = true
    where event_id = any(cast(:taken_back as text[])) and check_no <> :check_no
)
update freshness_checks
set outcome = :outcome, stored_seconds = :stored_seconds, seconds = :seconds,
    is_taken_back = event_id = any(cast(:taken_back as text[]))
where check_no = :check_no
returning check_no;

-- name: load_freshness
-- The checks of the last :hours that ended, in spans of :minutes, the oldest first: percentiles of those whose list showed
-- the event (null: of none), and how many ended otherwise.
select to_timestamp(floor(extract(epoch from began_at) / (60 * :minutes)) * (60 * :minutes)) as began_at,
       count(*) filter (where outcome = 'fresh') as fresh,
       count(*) filter (where outcome <> 'fresh') as others,
       percentile_cont(0.5) within group (order by seconds) as p50_seconds,
       percentile_cont(0.95) within group (order by seconds) as p95_seconds,
       percentile_cont(0.99) within group (order by seconds) as p99_seconds
from freshness_checks
where began_at > now() - make_interval(hours => :hours) and outcome is not null
group by 1
order by 1;

-- name: load_freshness_percentiles
-- The same of the whole time, in one row; last_at: when the newest check began.
select count(*) filter (where outcome = 'fresh') as fresh,
       count(*) filter (where outcome <> 'fresh') as others,
       percentile_cont(0.5) within group (order by seconds) as p50_seconds,
       percentile_cont(0.95) within group (order by seconds) as p95_seconds,
       percentile_cont(0.99) within group (order by seconds) as p99_seconds,
       max(began_at) as last_at
from freshness_checks
where began_at > now() - make_interval(hours => :hours) and outcome is not null;
