"""Search for hyperparameters: bounded, resumable, the same again, never worse than the default."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import pytest
from scipy.sparse import csr_matrix

from batch.evaluation.scoring import score
from batch.fitting import Factors
from batch.history.interactions import Interactions
from batch.history.matrix import InteractionMatrix, interaction_matrix
from batch.history.splitting import Relevant
from batch.lists.listing import fit_factors, fit_timeless_lists
from batch.parameters import ListHyperparameters
from batch.tuning.exploring import SPACE, neighbours, proposed
from batch.tuning.judging import (
    Accuracy,
    EvaluationFold,
    Judged,
    Times,
    accuracies,
    judge,
)
from batch.tuning.search import Budget, Search, Trial
from benchmarks.random_holdout import hold_out_at_random

DEFAULT = ListHyperparameters(
    factors=16, iterations=3, threshold=0.1, popularity_exponent=0.1, trend_exponent=0.0, seed=7
)
BUDGET = Budget(1e9, explored=12, verified=6, factors=32)


@pytest.fixture(scope="module")
def fold() -> EvaluationFold:
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
    whole = InteractionMatrix(numbers[:80], numbers, weights=pattern, seen=pattern)
    past, held_out = hold_out_at_random(whole, 0.2, 5)
    return EvaluationFold(past, held_out, {"popularity_exponent": (-0.1, 0.0, 0.1)})


class StoppedError(Exception):
    """The process was killed."""


def without_seconds(trials: Sequence[Trial]) -> list[Trial]:
    return [replace(trial, seconds=0.0) for trial in trials]


def test_a_scoring_with_nothing_else_to_try_stays_as_it_is(fold: EvaluationFold) -> None:
    only = replace(fold, scorings={"popularity_exponent": (DEFAULT.popularity_exponent,)})
    judged = judge([only], DEFAULT)
    assert judged.hyperparameters == DEFAULT
    assert judged.accuracy.objective == judged.as_given.objective


def test_the_figures_are_those_of_the_evaluation(fold: EvaluationFold) -> None:
    for exponent in (-0.3, 0.0, 0.4):
        hyperparameters = replace(DEFAULT, popularity_exponent=exponent)
        (found,) = accuracies(fold, fit_factors(fold.past, hyperparameters), [hyperparameters])
        figures = score(
            fold.past, fit_timeless_lists(fold.past, hyperparameters), fold.relevant, chunk_users=30
        )
        assert (found.recall, found.ndcg) == pytest.approx((figures.recall, figures.ndcg), abs=1e-6)


def test_items_nobody_knew_count_as_missed(fold: EvaluationFold) -> None:
    fewer = fold.past.item_nos[:100]
    past = replace(
        fold.past,
        item_nos=fewer,
        weights=fold.past.weights[:, :100],
        seen=fold.past.seen[:, :100],
    )
    cut = replace(fold, past=past)
    hyperparameters = replace(DEFAULT, popularity_exponent=0.0)
    fitted = fit_factors(past, hyperparameters)
    (found,) = accuracies(cut, fitted, [hyperparameters])
    figures = score(past, Factors(fitted.users, fitted.items), cut.relevant, chunk_users=100)
    assert found.recall == pytest.approx(figures.recall, abs=1e-6)
    assert found.recall < 0.7


def test_the_scoring_is_chosen_after_the_fit_and_never_worse(fold: EvaluationFold) -> None:
    hyperparameters = replace(DEFAULT, popularity_exponent=2.0)
    judged = judge([fold], hyperparameters)
    assert judged.hyperparameters.popularity_exponent != 2.0
    assert judged.accuracy.objective > judged.as_given.objective
    assert judged.hyperparameters == replace(
        hyperparameters, popularity_exponent=judged.hyperparameters.popularity_exponent
    )


def test_the_default_and_its_neighbours_come_first(fold: EvaluationFold) -> None:
    found = Search([fold], [DEFAULT], BUDGET).run()
    explored = [trial.hyperparameters for trial in found.trials if trial.fidelity == "explored"]
    expected = [DEFAULT, *neighbours(DEFAULT, step=1.0)]
    searched = [[getattr(trial, name) for name in SPACE] for trial in explored[: len(expected)]]
    for got, hyperparameters in zip(searched, expected, strict=True):
        assert got == pytest.approx([getattr(hyperparameters, name) for name in SPACE])
    assert len(explored) == BUDGET.explored > len(expected)


def test_numbers_of_trials_bound_the_search_and_its_factors(fold: EvaluationFold) -> None:
    trials = Search([fold], [DEFAULT], BUDGET).run().trials
    assert sum(trial.fidelity == "explored" for trial in trials) == BUDGET.explored
    verified = [trial for trial in trials if trial.fidelity == "verified"]
    assert 1 < len(verified) <= BUDGET.verified
    assert {trial.hyperparameters.factors for trial in verified} <= {16, 20, 32}


def test_without_time_for_more_the_default_stands(fold: EvaluationFold) -> None:
    found = Search([fold], [DEFAULT], replace(BUDGET, seconds=1e-9)).run()
    assert len(found.trials) == 1
    assert found.hyperparameters == DEFAULT
    assert not found.better


def test_the_same_seed_finds_the_same_and_another_tries_others(fold: EvaluationFold) -> None:
    first = Search([fold], [DEFAULT], BUDGET).run()
    second = Search([fold], [DEFAULT], BUDGET).run()
    assert without_seconds(first.trials) == without_seconds(second.trials)
    assert first.hyperparameters == second.hyperparameters
    tried = [(trial.hyperparameters, trial.objective) for trial in first.trials[:10]]
    known = [DEFAULT]
    assert proposed(tried, known, 1) == proposed(tried, known, 1)
    assert proposed(tried, known, 1) != proposed(tried, known, 2)


@pytest.mark.parametrize("stopped_after", [1, 10, 14])
def test_a_stopped_search_goes_on_as_if_it_had_not_been_stopped(
    fold: EvaluationFold, stopped_after: int
) -> None:
    kept: list[Trial] = []

    def stop(trial: Trial) -> None:
        kept.append(trial)
        if len(kept) == stopped_after:
            raise StoppedError

    with pytest.raises(StoppedError):
        Search([fold], [DEFAULT], BUDGET, on_trial=stop).run()
    later: list[Trial] = []
    found = Search([fold], [DEFAULT], BUDGET, finished=kept, on_trial=later.append).run()
    whole = Search([fold], [DEFAULT], BUDGET).run()
    assert len(kept) == stopped_after
    assert [*kept, *later] == list(found.trials)
    assert without_seconds(found.trials) == without_seconds(whole.trials)
    assert found.hyperparameters == whole.hyperparameters


def test_what_is_found_is_compared_with_the_default_as_it_stands(fold: EvaluationFold) -> None:
    poor = replace(DEFAULT, threshold=0.6, popularity_exponent=2.0)
    found = Search([fold], [poor], BUDGET).run()
    assert found.better
    assert found.default is not None
    assert found.accuracy is not None
    assert found.accuracy.objective > found.default.objective
    assert "Better hyperparameters were found" in found.verdict()


def test_a_trial_counts_by_the_mean_of_its_folds(fold: EvaluationFold) -> None:
    other = replace(fold, relevant=fold.relevant.of_users(np.arange(30)))
    both = judge([fold, other], DEFAULT).as_given
    each = [judge([entry], DEFAULT).as_given for entry in (fold, other)]
    assert both.recall == pytest.approx((each[0].recall + each[1].recall) / 2)
    assert both.ndcg == pytest.approx((each[0].ndcg + each[1].ndcg) / 2)


@pytest.mark.parametrize(
    ("differences", "replaces"),
    [((0.02, 0.0, 0.01, 0.03), True), ((0.3, -0.2, 0.1, -0.14), False)],
)
def test_the_default_gives_way_only_to_what_is_better_for_its_users_beyond_chance(
    fold: EvaluationFold, differences: tuple[float, ...], *, replaces: bool
) -> None:
    by_user = np.tile([0.9, 0.1, 0.4, 0.6], 10)
    improved = by_user + np.tile(differences, 10)
    reached = Accuracy(0.3, 0.2, tuple(by_user))
    more = Accuracy(0.3, 0.2 + float(np.mean(differences)), tuple(improved))
    other = replace(DEFAULT, threshold=0.2)
    finished = [
        Trial("explored", Judged(reached, DEFAULT, reached), 1.0),
        Trial("verified", Judged(reached, DEFAULT, reached), 1.0),
        Trial("verified", Judged(more, other, more), 1.0),
    ]
    budget = Budget(1e9, explored=1, verified=2)
    found = Search([fold], [DEFAULT], budget, finished=finished).run()
    assert len(found.trials) == 3
    assert found.better is replaces
    assert found.hyperparameters == (other if replaces else DEFAULT)


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
    fold = EvaluationFold(past, relevant, {}, times=Times(interactions, moment))
    trials = Search([fold], [DEFAULT], BUDGET).run().trials
    assert len({trial.hyperparameters.decay_per_year for trial in trials}) > 2
    assert {trial.hyperparameters.decay_per_year for trial in trials[:1]} == {0.0}
