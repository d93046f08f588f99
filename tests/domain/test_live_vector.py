"""The live vector is a pure function of history and run."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from domain.live_vector import (
    History,
    ItemVectors,
    LiveSpace,
    LiveVectorParameters,
    fold_in_equation,
    live_vector,
    sequence_weights,
)

FACTORS, SEQUENCE, ITEMS = 4, 3, 12


def space_and_items(
    parameters: LiveVectorParameters, seed: int = 0
) -> tuple[LiveSpace, ItemVectors, NDArray[np.float64]]:
    """A random space of 12 items numbered 10, 20, … and their raw factors."""
    chance = np.random.default_rng(seed)
    factors = chance.normal(size=(ITEMS, parameters.taste_dimensions))
    scales = chance.uniform(0.5, 2.0, size=ITEMS)
    sequence = chance.normal(size=(ITEMS, parameters.sequence_dimensions))
    context_embeddings = chance.normal(size=(ITEMS, parameters.sequence_dimensions))
    trend_and_filler = np.ones((ITEMS, 2))
    vectors = np.hstack([factors * scales[:, None], sequence, trend_and_filler])
    items = ItemVectors(
        item_nos=np.arange(10, 10 * ITEMS + 1, 10, dtype=np.int32),
        vectors=vectors.astype(np.float32),
        context_embeddings=context_embeddings.astype(np.float32),
        taste_scales=scales,
        confidence_scales=chance.uniform(0.5, 1.5, size=ITEMS),
    )
    return LiveSpace(parameters, factors.T @ factors), items, factors


PARAMETERS = LiveVectorParameters(taste_dimensions=FACTORS, sequence_dimensions=SEQUENCE)
WHOLE = LiveVectorParameters(
    taste_dimensions=FACTORS, taste_half_life_events=None, taste_events=None, user_exponent=0.5
)

events = st.lists(
    st.tuples(st.integers(1, ITEMS).map(lambda n: 10 * n), st.sampled_from([1.0, 3.0, -2.0])),
    max_size=30,
)


def history(pairs: list[tuple[int, float]]) -> History:
    return History(
        np.array([item for item, _ in pairs], dtype=np.int32),
        np.array([weight for _, weight in pairs], dtype=np.float64),
    )


@given(events)
def test_fold_in_solves_the_equation_of_hu_koren_and_volinsky(
    pairs: list[tuple[int, float]],
) -> None:
    space, items, factors = space_and_items(WHOLE)
    sums = {item: sum(s for i, s in pairs if i == item) for item, _ in pairs}
    sums = {item: total for item, total in sums.items() if total != 0}
    left = factors.T @ factors + WHOLE.regularization * np.eye(FACTORS)
    right = np.zeros(FACTORS)
    for item, total in sums.items():
        row = item // 10 - 1
        confidence = WHOLE.confidence * items.confidence_scales[row] * total / len(sums) ** 0.5
        left += (abs(confidence) - 1) * np.outer(factors[row], factors[row])
        right += max(confidence, 0) * factors[row]
    expected = np.linalg.solve(left, right)
    assert fold_in_equation(space, items, history(pairs)).solved() == pytest.approx(
        expected, abs=1e-4
    )


@given(st.permutations([(10, 1.0), (20, 3.0), (30, -2.0), (40, 1.0)]))
def test_without_decay_the_order_of_a_history_does_not_matter(
    pairs: list[tuple[int, float]],
) -> None:
    space, items, _ = space_and_items(WHOLE)
    in_order = fold_in_equation(space, items, history(sorted(pairs))).solved()
    assert fold_in_equation(space, items, history(pairs)).solved() == pytest.approx(
        in_order, abs=1e-9
    )


@given(events)
def test_items_the_run_does_not_know_change_nothing(pairs: list[tuple[int, float]]) -> None:
    space, items, _ = space_and_items(PARAMETERS)
    with_strangers = [pair for known in pairs for pair in (known, (7, 1.0))]
    without = live_vector(space, items, history(pairs))
    along = live_vector(space, items, history([*with_strangers]))
    if without is None:
        assert along is None
    else:
        assert along is not None
        assert along == pytest.approx(without, abs=1e-6)


@given(events)
def test_the_taste_part_has_its_length_and_the_filler_is_nothing(
    pairs: list[tuple[int, float]],
) -> None:
    space, items, _ = space_and_items(PARAMETERS)
    vector = live_vector(space, items, history(pairs))
    if vector is not None:
        assert vector.shape == (FACTORS + SEQUENCE + 2,)
        assert vector[-2:] == pytest.approx([PARAMETERS.trend_weight, 0.0])
        length = float(np.linalg.norm(vector[:FACTORS]))
        assert length == pytest.approx(PARAMETERS.taste_weight, abs=1e-5) or length == 0


def test_an_empty_history_says_nothing() -> None:
    space, items, _ = space_and_items(PARAMETERS)
    assert live_vector(space, items, history([])) is None


def test_where_no_item_of_a_history_has_a_vector_it_says_nothing() -> None:
    space, items, _ = space_and_items(PARAMETERS)
    none = ItemVectors(
        item_nos=items.item_nos[:0],
        vectors=np.empty((0, 0), dtype=np.float32),
        context_embeddings=np.empty((0, 0), dtype=np.float32),
        taste_scales=items.taste_scales[:0],
        confidence_scales=items.confidence_scales[:0],
    )
    assert live_vector(space, none, history([(10, 1.0)])) is None


def test_only_dislikes_say_nothing_for_any_item() -> None:
    space, items, _ = space_and_items(PARAMETERS)
    assert live_vector(space, items, history([(10, -2.0), (20, -2.0)])) is None


def test_the_sequence_part_is_the_decayed_mean_of_the_newest_liked_items() -> None:
    space, items, _ = space_and_items(PARAMETERS)
    vector = live_vector(space, items, history([(10, 1.0), (20, -2.0), (30, 1.0)]))
    assert vector is not None
    expected = (0.75 * items.context_embeddings[0] + items.context_embeddings[2]) / 1.75
    assert vector[FACTORS : FACTORS + SEQUENCE] == pytest.approx(expected, abs=1e-5)


def test_an_item_used_again_counts_once_in_the_sequence_part_where_it_was_last() -> None:
    space, items, _ = space_and_items(PARAMETERS)
    vector = live_vector(space, items, history([(30, 1.0), (10, 1.0), (30, 1.0), (30, 3.0)]))
    assert vector is not None
    expected = (0.75 * items.context_embeddings[0] + items.context_embeddings[2]) / 1.75
    assert vector[FACTORS : FACTORS + SEQUENCE] == pytest.approx(expected, abs=1e-5)


def test_an_item_that_is_only_known_is_no_part_of_a_live_vector() -> None:
    space, items, _ = space_and_items(WHOLE)
    parameters = LiveVectorParameters(1, 1, sequence_events=2)
    rated = history([(10, 3.0), (20, 1.5), (30, 0.0), (30, -2.0)])
    assert sequence_weights(parameters, rated)[0].tolist() == [20, 10]
    assert 30 not in fold_in_equation(space, items, history([(10, 3.0), (30, 0.0)])).item_nos
    assert live_vector(space, items, history([(10, 0.0), (30, 0.0)])) is None


def test_newer_events_count_more_for_taste() -> None:
    space, items, _ = space_and_items(LiveVectorParameters(taste_dimensions=FACTORS))
    first_then_second = live_vector(space, items, history([(10, 1.0)] * 9 + [(20, 1.0)] * 9))
    assert first_then_second is not None
    later, earlier = items.vectors[1], items.vectors[0]
    assert first_then_second @ later > first_then_second @ earlier
