"""The interval of a difference: by properties, and against figures that others computed."""

import math
from dataclasses import fields

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from serving.experiments.statistics import (
    FEWEST_ACTING,
    FEWEST_USERS,
    arm_means,
    boundary,
    difference,
    users_until,
)
from serving.experiments.sums import Floats, Sums

ALPHA = 0.05
levels = st.floats(0.001, 0.5)
numbers = st.floats(10, 1e7)
seeds = st.integers(0, 2**32)


def users(seed: int, mean: float = 1.0, number: int = 600) -> tuple[Floats, Floats]:
    """Outcomes of which many are 0, and earlier activity that foretells them."""
    random = np.random.default_rng(seed)
    inclination = random.gamma(0.7, 1 / 0.7, number)
    return (
        random.poisson(mean * inclination).astype(np.float64),
        random.poisson(6 * inclination).astype(np.float64),
    )


def joined(*parts: Sums) -> Sums:
    """Strata side by side."""
    names = [field.name for field in fields(Sums)]
    return Sums(*(np.concatenate([getattr(part, name) for part in parts]) for name in names))


# Half widths in standard deviations by the package ville 0.1.0, which finds the same mixture by
# numerical minimization: `normal_mixture(n, alpha, best_rho(tuned_to, alpha)) / n`.
@pytest.mark.parametrize(
    ("alpha", "tuned_to", "expected"),
    [
        (0.05, 500, [0.33470565178, 0.09689228423, 0.02431549426, 0.00396219328]),
        (0.05, 10_000, [0.89438054856, 0.12090080239, 0.02166577367, 0.00356635850]),
        (0.01, 500, [0.38537236154, 0.11374230709, 0.02774744540, 0.00439050114]),
        (0.01, 10_000, [0.94133076856, 0.13595291540, 0.02543355304, 0.00403665757]),
    ],
)
def test_the_boundary_is_that_of_another_implementation(
    alpha: float, tuned_to: float, expected: list[float]
) -> None:
    found = [boundary(n, alpha=alpha, tuned_to=tuned_to) for n in (100, 1000, 20_000, 1_000_000)]
    assert found == pytest.approx(expected, rel=2e-5)


@given(numbers, levels)
def test_the_boundary_is_narrowest_where_it_is_tuned_to(tuned_to: float, alpha: float) -> None:
    best = boundary(tuned_to, alpha=alpha, tuned_to=tuned_to)
    for other in (tuned_to / 3, tuned_to / 1.05, tuned_to * 1.05, tuned_to * 3):
        assert best <= boundary(tuned_to, alpha=alpha, tuned_to=other) * (1 + 1e-12)


@given(numbers, numbers, levels)
def test_the_boundary_falls_with_users_and_is_wider_than_that_of_one_look(
    number: float, tuned_to: float, alpha: float
) -> None:
    now = boundary(number, alpha=alpha, tuned_to=tuned_to)
    assert boundary(number * 1.1, alpha=alpha, tuned_to=tuned_to) < now
    # P(|Z| > z) <= 2 exp(-z^2 / 2): what a single look needs at least.
    assert now > math.sqrt(2 * math.log(1 / alpha) / number)


def test_looking_at_every_user_of_a_random_walk_keeps_the_level() -> None:
    # The probability of ever leaving is alpha itself; up to 20,000 steps it is a little less.
    walks = np.random.default_rng(0).standard_normal((1_000, 20_000)).cumsum(axis=1)
    steps = np.arange(1, 20_001)
    bounds = [n * boundary(n, alpha=ALPHA, tuned_to=500) for n in steps.tolist()]
    left = (np.abs(walks) > bounds).any(axis=1).mean()
    assert 0.015 < left < ALPHA


@given(seeds)
def test_without_earlier_activity_it_is_the_difference_of_means_with_welchs_error(
    seed: int,
) -> None:
    (first, _), (second, _) = users(seed), users(seed + 1, 1.3, 900)
    nothing = Sums.of(first, np.zeros(600)), Sums.of(second, np.zeros(900))
    found = difference(*nothing, alpha=ALPHA, tuned_to=1000)
    error = math.sqrt(first.var(ddof=1) / 600 + second.var(ddof=1) / 900)
    assert found.mean == pytest.approx(second.mean() - first.mean())
    assert found.deviation == pytest.approx(error * math.sqrt(1500))
    assert found.high - found.mean == pytest.approx(
        found.deviation * boundary(1500, alpha=ALPHA, tuned_to=1000)
    )


