"""How nearly the same the lists of different users are."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from batch.lists.inter_user_similarity import (
    SAMPLED_USERS,
    measure_inter_user_similarity,
    sampled_users,
)

LISTS = st.lists(st.lists(st.integers(1, 9), unique=True, max_size=4), min_size=2, max_size=12)


def arrays(lists: list[list[int]]) -> np.ndarray:
    """Lists as rows that end in -1."""
    return np.array([[*items, *[-1] * (4 - len(items))] for items in lists], dtype=np.int32)


def test_the_same_list_for_everybody_is_all_similar() -> None:
    measured = measure_inter_user_similarity(arrays([[1, 2, 3, 4], [4, 3, 2, 1], [2, 1, 4, 3]]), 1)
    assert measured is not None
    assert measured.metrics() == {
        "inter_user_similarity@20": 1,
        "similar_pairs@20": 1,
        "most_common_list@20": 1,
    }


def test_lists_without_a_common_item_are_not_similar_at_all() -> None:
    measured = measure_inter_user_similarity(arrays([[1, 2], [3, 4], [5, 6], [7, 8]]), 1)
    assert measured is not None
    assert (measured.mean, measured.similar, measured.most_common) == (0.0, 0.0, 0.25)


def test_a_share_is_of_the_longer_list() -> None:
    measured = measure_inter_user_similarity(arrays([[1, 2, 3, 4], [1]]), 1)
    assert measured is not None
    assert measured.mean == 0.25


@given(lists=LISTS, seed=st.integers(0, 99))
def test_the_figures_are_those_of_all_pairs_and_the_same_every_time(
    lists: list[list[int]], seed: int
) -> None:
    listed = arrays(lists)
    measured = measure_inter_user_similarity(listed, seed)
    assert measured == measure_inter_user_similarity(listed, seed)
    item_sets = [set(items) for items in lists if items]
    if len(item_sets) < 2:
        assert measured is None
        return
    assert measured is not None
    pairs = [
        len(a & b) / max(len(a), len(b))
        for i, a in enumerate(item_sets)
        for j, b in enumerate(item_sets)
        if i != j
    ]
    assert measured.mean == pytest.approx(np.mean(pairs), abs=0.02)
    assert measured.similar == pytest.approx(np.mean([pair > 0.8 for pair in pairs]), abs=0.02)
    assert measured.most_common == max(map(item_sets.count, item_sets)) / len(item_sets)


def test_one_user_has_nobody_to_be_compared_with() -> None:
    assert measure_inter_user_similarity(arrays([[1, 2]]), 1) is None
    assert measure_inter_user_similarity(np.empty((0, 4), dtype=np.int32), 1) is None


def test_of_very_many_users_some_are_compared_and_always_the_same() -> None:
    assert sampled_users(7, 1).all()
    many = sampled_users(3 * SAMPLED_USERS, 1)
    assert many.sum() == SAMPLED_USERS
    assert np.array_equal(many, sampled_users(3 * SAMPLED_USERS, 1))
