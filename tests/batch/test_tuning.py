"""The search for a recipe: bounded, resumable, the same again, and never worse than the default."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import pytest
from scipy.sparse import csr_matrix

from batch.evaluation import score
from batch.exploring import SPACE, neighbours, proposed
from batch.fitting import Factors
from batch.history import Interactions
from batch.judging import Accuracy, Ground, Judged, Times, accuracies, judge
from batch.listing import fit_recipe, fit_timeless_lists
from batch.matrix import InteractionMatrix, interaction_matrix
from batch.parameters import ListRecipe
from batch.splitting import Relevant
from batch.tuning import Budget, Search, TunedTrial
from benchmarks.random_holdout import hold_out_at_random

DEFAULT = ListRecipe(
    factors=16, iterations=3, threshold=0.1, popularity_exponent=0.1, trend_exponent=0.0, seed=7
)
BUDGET = Budget(1e9, explored=12, verified=6, factors=32)


@pytest.fixture(scope="module")
def ground() -> Ground:
    """Eighty users, each at home in one of four groups of items, with some noise."""
    random = np.random.default_rng(11)
    rows, columns = [], []
    for user in range(80):
        near = random.choice(40, 12, replace=False) * 4 + user % 4
        for item in {*near.tolist(), *random.choice(160, 4).tolist()}:
            rows.append(user)
            columns.append(item)
    pattern = csr_matrix((np.ones(len(rows), dtype=np.float32), (rows, columns)), shape=(80, 160))
    pattern.data[:] = 1.0
    numbers = np.arange(160, dtype=np.int32)
    whole = InteractionMatrix(numbers[:80], numbers, strengths=pattern, seen=pattern)
    past, held_out = hold_out_at_random(whole, 0.2, 5)
    return Ground(past, held_out, {"popularity_exponent": (-0.1, 0.0, 0.1)})


class StoppedError(Exception):
    """The process was killed."""


def without_seconds(trials: Sequence[TunedTrial]) -> list[TunedTrial]:
    return [replace(trial, seconds=0.0) for trial in trials]


def test_a_scoring_with_nothing_else_to_try_stays_as_it_is(ground: Ground) -> None:
    only = replace(ground, scorings={"popularity_exponent": (DEFAULT.popularity_exponent,)})
    judged = judge([only], DEFAULT)
    assert judged.recipe == DEFAULT
    assert judged.accuracy.objective == judged.as_given.objective


def test_the_figures_are_those_of_the_evaluation(ground: Ground) -> None:
    for exponent in (-0.3, 0.0, 0.4):
        recipe = replace(DEFAULT, popularity_exponent=exponent)
        (found,) = accuracies(ground, fit_recipe(ground.past, recipe), [recipe])
        figures = score(
            ground.past, fit_timeless_lists(ground.past, recipe), ground.relevant, chunk_users=30
        )
        assert (found.recall, found.ndcg) == pytest.approx((figures.recall, figures.ndcg), abs=1e-6)


def test_items_nobody_knew_count_as_missed(ground: Ground) -> None:
    fewer = ground.past.item_nos[:100]
    past = replace(
        ground.past,
        item_nos=fewer,
        strengths=ground.past.strengths[:, :100],
        seen=ground.past.seen[:, :100],
    )
    cut = replace(ground, past=past)
    recipe = replace(DEFAULT, popularity_exponent=0.0)
    fitted = fit_recipe(past, recipe)
    (found,) = accuracies(cut, fitted, [recipe])
    figures = score(past, Factors(fitted.users, fitted.items), cut.relevant, chunk_users=100)
    assert found.recall == pytest.approx(figures.recall, abs=1e-6)
    assert found.recall < 0.7


def test_the_scoring_is_chosen_after_the_fit_and_never_worse(ground: Ground) -> None:
    recipe = replace(DEFAULT, popularity_exponent=2.0)
    judged = judge([ground], recipe)
    assert judged.recipe.popularity_exponent != 2.0
    assert judged.accuracy.objective > judged.as_given.objective
    assert judged.recipe == replace(recipe, popularity_exponent=judged.recipe.popularity_exponent)


def test_the_default_and_its_neighbours_come_first(ground: Ground) -> None:
    found = Search([ground], [DEFAULT], BUDGET).run()
    explored = [trial.recipe for trial in found.trials if trial.rung == "explored"]
    expected = [DEFAULT, *neighbours(DEFAULT, step=1.0)]
    searched = [[getattr(one, name) for name in SPACE] for one in explored[: len(expected)]]
    for got, recipe in zip(searched, expected, strict=True):
        assert got == pytest.approx([getattr(recipe, name) for name in SPACE])
    assert len(explored) == BUDGET.explored > len(expected)


def test_numbers_of_trials_bound_the_search_and_its_factors(ground: Ground) -> None:
    trials = Search([ground], [DEFAULT], BUDGET).run().trials
    assert sum(trial.rung == "explored" for trial in trials) == BUDGET.explored
    verified = [trial for trial in trials if trial.rung == "verified"]
    assert 1 < len(verified) <= BUDGET.verified
    assert {trial.recipe.factors for trial in verified} <= {16, 20, 32}


def test_without_time_for_more_the_default_stands(ground: Ground) -> None:
    found = Search([ground], [DEFAULT], replace(BUDGET, seconds=1e-9)).run()
    assert len(found.trials) == 1
    assert found.recipe == DEFAULT
    assert not found.better


def test_the_same_seed_finds_the_same_and_another_tries_others(ground: Ground) -> None:
    first = Search([ground], [DEFAULT], BUDGET).run()
    second = Search([ground], [DEFAULT], BUDGET).run()
    assert without_seconds(first.trials) == without_seconds(second.trials)
    assert first.recipe == second.recipe
    tried = [(trial.recipe, trial.objective) for trial in first.trials[:10]]
    known = [DEFAULT]
    assert proposed(tried, known, 1) == proposed(tried, known, 1)
    assert proposed(tried, known, 1) != proposed(tried, known, 2)


@pytest.mark.parametrize("stopped_after", [1, 10, 14])
def test_a_stopped_search_goes_on_as_if_it_had_not_been_stopped(
    ground: Ground, stopped_after: int
) -> None:
    kept: list[TunedTrial] = []

    def stop(trial: TunedTrial) -> None:
        kept.append(trial)
        if len(kept) == stopped_after:
            raise StoppedError

    with pytest.raises(StoppedError):
        Search([ground], [DEFAULT], BUDGET, on_trial=stop).run()
    later: list[TunedTrial] = []
    found = Search([ground], [DEFAULT], BUDGET, finished=kept, on_trial=later.append).run()
    whole = Search([ground], [DEFAULT], BUDGET).run()
    assert len(kept) == stopped_after
    assert [*kept, *later] == list(found.trials)
    assert without_seconds(found.trials) == without_seconds(whole.trials)
    assert found.recipe == whole.recipe


def test_what_is_found_is_compared_with_the_default_as_it_stands(ground: Ground) -> None:
    poor = replace(DEFAULT, threshold=0.6, popularity_exponent=2.0)
    found = Search([ground], [poor], BUDGET).run()
    assert found.better
    assert found.default is not None
    assert found.accuracy is not None
    assert found.accuracy.objective > found.default.objective
    assert "A better recipe was found" in found.verdict()


def test_a_trial_counts_by_the_mean_of_its_grounds(ground: Ground) -> None:
    other = replace(ground, relevant=ground.relevant.of_users(np.arange(30)))
    both = judge([ground, other], DEFAULT).as_given
    each = [judge([one], DEFAULT).as_given for one in (ground, other)]
    assert both.recall == pytest.approx((each[0].recall + each[1].recall) / 2)
    assert both.ndcg == pytest.approx((each[0].ndcg + each[1].ndcg) / 2)


@pytest.mark.parametrize(
    ("differences", "replaces"),
    [((0.02, 0.0, 0.01, 0.03), True), ((0.3, -0.2, 0.1, -0.14), False)],
)
def test_the_default_gives_way_only_to_what_is_better_for_its_users_beyond_chance(
    ground: Ground, differences: tuple[float, ...], *, replaces: bool
) -> None:
    by_user = np.tile([0.9, 0.1, 0.4, 0.6], 10)
    improved = by_user + np.tile(differences, 10)
    reached = Accuracy(0.3, 0.2, tuple(by_user))
    more = Accuracy(0.3, 0.2 + float(np.mean(differences)), tuple(improved))
    other = replace(DEFAULT, threshold=0.2)
    finished = [
        TunedTrial("explored", Judged(reached, DEFAULT, reached), 1.0),
        TunedTrial("verified", Judged(reached, DEFAULT, reached), 1.0),
        TunedTrial("verified", Judged(more, other, more), 1.0),
    ]
    budget = Budget(1e9, explored=1, verified=2)
    found = Search([ground], [DEFAULT], budget, finished=finished).run()
    assert len(found.trials) == 3
    assert found.better is replaces
    assert found.recipe == (other if replaces else DEFAULT)


def test_where_times_are_known_the_decay_is_searched_too(
    make_interactions: Callable[..., Interactions],
) -> None:
    taste_of_old = [(user, 1 + (user + item) % 12, 1, 0) for user in range(40) for item in range(6)]
    taste_of_late = [(user, 13 + (user + item) % 5, 1, 30) for user in range(40) for item in (0, 1)]
    interactions = make_interactions(taste_of_old + taste_of_late)
    moment = np.datetime64("2026-02-01", "us")
    past = interaction_matrix(interactions, moment)
    next_item = [13 + (user + 2) % 5 for user in range(40)]
    relevant = Relevant(np.arange(40, dtype=np.int32), np.array(next_item, dtype=np.int32))
    ground = Ground(past, relevant, {}, times=Times(interactions, moment))
    trials = Search([ground], [DEFAULT], BUDGET).run().trials
    assert len({trial.recipe.yearly_halvings for trial in trials}) > 2
    assert {trial.recipe.yearly_halvings for trial in trials[:1]} == {0.0}
