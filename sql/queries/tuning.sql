-- The search for the hyperparameters of the nightly lists.

-- name: find_interrupted_search
-- How far the newest search had read, if its last trial is of the last day and it did not come to its end.
select until_position
from (select * from tuning_trials order by created_at desc, trial desc limit 1) as newest
where created_at > now() - interval '1 day'
  and not exists (select from tuned_hyperparameters where tuned_hyperparameters.fingerprint = newest.fingerprint);

-- name: load_trials
-- The finished trials of a search, in their order.
select fidelity, hyperparameters, figures, seconds from tuning_trials where fingerprint = :fingerprint order by trial;

-- name: store_trial
insert into tuning_trials (fingerprint, trial, until_position, fidelity, hyperparameters, figures, seconds)
values (:fingerprint, :trial, :until_position, :fidelity, cast(:hyperparameters as jsonb), cast(:figures as jsonb), :seconds);

-- name: store_hyperparameters
-- The end of a search; no hyperparameters if those of the settings are as good.
insert into tuned_hyperparameters (fingerprint, until_position, hyperparameters, figures, trials, seconds)
values (:fingerprint, :until_position, cast(:hyperparameters as jsonb), cast(:figures as jsonb), :trials, :seconds)
returning tuning_id;

-- name: find_newest_hyperparameters
-- What the newest search came to: null if those are the hyperparameters of the settings, no row before the first search.
select hyperparameters from tuned_hyperparameters order by tuning_id desc limit 1;
