"""The fit behind the lists: damped confidences, many factors, items weighed when scoring."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from batch.fitting import Factors, fit
from batch.history import Interactions
from batch.matrix import InteractionMatrix, confidences, item_degrees, mean_weight
from batch.parameters import AlsParameters, ListRecipe
from batch.trend import trend

_ITEMS_A_FACTOR = 4
"""More factors than a quarter of the catalogue describe nothing."""
_FEWEST_FACTORS = 8


def fit_lists(
    matrix: InteractionMatrix,
    interactions: Interactions,
    as_of: np.datetime64,
    recipe: ListRecipe,
    *,
    threads: int = 0,
    on_iteration: Callable[[int], None] = lambda _iteration: None,
) -> Factors:
    """Factors whose inner products are the batch scores.

    `matrix` must have been made of `interactions` as of `as_of`.
    """
    als = als_parameters(matrix, recipe)
    fitted = fit(confidences(matrix, als), als, threads=threads, on_iteration=on_iteration)
    lately = trend(interactions, matrix.item_nos, as_of, recipe.trend_half_life_days)
    scales = scoring_scales(matrix, recipe, lately)
    return Factors(fitted.users, fitted.items * scales[:, None])


def als_parameters(matrix: InteractionMatrix, recipe: ListRecipe) -> AlsParameters:
    """What the recipe comes to on this matrix."""
    # a = A * mean(s / sqrt(d_u d_i)) / mean(s / (d_u^b d_i^c))
    balanced = mean_weight(matrix, 0.5, 0.5)
    weight = mean_weight(matrix, recipe.user_exponent, recipe.item_exponent)
    most = max(_FEWEST_FACTORS, len(matrix.item_nos) // _ITEMS_A_FACTOR)
    return AlsParameters(
        factors=min(recipe.factors, most),
        iterations=recipe.iterations,
        regularization=recipe.threshold * recipe.confidence,
        confidence=recipe.confidence * balanced / weight if weight > 0.0 else recipe.confidence,
        user_exponent=recipe.user_exponent,
        item_exponent=recipe.item_exponent,
        seed=recipe.seed,
    )


def scoring_scales(
    matrix: InteractionMatrix, recipe: ListRecipe, lately: NDArray[np.float64]
) -> NDArray[np.float32]:
    """What each item's factors are multiplied by, (i,); `lately` (i,) is the items' trend."""
    # d_i^e * (1 + recent interactions)^g
    popularity = item_degrees(matrix) ** recipe.popularity_exponent
    return np.asarray(popularity * np.exp(recipe.trend_exponent * lately), dtype=np.float32)
