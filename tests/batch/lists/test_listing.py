"""The lists' fit: scale-free parameters, and the mean of two dampings."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from batch.history.interactions import Interactions
from batch.history.matrix import InteractionMatrix, confidences, interaction_matrix
from batch.lists.listing import (
    als_parameters,
    fit_factors,
    fit_timeless_lists,
    scoring_scales,
)
from batch.parameters import ListHyperparameters

AS_OF = np.datetime64("2026-02-01", "us")
HYPERPARAMETERS = ListHyperparameters(factors=8, iterations=4)


@pytest.fixture
def matrix(make_interactions: Callable[..., Interactions]) -> InteractionMatrix:
    random = np.random.default_rng(0)
    pairs = {(int(u), int(i)) for u, i in 1 + random.integers(0, 40, (500, 2)) ** 2 // 40}
    return interaction_matrix(make_interactions([(u, i, 1, 0) for u, i in sorted(pairs)]), AS_OF)


@pytest.mark.parametrize("exponents", [(0.0, 0.0), (0.4, 0.3), (1.0, 0.5)])
def test_the_mean_confidence_does_not_move_with_the_exponents(
    matrix: InteractionMatrix, exponents: tuple[float, float]
) -> None:
    balanced = als_parameters(
        matrix, replace(HYPERPARAMETERS, user_exponent=0.5, item_exponent=0.5)
    )
    other = als_parameters(
        matrix, replace(HYPERPARAMETERS, user_exponent=exponents[0], item_exponent=exponents[1])
    )
    assert balanced.confidence == pytest.approx(HYPERPARAMETERS.confidence)
    means = [float(confidences(matrix, exponents).data.mean()) for exponents in (balanced, other)]
    assert means[1] == pytest.approx(means[0], rel=1e-4)


def test_balanced_hyperparameters_score_by_the_mean_of_two_fits_of_equal_spread(
    matrix: InteractionMatrix,
) -> None:
    alone = fit_factors(matrix, replace(HYPERPARAMETERS, balanced=False))
    evenly = fit_factors(
        matrix, replace(HYPERPARAMETERS, balanced=False, user_exponent=0.5, item_exponent=0.5)
    )
    both = fit_factors(matrix, HYPERPARAMETERS)
    parts = [fitted.users @ fitted.items.T for fitted in (alone, evenly)]
    expected = sum(part / part.std(axis=1).mean() for part in parts) / 2.0
    assert np.allclose(both.users @ both.items.T, expected, atol=1e-3)


def test_items_are_weighed_by_popularity_and_trend_when_scoring(matrix: InteractionMatrix) -> None:
    hyperparameters = replace(HYPERPARAMETERS, popularity_exponent=-0.5, trend_exponent=0.5)
    lately = np.linspace(0.0, 2.0, len(matrix.item_nos))
    degrees = np.bincount(matrix.weights.indices, minlength=len(matrix.item_nos))
    expected = degrees**-0.5 * np.exp(0.5 * lately)
    assert np.allclose(scoring_scales(matrix, hyperparameters, lately), expected, rtol=1e-5)
    plain, scaled = (
        fit_factors(matrix, hyperparameters),
        fit_timeless_lists(matrix, replace(hyperparameters, trend_exponent=9.0)),
    )
    assert np.allclose(scaled.items, plain.items * (degrees**-0.5)[:, None], rtol=1e-4)
