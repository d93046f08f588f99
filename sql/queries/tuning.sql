-- The search for the recipe of the nightly lists.

-- name: find_interrupted_search
-- How far the newest search had read, if its last trial is of the last day and it did not come to its end.
select until_position
from (select * from tuning_trials order by created_at desc, trial desc limit 1) as newest
where created_at > now() - interval '1 day'
  and not exists (select from tuned_recipes where tuned_recipes.fingerprint = newest.fingerprint);

-- name: load_trials
-- The finished trials of a search, in their order.
select rung, recipe, figures, seconds from tuning_trials where fingerprint = :fingerprint order by trial;

-- name: store_trial
insert into tuning_trials (fingerprint, trial, until_position, rung, recipe, figures, seconds)
values (:fingerprint, :trial, :until_position, :rung, cast(:recipe as jsonb), cast(:figures as jsonb), :seconds);

-- name: store_recipe
-- The end of a search; no recipe if that of the settings is as good.
insert into tuned_recipes (fingerprint, until_position, recipe, figures, trials, seconds)
values (:fingerprint, :until_position, cast(:recipe as jsonb), cast(:figures as jsonb), :trials, :seconds)
returning tuning_id;

-- name: find_newest_recipe
-- What the newest search came to: null if that is the recipe of the settings, no row before the first search.
select recipe from tuned_recipes order by tuning_id desc limit 1;