@given(seeds)
def test_earlier_activity_leaves_what_is_not_correlated_with_it(seed: int) -> None:
    first, second = users(seed, number=4000), users(seed + 1, number=4000)
    found = difference(Sums.of(*first), Sums.of(*second), alpha=ALPHA, tuned_to=1000)
    # Pooled within arms, as the slope is.
    centred = [
        np.concatenate([a - a.mean(), b - b.mean()]) for a, b in zip(first, second, strict=True)
    ]
    correlation = np.corrcoef(*centred)[0, 1]
    assert found.variance_ratio == pytest.approx(1 - correlation**2, rel=1e-6)


@given(seeds)
def test_swapping_arms_turns_the_interval(seed: int) -> None:
    first, second = Sums.of(*users(seed)), Sums.of(*users(seed + 1))
    there = difference(first, second, alpha=ALPHA, tuned_to=1000)
    back = difference(second, first, alpha=ALPHA, tuned_to=1000)
    assert (there.low, there.high) == pytest.approx((-back.high, -back.low))


@given(seeds, st.floats(0.1, 100))
def test_the_unit_of_the_outcome_only_scales_the_interval(seed: int, unit: float) -> None:
    (first, before), (second, earlier) = users(seed), users(seed + 1)
    plain = difference(Sums.of(first, before), Sums.of(second, earlier), alpha=ALPHA, tuned_to=1000)
    scaled = difference(
        Sums.of(first * unit, before), Sums.of(second * unit, earlier), alpha=ALPHA, tuned_to=1000
    )
    assert (scaled.low, scaled.high) == pytest.approx((plain.low * unit, plain.high * unit))


def test_strata_keep_times_from_being_taken_for_arms() -> None:
    # Nobody does more in an arm, but everybody does in the second half, when most users got the
    # second arm.
    parts = [(2000, 1.0), (400, 3.0)], [(400, 1.0), (2000, 3.0)]
    made = [[users(7 * n + size, mean, size) for size, mean in arm] for n, arm in enumerate(parts)]
    first, second = (joined(*(Sums.of(*half) for half in arm)) for arm in made)
    apart = difference(first, second, alpha=ALPHA, tuned_to=1000)
    assert apart.low < 0 < apart.high
    together = [
        Sums.of(*(np.concatenate(column) for column in zip(*arm, strict=True))) for arm in made
    ]
    assert difference(*together, alpha=ALPHA, tuned_to=1000).low > 0


def test_a_stratum_without_users_of_one_arm_changes_nothing() -> None:
    first, second = Sums.of(*users(1)), Sums.of(*users(2))
    more, none = Sums.of(*users(3)), Sums(*np.zeros((7, 1)))
    assert difference(
        joined(first, more), joined(second, none), alpha=ALPHA, tuned_to=1000
    ) == difference(first, second, alpha=ALPHA, tuned_to=1000)


def test_there_is_no_interval_with_few_users_or_few_who_did_anything() -> None:
    many = Sums.of(*users(1))
    few = Sums.of(*users(2, number=FEWEST_USERS - 1))
    idle = np.zeros(600)
    idle[: FEWEST_ACTING - 1] = 1
    for other in (few, Sums.of(idle, np.zeros(600)), Sums(*np.zeros((7, 1)))):
        for pair in ((many, other), (other, many)):
            found = difference(*pair, alpha=ALPHA, tuned_to=1000)
            assert (found.low, found.high) == (-math.inf, math.inf)
            assert not found.is_known


@given(st.floats(0.01, 1), st.floats(0.1, 10), numbers)
def test_the_number_of_users_it_takes_is_where_the_width_is_reached(
    half_width: float, deviation: float, tuned_to: float
) -> None:
    needed = users_until(half_width, deviation, alpha=ALPHA, tuned_to=tuned_to)
    assert deviation * boundary(needed, alpha=ALPHA, tuned_to=tuned_to) <= half_width
    if needed > 2:
        sooner = deviation * boundary(needed / 1.01, alpha=ALPHA, tuned_to=tuned_to)
        assert sooner > half_width


def test_a_difference_that_nobody_lives_to_see_takes_for_ever() -> None:
    assert users_until(1e-9, 1.0, alpha=ALPHA, tuned_to=1000) == math.inf


def test_means_of_arms_weigh_strata_alike() -> None:
    low, high = (np.ones(200), np.zeros(200)), (np.full(600, 3.0), np.zeros(600))
    first = joined(Sums.of(*low), Sums.of(*(column[:200] for column in high)))
    second = joined(Sums.of(*(column[:100] for column in low)), Sums.of(*high))
    means, errors = arm_means([first, second])
    assert means == pytest.approx([(300 * 1 + 800 * 3) / 1100] * 2)
    assert errors == pytest.approx([0, 0])
