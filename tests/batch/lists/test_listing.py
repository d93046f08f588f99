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
    fit_lists,
    fit_timeless_lists,
    scoring_scales,
)
from batch.parameters import ListHyperparameters
from batch.space.sequence import SequenceVectors
from batch.space.validation_events import Timeline
from domain.live_vector import LiveVectorParameters, sequence_weights

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


def test_a_sequence_weight_adds_the_live_score_of_the_cut_off_by_its_spread(
    make_interactions: Callable[..., Interactions],
) -> None:
    random = np.random.default_rng(0)
    rows = [(int(u), int(i), 1, age) for age, (u, i) in enumerate(random.integers(1, 30, (600, 2)))]
    log = make_interactions(rows)
    matrix = interaction_matrix(log, AS_OF)
    vectors = random.normal(size=(2, len(matrix.item_nos), 4)).astype(np.float32)
    sequence = SequenceVectors(*vectors)
    plain = fit_lists(matrix, log, AS_OF, HYPERPARAMETERS, sequence=sequence)
    weighed = replace(HYPERPARAMETERS, sequence_weight=0.5)
    both = fit_lists(matrix, log, AS_OF, weighed, sequence=sequence)
    fitted = fit_factors(matrix, HYPERPARAMETERS)
    spread = (fitted.users @ fitted.items.T).std(axis=1).mean()
    timeline = Timeline(log)
    live = LiveVectorParameters(taste_dimensions=0)
    following = []
    for user_no in matrix.user_nos.tolist():
        item_nos, weights = sequence_weights(live, timeline.history_of(user_no))
        contexts = sequence.context_embeddings[np.searchsorted(matrix.item_nos, item_nos)]
        following.append(weights @ contexts @ sequence.item_embeddings.T)
    share = 0.5 * spread / np.std(following, axis=1).mean()
    scales = plain.items[:, 0] / fitted.items[:, 0]
    expected = plain.users @ plain.items.T + share * np.array(following) * scales
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
