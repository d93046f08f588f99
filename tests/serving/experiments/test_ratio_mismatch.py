"""Whether a wrong ratio is found, and a right one left alone."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from serving.experiments.ratio_mismatch import CONCENTRATION, log_bayes_factor, mismatch_p_value

shares = st.lists(st.floats(0.05, 1), min_size=2, max_size=4).map(
    lambda parts: [part / sum(parts) for part in parts]
)


@given(shares, st.integers(0, 2**32))
def test_it_is_what_betting_on_each_user_in_turn_comes_to(parts: list[float], seed: int) -> None:
    drawn = np.random.default_rng(seed).choice(len(parts), 200, p=parts)
    counts, log_wealth = np.zeros(len(parts)), 0.0
    for n, arm in enumerate(drawn):
        # Polya's urn: the predictive probability of the next arm under the Dirichlet prior.
        foretold = (CONCENTRATION * parts[arm] + counts[arm]) / (CONCENTRATION + n)
        log_wealth += math.log(foretold / parts[arm])
        counts[arm] += 1
    assert log_bayes_factor(counts.astype(int).tolist(), parts) == pytest.approx(
        log_wealth, abs=1e-7
    )


@given(shares)
def test_its_mean_is_1_with_the_shares_as_assigned(parts: list[float]) -> None:
    users = 6
    mean = 0.0
    for counts in itertools.product(range(users + 1), repeat=len(parts)):
        if sum(counts) == users:
            ways = math.factorial(users) / math.prod(map(math.factorial, counts))
            chance = ways * math.prod(
                part**count for part, count in zip(parts, counts, strict=True)
            )
            mean += chance * math.exp(log_bayes_factor(counts, parts))
    assert mean == pytest.approx(1)


def test_daily_looks_raise_few_false_alarms() -> None:
    random = np.random.default_rng(1)
    alarms = 0
    for _ in range(1_000):
        first = random.binomial(400, 0.5, 40)
        by_day = np.cumsum([first, 400 - first], axis=1).T.tolist()
        alarms += any(mismatch_p_value([(counts, (0.5, 0.5))]) <= 0.05 for counts in by_day)
    assert alarms <= 50


def test_users_lost_in_one_arm_are_found() -> None:
    assert mismatch_p_value([((10_000, 9_300), (0.5, 0.5))]) < 0.001
    assert mismatch_p_value([((10_000, 9_990), (0.5, 0.5))]) == 1
    # With shares that changed, each time is judged by its own.
    assert mismatch_p_value([((5_000, 5_020), (1, 1)), ((1_000, 9_010), (0.1, 0.9))]) == 1


def test_shares_need_not_sum_to_1() -> None:
    assert log_bayes_factor((700, 300), (2, 1)) == pytest.approx(
        log_bayes_factor((700, 300), (2 / 3, 1 / 3))
    )
