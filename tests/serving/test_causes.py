"""The contributions of a history to a speed score are all of it."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.live_vector import LiveVectorParameters, live_vector, sequence_weights
from domain.transitions import NO_TRANSITIONS, live_vector_and_following
from serving.lists.explaining import because
from tests.domain.test_live_vector import (
    FACTORS,
    PARAMETERS,
    SEQUENCE,
    events,
    history,
    space_and_items,
)
from tests.small_transitions import random_transitions, transitions_of

FORGETTING = replace(PARAMETERS, taste_weight=1.0, trend_weight=0.3, user_exponent=0.5)
WITHOUT_DECAY = replace(FORGETTING, taste_half_life_events=None, taste_events=None)
FEW_EVENTS = replace(FORGETTING, taste_events=5, sequence_events=3)
TASTE_ONLY = replace(FORGETTING, sequence_dimensions=0)


@pytest.mark.parametrize("parameters", [FORGETTING, WITHOUT_DECAY, FEW_EVENTS, TASTE_ONLY])
@given(pairs=events, seed=st.integers(0, 50))
def test_the_parts_add_up_to_the_inner_product_and_what_comes_next(
    parameters: LiveVectorParameters, pairs: list[tuple[int, float]], seed: int
) -> None:
    space, items, _ = space_and_items(parameters, seed)
    numbers = items.item_nos.tolist()
    transitions = random_transitions(numbers[::2], numbers, seed, longest=6)
    vector, following = live_vector_and_following(space, items, transitions, history(pairs))
    if vector is not None:
        contributions = because(space, items, transitions, history(pairs), items.item_nos)
        expected = items.vectors.astype(np.float64) @ vector.astype(np.float64)
        expected[items.rows_of(following.item_nos)] += following.scores
        scores = contributions.of_items.sum(axis=1) + contributions.trend
        assert scores == pytest.approx(expected, abs=1e-5)


@given(events)
def test_shares_are_never_negative_and_with_the_trend_at_most_the_whole(
    pairs: list[tuple[int, float]],
) -> None:
    space, items, _ = space_and_items(FORGETTING)
    contributions = because(space, items, NO_TRANSITIONS, history(pairs), items.item_nos)
    shares = contributions.shares()
    assert (shares >= 0.0).all()
    assert (shares.sum(axis=1) <= 1.0 + 1e-9).all()
    assert ((shares > 0.0) == (contributions.of_items > 0.0)).all()


def test_a_repeated_item_stands_once_with_all_that_it_adds() -> None:
    space, items, _ = space_and_items(FORGETTING)
    contributions = because(
        space, items, NO_TRANSITIONS, history([(20, 1.0), (10, 1.0), (20, 3.0)]), items.item_nos
    )
    assert contributions.item_nos.tolist() == [10, 20]
    assert contributions.of_items.shape == (len(items.item_nos), 2)


def test_a_disliked_item_causes_nothing_itself() -> None:
    space, items, _ = space_and_items(FORGETTING)
    contributions = because(
        space, items, NO_TRANSITIONS, history([(10, 1.0), (20, -2.0)]), items.item_nos
    )
    assert contributions.of_items[:, 1].tolist() == [0.0] * len(items.item_nos)
    assert np.abs(contributions.of_items[:, 0]).min() > 0.0


def test_both_parts_and_the_trend_are_told_apart() -> None:
    space, items, _ = space_and_items(FORGETTING)
    causes = because(space, items, NO_TRANSITIONS, history([(30, 1.0)]), np.array([10]))
    vector = live_vector(space, items, history([(30, 1.0)]))
    assert vector is not None
    end = FACTORS + SEQUENCE
    item = items.vectors[0]
    assert causes.taste[0, 0] == pytest.approx(vector[:FACTORS] @ item[:FACTORS], abs=1e-5)
    assert causes.sequence[0, 0] == pytest.approx(vector[FACTORS:end] @ item[FACTORS:end], abs=1e-5)
    assert causes.trend[0] == pytest.approx(0.3 * item[end])


def test_items_the_run_does_not_know_cause_nothing() -> None:
    space, items, _ = space_and_items(FORGETTING)
    alone = because(space, items, NO_TRANSITIONS, history([(10, 1.0), (30, 1.0)]), items.item_nos)
    along = because(
        space, items, NO_TRANSITIONS, history([(10, 1.0), (7, 3.0), (30, 1.0)]), items.item_nos
    )
    assert along.item_nos.tolist() == [10, 30]
    assert along.of_items == pytest.approx(alone.of_items)


def test_what_comes_next_is_brought_by_the_item_it_comes_after() -> None:
    space, items, _ = space_and_items(FORGETTING)
    transitions = transitions_of({10: [(50, 0.5)], 20: [(50, 1.0)], 30: [(50, 9.0)]})
    newest_last = history([(10, 1.0), (20, 1.0), (30, -1.0)])
    found = because(space, items, transitions, newest_last, np.array([40, 50]))
    _, weights = sequence_weights(FORGETTING, newest_last)
    assert found.transitions[0].tolist() == [0.0, 0.0, 0.0]
    assert found.transitions[1] == pytest.approx([0.5 * weights[1], 1.0 * weights[0], 0.0])
