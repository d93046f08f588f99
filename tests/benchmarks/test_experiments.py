"""Simulated experiments: what the benchmark reports of a few."""

import numpy as np
import pytest

from benchmarks.experiments import MEANS, OUTCOMES, simulate, simulate_mismatches


@pytest.mark.parametrize("name", OUTCOMES)
def test_few_false_alarms_and_what_theory_says_of_earlier_activity_are_reported(name: str) -> None:
    found = simulate(np.random.default_rng(0), name, experiments=30, days=30, daily=200)
    assert found["false_alarms"] <= 0.1
    assert found["coverage_without_difference"] >= 0.9
    assert found["coverage_with_difference"] >= 0.9
    assert found["variance_ratio"] == pytest.approx(
        found["one_less_squared_correlation"], abs=0.005
    )


@pytest.mark.parametrize("name", OUTCOMES)
def test_the_outcomes_have_the_means_that_effects_are_computed_from(name: str) -> None:
    random = np.random.default_rng(1)
    inclination = random.gamma(0.7, 1 / 0.7, 400_000)
    assert OUTCOMES[name](random, inclination, 0.0).mean() == pytest.approx(MEANS[name], rel=0.05)


def test_a_wrong_ratio_is_found_more_often_than_a_right_one() -> None:
    found = simulate_mismatches(np.random.default_rng(0), experiments=50, days=60, daily=400)
    assert found["false_alarms"] <= 0.02
    assert found["found"] >= 0.9
