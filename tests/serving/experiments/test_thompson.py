"""Shares that follow the evidence, within bounds."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from serving.experiments.sums import Sums
from serving.experiments.thompson import (
    LARGEST_STEP,
    SMALLEST_SHARE,
    best_probabilities,
    next_shares,
)

distributions = (
    st.integers(2, 6)
    .flatmap(
        lambda n: st.tuples(
            *(st.lists(st.floats(0.001, 1), min_size=n, max_size=n) for _ in range(2))
        )
    )
    .map(lambda pair: tuple(np.array(part) / sum(part) for part in pair))
)


def an_arm(mean: float, seed: int, number: int = 2000) -> Sums:
    random = np.random.default_rng(seed)
    return Sums.of(random.poisson(mean, number).astype(np.float64), np.zeros(number))


@given(distributions)
def test_shares_move_by_little_and_stay_shares(pair: tuple[np.ndarray, np.ndarray]) -> None:
    shares, probabilities = pair
    moved = next_shares(shares, probabilities)
    assert moved.sum() == pytest.approx(1)
    assert np.abs(moved - shares).max() <= LARGEST_STEP + 1e-12
    smallest = min(SMALLEST_SHARE, 1 / len(shares))
    assert (moved >= np.minimum(shares, smallest) - 1e-12).all()


def test_the_better_arm_comes_to_have_all_that_bounds_allow() -> None:
    arms = [an_arm(0.5, 1), an_arm(0.7, 2), an_arm(0.5, 3)]
    probabilities = best_probabilities(arms, seed=0)
    assert probabilities[1] > 0.99
    shares = np.full(3, 1 / 3)
    for _ in range(10):
        shares = next_shares(shares, probabilities)
    assert shares == pytest.approx([0.1, 0.8, 0.1], abs=0.01)


def test_equal_arms_are_as_probably_the_best() -> None:
    arm = an_arm(0.5, 1)
    assert best_probabilities([arm, arm], seed=0) == pytest.approx([0.5, 0.5], abs=0.02)


def test_arms_of_which_nothing_is_known_are_as_probably_the_best() -> None:
    nobody = Sums(*np.zeros((7, 1)))
    idle = Sums.of(np.zeros(500), np.zeros(500))
    assert best_probabilities([nobody, an_arm(0.5, 1)], seed=0).tolist() == [0.5, 0.5]
    assert best_probabilities([idle, idle], seed=0).tolist() == [0.5, 0.5]


def test_the_same_evidence_gives_the_same_shares() -> None:
    arms = [an_arm(0.5, 1), an_arm(0.52, 2)]
    first, second = (best_probabilities(arms, seed=3) for _ in range(2))
    assert first.tolist() == second.tolist()
