"""Metrics that only benchmarks have, by hand."""

import numpy as np
import pytest

from benchmarks.diversity import mean_similarity
from benchmarks.time_split import inverse_propensities, weighted_mean


def test_an_item_counts_by_the_inverse_of_its_popularity_to_a_power() -> None:
    counts = np.array([0, 1, 4, 100])
    assert inverse_propensities(counts, 0.5) == pytest.approx([1.0, 1.0, 0.5, 0.1])
    assert inverse_propensities(counts, 0.0) == pytest.approx([1.0] * 4)


def test_the_debiased_mean_by_hand() -> None:
    weights = inverse_propensities(np.array([4, 100]), 0.5)
    # (0.5 * 1 + 0.1 * 0) / (0.5 + 0.1)
    assert weighted_mean(np.array([1.0, 0.0]), weights) == pytest.approx(5 / 6)
    assert weighted_mean(np.array([1.0, 0.0]), np.ones(2)) == pytest.approx(0.5)


def test_the_mean_similarity_is_that_of_all_pairs() -> None:
    vectors = np.array([[2.0, 0.0], [0.0, 3.0], [1.0, 1.0]])
    assert mean_similarity(vectors) == pytest.approx((0 + 2 * 0.5**0.5) / 3)
    assert mean_similarity(vectors[:1]) == mean_similarity(vectors[:0]) == 0.0
