"""Metrics of ranks, by hand."""

import numpy as np
import pytest

from batch.evaluation.ranks import gains_at, hits_at

MISSED = np.iinfo(np.int32).max
RANKS = np.array([0, 1, 9, 10, MISSED])


def test_hits_and_gains_by_hand() -> None:
    assert hits_at(RANKS, 10).tolist() == [1.0, 1.0, 1.0, 0.0, 0.0]
    expected = [1.0, 1 / np.log2(3), 1 / np.log2(11), 0.0, 0.0]
    assert gains_at(RANKS, 10) == pytest.approx(expected)
