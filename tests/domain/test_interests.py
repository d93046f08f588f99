"""Interests are the oldest part of a history, all of one age, and give way to what is done."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.live_vector import (
    History,
    ItemVectors,
    LiveSpace,
    LiveVectorParameters,
    live_vector,
    sequence_weights,
)
from domain.transitions import NO_TRANSITIONS
from serving.lists.explaining import because

ITEMS, FACTORS, SEQUENCE = 30, 3, 2
PARAMETERS = LiveVectorParameters(
    taste_dimensions=FACTORS, sequence_dimensions=SEQUENCE, regularization=1.0
)
_RANDOM = np.random.default_rng(11)
_VECTORS = _RANDOM.normal(size=(ITEMS, FACTORS + SEQUENCE + 2)).astype(np.float32)
_CONTEXT_EMBEDDINGS = _RANDOM.normal(size=(ITEMS, SEQUENCE)).astype(np.float32)
CATALOGUE = ItemVectors(
    item_nos=np.arange(1, ITEMS + 1, dtype=np.int32),
    vectors=_VECTORS,
    context_embeddings=_CONTEXT_EMBEDDINGS
    / np.linalg.norm(_CONTEXT_EMBEDDINGS, axis=1, keepdims=True),
    taste_scales=np.ones(ITEMS),
    confidence_scales=np.ones(ITEMS),
)
GRAMIAN = _VECTORS[:, :FACTORS].T.astype(np.float64) @ _VECTORS[:, :FACTORS]
SPACE = LiveSpace(PARAMETERS, GRAMIAN)

numbers = st.lists(st.integers(1, ITEMS), max_size=12)
interests = st.lists(st.integers(1, ITEMS), min_size=1, max_size=12, unique=True)


def history(item_nos: list[int], declared: list[int]) -> History:
    done = History(np.array(item_nos, dtype=np.int32), np.ones(len(item_nos)))
    return done.after(np.array(declared, dtype=np.int32), PARAMETERS.interest_weight)


@given(numbers, interests, st.randoms(use_true_random=False))
def test_interests_count_the_same_in_any_order(
    used: list[int], declared: list[int], by: object
) -> None:
    shuffled = list(declared)
    by.shuffle(shuffled)  # type: ignore[attr-defined]
    vector = live_vector(SPACE, CATALOGUE, history(used, declared))
    other = live_vector(SPACE, CATALOGUE, history(used, shuffled))
    assert vector is not None
    assert other == pytest.approx(vector, abs=1e-5)


@given(numbers)
def test_without_interests_a_history_says_what_it_said(used: list[int]) -> None:
    plain = History(np.array(used, dtype=np.int32), np.ones(len(used)))
    vector = live_vector(SPACE, CATALOGUE, plain)
    other = live_vector(SPACE, CATALOGUE, history(used, []))
    assert (vector is None) == (other is None)
    assert vector is None or np.array_equal(vector, other)  # type: ignore[arg-type]


@given(st.integers(1, ITEMS))
def test_one_interest_counts_as_one_like_before_the_first_interaction(item: int) -> None:
    used = [3, 5, 8]
    liked = History(np.array([item, *used], dtype=np.int32), np.array([3.0, 1.0, 1.0, 1.0]))
    vector = live_vector(SPACE, CATALOGUE, history(used, [item]))
    assert vector == pytest.approx(live_vector(SPACE, CATALOGUE, liked), abs=1e-6)


@given(interests)
def test_all_interests_together_count_as_four_interactions_at_most(declared: list[int]) -> None:
    used = next(no for no in range(1, ITEMS + 1) if no not in declared)
    item_nos, weights = sequence_weights(PARAMETERS, history([used], declared))
    own = weights[item_nos.tolist().index(used)]
    assert weights.sum() == pytest.approx(1.0)
    together = min(len(declared), PARAMETERS.most_interests) * PARAMETERS.sequence_decay
    assert (1 - own) / own == pytest.approx(together)
    assert set(item_nos.tolist()) == {used, *declared}, "none is cut off for coming first"


def test_what_is_done_counts_more_and_more_against_interests() -> None:
    near = {no: float(_VECTORS[no - 1] @ _VECTORS[0]) for no in range(2, ITEMS + 1)}
    opposite = min(near, key=near.__getitem__)
    scores = []
    for events in range(12):
        vector = live_vector(SPACE, CATALOGUE, history([opposite] * events, [1]))
        assert vector is not None
        taste = vector[:FACTORS] / np.linalg.norm(vector[:FACTORS])
        scores.append(float(taste @ _VECTORS[opposite - 1, :FACTORS]))
    assert scores == sorted(scores)
    assert scores[0] < 0 < scores[-1]


def test_a_long_enough_history_has_forgotten_the_interests() -> None:
    space = replace(SPACE, parameters=replace(PARAMETERS, taste_events=5, sequence_events=4))
    used = [2, 4, 6, 8, 10]
    with_them = live_vector(space, CATALOGUE, history(used, [1, 3]))
    assert np.array_equal(with_them, live_vector(space, CATALOGUE, history(used, [])))  # type: ignore[arg-type]


@given(numbers, interests)
def test_causes_add_up_to_the_scores_with_interests_too(
    used: list[int], declared: list[int]
) -> None:
    both = history(used, declared)
    vector = live_vector(SPACE, CATALOGUE, both)
    assert vector is not None
    found = because(SPACE, CATALOGUE, NO_TRANSITIONS, both, CATALOGUE.item_nos)
    scores = found.of_items.sum(axis=1) + found.trend
    assert scores == pytest.approx(_VECTORS.astype(np.float64) @ vector, abs=1e-4)


def test_interests_the_run_does_not_know_leave_their_weight_to_the_others() -> None:
    known = live_vector(SPACE, CATALOGUE, history([2], [1, 3]))
    more = live_vector(SPACE, CATALOGUE, history([2], [99, 1, 98, 3, 97, 96, 95]))
    assert np.array_equal(known, more)  # type: ignore[arg-type]
