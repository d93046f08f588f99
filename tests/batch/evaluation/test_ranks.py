"""Metrics of ranks, by hand."""

import numpy as np
import pytest

from batch.evaluation.ranks import gains_at, hits_at, inverse_propensities, weighted_mean

MISSED = np.iinfo(np.int32).max
RANKS = np.array([0, 1, 9, 10, MISSED])


def test_hits_and_gains_by_hand() -> None:
    assert hits_at(RANKS, 10).tolist() == [1.0, 1.0, 1.0, 0.0, 0.0]
    expected = [1.0, 1 / np.log2(3), 1 / np.log2(11), 0.0, 0.0]
    assert gains_at(RANKS, 10) == pytest.approx(expected)


def test_an_item_counts_by_the_inverse_of_its_popularity_to_a_power() -> None:
    counts = np.array([0, 1, 4, 100])
    assert inverse_propensities(counts, 0.5) == pytest.approx([1.0, 1.0, 0.5, 0.1])
    assert inverse_propensities(counts, 0.0) == pytest.approx([1.0] * 4)


def test_the_debiased_mean_by_hand() -> None:
    weights = inverse_propensities(np.array([4, 100]), 0.5)
    # (0.5 * 1 + 0.1 * 0) / (0.5 + 0.1)
    assert weighted_mean(np.array([1.0, 0.0]), weights) == pytest.approx(5 / 6)
    assert weighted_mean(np.array([1.0, 0.0]), np.ones(2)) == pytest.approx(0.5)
