"""What comes next is a pure function of a history and of the rows of its items."""

from dataclasses import replace
from random import Random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from domain.live_vector import (
    History,
    ItemVectors,
    LiveVectorParameters,
    known_history,
    sequence_weights,
)
from domain.rankings import Ranking
from domain.transitions import (
    MOST_FOLLOWING,
    NO_TRANSITIONS,
    Transitions,
    _summed,
    following,
    items_followed,
    live_vector_and_following,
)
from tests.domain.test_live_vector import ITEMS, PARAMETERS, events, history, space_and_items
from tests.small_transitions import random_transitions, transitions_of

SPACE, CATALOGUE, _ = space_and_items(PARAMETERS)
FEW = replace(PARAMETERS, sequence_events=3)
NEXT = 400
"""Items that may come next, numbered from 1: many more than are kept."""


def of_seed(seed: int) -> Transitions:
    """Rows of two thirds of the items, up to 300 long."""
    numbers = CATALOGUE.item_nos[: 2 * ITEMS // 3].tolist()
    return random_transitions(numbers, range(1, NEXT + 1), seed, longest=300)


def dense(transitions: Transitions) -> NDArray[np.float64]:
    """The matrix (largest item number + 1, NEXT + 1) written out."""
    matrix = np.zeros((int(CATALOGUE.item_nos[-1]) + 1, NEXT + 1))
    for item_no in transitions.item_nos.tolist():
        next_item_nos, scores = transitions.row(item_no)
        matrix[item_no, next_item_nos] = scores
    return matrix


@given(seed=st.integers(0, 2**32 - 1), cells=st.integers(1, 300), highest=st.integers(1, 60))
def test_sums_are_the_same_to_the_last_bit_however_they_are_added_up(
    seed: int, cells: int, highest: int
) -> None:
    random = np.random.default_rng(seed)
    item_nos = random.integers(1, highest + 1, cells).astype(np.int32)
    gained = random.normal(size=cells)
    found, sums = _summed(item_nos, gained)
    # Numbers so high that they are put in order instead of counted.
    far, far_sums = _summed(item_nos * np.int32(1_000_000), gained)
    assert (far == found * np.int32(1_000_000)).all()
    assert found.dtype == far.dtype
    assert (sums == far_sums).all()


def followed(
    parameters: LiveVectorParameters, items: ItemVectors, transitions: Transitions, past: History
) -> Ranking:
    return following(transitions, *sequence_weights(parameters, known_history(items, past)))


@pytest.mark.parametrize("parameters", [PARAMETERS, FEW])
@given(pairs=events, seed=st.integers(0, 20))
def test_it_is_the_best_of_the_product_with_the_dense_matrix(
    parameters: LiveVectorParameters, pairs: list[tuple[int, float]], seed: int
) -> None:
    transitions = of_seed(seed)
    used, weights = sequence_weights(parameters, known_history(CATALOGUE, history(pairs)))
    gains = np.zeros(NEXT + 1)
    gains += weights @ dense(transitions)[used]
    found = followed(parameters, CATALOGUE, transitions, history(pairs))
    assert len(found) == min(np.count_nonzero(gains), MOST_FOLLOWING)
    assert found.scores == pytest.approx(gains[found.item_nos], abs=1e-6)
    assert (np.diff(found.scores) <= 0.0).all()
    left_out = np.delete(gains, found.item_nos)
    assert left_out.max(initial=0.0) <= found.scores.min(initial=np.inf) + 1e-6


@given(pairs=events, seed=st.integers(0, 20), order=st.randoms(use_true_random=False))
def test_the_order_within_rows_and_other_rows_make_no_difference(
    pairs: list[tuple[int, float]], seed: int, order: Random
) -> None:
    transitions = of_seed(seed)
    needed = set(items_followed(PARAMETERS, CATALOGUE, history(pairs)).tolist())
    shuffled = {}
    for item_no in needed.intersection(transitions.item_nos.tolist()):
        pairs_of_row = list(zip(*transitions.row(item_no), strict=True))
        order.shuffle(pairs_of_row)
        shuffled[item_no] = [(int(no), float(score)) for no, score in pairs_of_row]
    found = followed(PARAMETERS, CATALOGUE, transitions, history(pairs))
    other = followed(PARAMETERS, CATALOGUE, transitions_of(shuffled), history(pairs))
    assert np.array_equal(found.item_nos, other.item_nos)
    assert np.array_equal(found.scores, other.scores)


def test_what_the_run_has_no_vector_of_and_what_is_disliked_is_followed_by_nothing() -> None:
    transitions = transitions_of({7: [(1, 1.0)], 10: [(2, 1.0)], 20: [(3, 1.0)]})
    found = followed(PARAMETERS, CATALOGUE, transitions, history([(20, 1.0), (10, -2.0), (7, 1.0)]))
    assert (found.item_nos.tolist(), found.scores.tolist()) == ([3], [1.0])


def test_without_rows_or_a_live_vector_nothing_comes_next() -> None:
    liked = history([(10, 1.0)])
    assert not len(followed(PARAMETERS, CATALOGUE, NO_TRANSITIONS, liked))
    of_nobody = live_vector_and_following(SPACE, CATALOGUE, of_seed(0), history([]))
    assert of_nobody[0] is None
    assert not len(of_nobody[1])
