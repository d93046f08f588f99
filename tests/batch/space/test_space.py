"""Item vectors have one norm, and live vectors agree with the batch fit."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from implicit.cpu.als import AlternatingLeastSquares
from scipy.sparse import csr_matrix

from batch.fitting import fit, gramian
from batch.history.interactions import Interactions
from batch.history.matrix import confidences, interaction_matrix, item_degrees
from batch.parameters import AlsParameters, LiveWeights, SpaceParameters
from batch.space.composing import ItemComponents, item_space, taste_scales
from batch.space.sequence import SequenceVectors
from domain.live_vector import (
    History,
    ItemVectors,
    LiveSpace,
    LiveVectorParameters,
    fold_in_equation,
    live_vector,
)

AS_OF = np.datetime64("2026-02-01", "us")


@settings(deadline=None, max_examples=30)
@given(
    seed=st.integers(0, 10_000),
    user_exponent=st.sampled_from([0.0, 0.5]),
    item_exponent=st.sampled_from([0.0, 0.5]),
)
def test_the_fold_in_of_a_whole_history_is_the_batch_refit_of_that_user(
    make_interactions: Callable[..., Interactions],
    seed: int,
    user_exponent: float,
    item_exponent: float,
) -> None:
    random = np.random.default_rng(seed)
    kinds = random.choice([1, 3, 4], size=200, p=[0.6, 0.3, 0.1])
    users, items = random.integers(1, 21, 200), random.integers(1, 31, 200)
    interactions = make_interactions(list(zip(users, items, kinds, np.zeros(200), strict=True)))
    matrix = interaction_matrix(interactions, AS_OF)
    parameters = AlsParameters(
        factors=8,
        iterations=5,
        regularization=2.0,
        confidence=20.0,
        user_exponent=user_exponent,
        item_exponent=item_exponent,
    )
    weighed = confidences(matrix, parameters)
    factors = fit(weighed, parameters, threads=1)
    live = LiveVectorParameters(
        taste_dimensions=8,
        confidence=20.0,
        user_exponent=user_exponent,
        regularization=2.0,
        taste_half_life_events=None,
        taste_events=None,
    )
    items_of_run = ItemVectors(
        item_nos=matrix.item_nos,
        vectors=np.pad(factors.items, [(0, 0), (0, 2)]),
        context_embeddings=np.empty((len(matrix.item_nos), 0), dtype=np.float32),
        taste_scales=np.ones(len(matrix.item_nos)),
        confidence_scales=item_degrees(matrix) ** -item_exponent,
    )

    als = AlternatingLeastSquares(factors=8, regularization=2.0, num_threads=1)
    als.item_factors = factors.items
    for row, user in enumerate(matrix.user_nos):
        mine = interactions.where(interactions.user_nos == user)
        folded = fold_in_equation(
            LiveSpace(live, gramian(factors.items)),
            items_of_run,
            History(mine.item_nos, mine.weights()),
        ).solved()
        refitted = als.recalculate_user(0, weighed[row])
        assert np.abs(folded - refitted).max() < 1e-4


def random_item_components(seed: int, items: int) -> ItemComponents:
    random = np.random.default_rng(seed)
    sequence = SequenceVectors(*random.normal(size=(2, items, 3)).astype(np.float32))
    return ItemComponents(
        item_nos=np.arange(1, items + 1, dtype=np.int32),
        factors=random.normal(size=(items, 4)).astype(np.float32),
        degrees=random.integers(1, 50, items).astype(np.float64),
        sequence=sequence,
        trends=random.exponential(size=(3, items)),
    )


@given(seed=st.integers(0, 10_000), items=st.integers(1, 20))
def test_all_item_vectors_have_the_norm_of_the_run(seed: int, items: int) -> None:
    space = item_space(
        random_item_components(seed, items), SpaceParameters(factors=4), LiveWeights()
    )
    assert np.allclose(np.linalg.norm(space.items.vectors, axis=1), space.norm, rtol=1e-4)
    taste = space.items.vectors[:, :4]
    assert np.isclose((taste**2).sum(axis=1).mean(), 1.0, rtol=1e-4)


@pytest.mark.parametrize(
    "multiplied", [{}, {"popularity_exponent": -0.3, "trend_exponents": (0.25, 0.0, 0.5)}]
)
@given(seed=st.integers(0, 10_000), items=st.integers(2, 20))
def test_one_inner_product_is_the_weighted_sum_of_taste_sequence_and_trend(
    multiplied: dict[str, Any], seed: int, items: int
) -> None:
    components = random_item_components(seed, items)
    weights = LiveWeights(taste=0.5, trends=(0.2, 0.0, 0.1), **multiplied)
    space = item_space(components, SpaceParameters(factors=4), weights)
    liked = History(np.array([1, 2], dtype=np.int32), np.ones(2))
    vector = live_vector(space.space, space.items, liked)
    assert vector is not None
    taste = fold_in_equation(space.space, space.items, liked).solved()
    scales = taste_scales(components, SpaceParameters(factors=4))
    sequence = (
        0.75 * components.sequence.context_embeddings[0] + components.sequence.context_embeddings[1]
    ) / 1.75
    of_items = np.ones(items)
    if multiplied:
        powers = components.degrees**-0.3
        powers *= np.exp(0.25 * components.trends[0] + 0.5 * components.trends[2])
        of_items = powers / np.sqrt((powers**2).mean())
    expected = (
        0.5 * of_items * ((components.factors * scales[:, None]) @ taste) / np.linalg.norm(taste)
        + of_items * (components.sequence.item_embeddings @ sequence)
        + 0.2 * components.trends[0]
        + 0.1 * components.trends[2]
    )
    assert np.allclose(space.items.vectors @ vector, expected, atol=1e-3)


def test_what_comes_next_is_multiplied_as_taste_and_sequence_are() -> None:
    components = replace(
        random_item_components(0, 3),
        transitions={30.0: csr_matrix(np.array([[0, 1.0, 0.5], [0, 0, 0], [0, 0, 0]]))},
    )
    weights = LiveWeights(transitions=2.0, ridge=30.0, popularity_exponent=-0.2)
    found = item_space(components, SpaceParameters(factors=4), weights).transitions
    item_nos, scores = found.row(1)
    assert item_nos.tolist() == [2, 3]
    assert scores == pytest.approx(np.array([2.0, 1.0]) * components.scales(weights)[1:])


def test_the_same_input_gives_the_same_factors(
    make_interactions: Callable[..., Interactions],
) -> None:
    events = [(user, item, 1, 0) for user in range(1, 20) for item in range(1, 20, 1 + user % 4)]
    matrix = interaction_matrix(make_interactions(events), AS_OF)
    parameters = AlsParameters(factors=4, iterations=3, regularization=5.0, confidence=20.0)
    once, again = (fit(confidences(matrix, parameters), parameters, threads=1) for _ in range(2))
    assert np.array_equal(once.items, again.items)
    assert np.array_equal(once.users, again.users)
