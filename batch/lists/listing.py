"""The fit behind the lists: damped confidences, many factors, items weighed when scoring."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from batch.engines.engine import BatchEngine
from batch.engines.implicit_engine import ONE_MACHINE, ImplicitEngine
from batch.fitting import Factors
from batch.history.interactions import Interactions
from batch.history.matrix import (
    InteractionMatrix,
    confidences,
    interaction_matrix,
    item_degrees,
    mean_weight,
)
from batch.history.trend import trend
from batch.lists.listed_sequence import sequence_factors
from batch.parameters import AlsParameters, ListHyperparameters, SpaceParameters
from batch.space.sequence import SequenceVectors, sequence_vectors

_ROWS_A_FACTOR = 4
"""More factors than a quarter of the items, or of the users, describe nothing."""
_FEWEST_FACTORS = 8
_SAMPLED_USERS = 500
_ALL = slice(None)


def fit_lists(
    matrix: InteractionMatrix,
    interactions: Interactions,
    as_of: np.datetime64,
    hyperparameters: ListHyperparameters,
    *,
    sequence: SequenceVectors | None = None,
    engine: BatchEngine = ONE_MACHINE,
    on_iteration: Callable[[int], None] = lambda _iteration: None,
) -> Factors:
    """Factors whose inner products are the batch scores.

    `matrix` must have been made of `interactions` as of `as_of`, without the decay of the
    hyperparameters. `sequence` is what was learned of its items, if it has been already.
    """
    matrix = decayed(matrix, interactions, as_of, hyperparameters)
    fitted = fit_factors(matrix, hyperparameters, engine=engine, on_iteration=on_iteration)
    if hyperparameters.sequence_weight:
        if sequence is None:
            sequence = sequence_vectors(
                interactions, matrix.item_nos, as_of, SpaceParameters(), engine=engine
            )
        following = sequence_factors(sequence, matrix, interactions)
        fitted = with_sequence(fitted, following, hyperparameters)
    lately = trend(interactions, matrix.item_nos, as_of, hyperparameters.trend_half_life_days)
    return Factors(
        fitted.users, fitted.items * scoring_scales(matrix, hyperparameters, lately)[:, None]
    )


def decayed(
    matrix: InteractionMatrix,
    interactions: Interactions,
    as_of: np.datetime64,
    hyperparameters: ListHyperparameters,
) -> InteractionMatrix:
    """The matrix with the decay of the hyperparameters; the same users, items and seen items."""
    if hyperparameters.decay_per_year == 0.0:
        return matrix
    faded = interaction_matrix(interactions, as_of, decay_per_year=hyperparameters.decay_per_year)
    return replace(matrix, weights=faded.weights)


def fit_timeless_lists(
    matrix: InteractionMatrix, hyperparameters: ListHyperparameters, *, threads: int = 0
) -> Factors:
    """The same of interactions whose times nobody knows: there is no trend."""
    fitted = fit_factors(matrix, hyperparameters, engine=ImplicitEngine(threads))
    scales = scoring_scales(matrix, hyperparameters, np.zeros(len(matrix.item_nos)))
    return Factors(fitted.users, fitted.items * scales[:, None])


def fit_factors(
    matrix: InteractionMatrix,
    hyperparameters: ListHyperparameters,
    *,
    engine: BatchEngine = ONE_MACHINE,
    on_iteration: Callable[[int], None] = lambda _iteration: None,
) -> Factors:
    """Factors before items are weighed for scoring; those of both fits side by side.

    Damping users and items more or less suits some of them better than others, and the mean of two
    fits is nearer to the truth than either. `on_iteration` is told of the iterations of both.
    """
    als = als_parameters(matrix, hyperparameters)
    first = engine.fit(confidences(matrix, als), als, on_iteration=on_iteration)
    if not hyperparameters.balanced:
        return first
    evenly = als_parameters(matrix, replace(hyperparameters, user_exponent=0.5, item_exponent=0.5))
    other = engine.fit(
        confidences(matrix, evenly),
        evenly,
        on_iteration=lambda done: on_iteration(hyperparameters.iterations + done),
    )
    return _mean_of(first, other, hyperparameters.seed)


def with_sequence(
    fitted: Factors,
    following: Factors,
    hyperparameters: ListHyperparameters,
    rows: NDArray[np.intp] | slice = _ALL,
) -> Factors:
    """Both side by side, what comes next weighed, each by its own spread; of users in `rows` alone.

    The fit as it is where what comes next weighs nothing.
    """
    if not hyperparameters.sequence_weight:
        return fitted if rows is _ALL else Factors(fitted.users[rows], fitted.items)
    seed = hyperparameters.seed
    share = hyperparameters.sequence_weight * _spread(fitted, seed) / _spread(following, seed)
    own, coming = fitted.users[rows], following.users[rows]
    width = own.shape[1]
    users = np.empty((len(own), width + coming.shape[1]), dtype=np.float32)
    # Where they stay: users may be millions.
    users[:, :width] = own
    np.multiply(coming, share, out=users[:, width:])
    return Factors(users, np.hstack([fitted.items, following.items]).astype(np.float32))


def iterations_of(hyperparameters: ListHyperparameters) -> int:
    """How many iterations `on_iteration` is told of in all."""
    return hyperparameters.iterations * (2 if hyperparameters.balanced else 1)


def _mean_of(first: Factors, other: Factors, seed: int) -> Factors:
    """Factors whose inner products are the mean of two scores, each by its own spread."""
    width = first.users.shape[1]
    users = np.empty((len(first.users), width + other.users.shape[1]), dtype=np.float32)
    # Where they stay: users may be millions.
    np.divide(first.users, 2.0 * _spread(first, seed), out=users[:, :width])
    np.divide(other.users, 2.0 * _spread(other, seed), out=users[:, width:])
    return Factors(users, np.hstack([first.items, other.items]))


def _spread(factors: Factors, seed: int) -> float:
    """The mean standard deviation of a user's scores, by a sample of users; 1 if it is 0."""
    users = len(factors.users)
    drawn = np.random.default_rng(seed).choice(users, min(_SAMPLED_USERS, users), replace=False)
    deviation = (factors.users[drawn] @ factors.items.T).std(axis=1).mean() if users else 0.0
    return float(deviation) if deviation > 0.0 else 1.0


def als_parameters(
    matrix: InteractionMatrix, hyperparameters: ListHyperparameters
) -> AlsParameters:
    """What the hyperparameters come to on this matrix."""
    # a = A * mean(s / sqrt(d_u d_i)) / mean(s / (d_u^b d_i^c))
    balanced = mean_weight(matrix, 0.5, 0.5)
    weight = mean_weight(matrix, hyperparameters.user_exponent, hyperparameters.item_exponent)
    return AlsParameters(
        factors=min(hyperparameters.factors, most_factors(matrix)),
        iterations=hyperparameters.iterations,
        regularization=threshold(matrix, hyperparameters) * hyperparameters.confidence,
        confidence=hyperparameters.confidence * balanced / weight
        if weight > 0.0
        else hyperparameters.confidence,
        user_exponent=hyperparameters.user_exponent,
        item_exponent=hyperparameters.item_exponent,
        seed=hyperparameters.seed,
    )


def most_factors(matrix: InteractionMatrix) -> int:
    """More factors than this describe nothing."""
    return max(_FEWEST_FACTORS, min(matrix.weights.shape) // _ROWS_A_FACTOR)


def threshold(matrix: InteractionMatrix, hyperparameters: ListHyperparameters) -> float:
    """That of the hyperparameters, or one that suits the density: 0.12 at 4 %, 0.20 at 0.07 %."""
    if hyperparameters.threshold is not None:
        return hyperparameters.threshold
    users, items = matrix.weights.shape
    density = max(matrix.weights.nnz, 1) / max(users * items, 1)
    # t = 0.06 - 0.045 log10(density)
    return float(np.clip(0.06 - 0.045 * np.log10(density), 0.08, 0.25))


def scoring_scales(
    matrix: InteractionMatrix, hyperparameters: ListHyperparameters, lately: NDArray[np.float64]
) -> NDArray[np.float32]:
    """What each item's factors are multiplied by, (i,); `lately` (i,) is the items' trend."""
    # d_i^e * (1 + recent interactions)^g
    popularity = item_degrees(matrix) ** hyperparameters.popularity_exponent
    return np.asarray(
        popularity * np.exp(hyperparameters.trend_exponent * lately), dtype=np.float32
    )
