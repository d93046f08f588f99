"""Bootstrap intervals of means over users."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from batch.evaluation import bootstrap
from batch.evaluation.bootstrap import clustered_interval, intervals

FIGURES = st.lists(st.floats(0, 1), min_size=1, max_size=40)
ROUNDING = 1e-12


def column(values: list[float]) -> np.ndarray:
    return np.array(values)[:, None]


@settings(deadline=None, max_examples=30)
@given(values=FIGURES, seed=st.integers(0, 9))
def test_the_interval_holds_the_mean_and_stays_within_the_values(
    values: list[float], seed: int
) -> None:
    (interval,) = intervals(column(values), seed)
    assert interval.mean == pytest.approx(np.mean(values))
    assert interval.low - ROUNDING <= interval.mean <= interval.high + ROUNDING
    assert min(values) - ROUNDING <= interval.low
    assert interval.high <= max(values) + ROUNDING


def test_the_same_seed_gives_the_same_interval_and_another_seed_another() -> None:
    values = np.random.default_rng(1).random((50, 2))
    assert intervals(values, 3) == intervals(values, 3)
    assert intervals(values, 3) != intervals(values, 4)


def test_more_users_narrow_the_interval_as_the_root_of_their_number() -> None:
    random = np.random.default_rng(2)
    (few,), (many,) = (intervals(random.random((n, 1)), 0) for n in (100, 2_500))
    assert (few.high - few.low) / (many.high - many.low) == pytest.approx(5.0, rel=0.15)


def test_the_interval_is_as_wide_as_the_normal_one_where_that_holds() -> None:
    values = np.random.default_rng(3).normal(0.4, 0.1, (1_000, 1))
    (interval,) = intervals(values, 0)
    expected = 2 * 1.96 * values.std() / np.sqrt(len(values))
    assert interval.high - interval.low == pytest.approx(expected, rel=0.1)


@settings(deadline=None, max_examples=20)
@given(values=FIGURES)
def test_the_paired_difference_of_equal_figures_is_exactly_0(values: list[float]) -> None:
    (interval,) = intervals(column(values) - column(values), 5)
    assert (interval.mean, interval.low, interval.high) == (0.0, 0.0, 0.0)


def test_samples_drawn_in_parts_are_as_many(monkeypatch: pytest.MonkeyPatch) -> None:
    values = np.random.default_rng(4).random((30, 1))
    (whole,) = intervals(values, 0)
    monkeypatch.setattr(bootstrap, "_DRAWS_AT_ONCE", 30 * 7)
    means = np.concatenate(list(bootstrap._resampled_means(values, np.random.default_rng(0))))
    assert means.shape == (bootstrap.RESAMPLES, 1)
    assert intervals(values, 0) == [whole]


def test_values_in_clusters_of_one_have_the_interval_of_their_mean() -> None:
    values = np.random.default_rng(6).random(80)
    (plain,) = intervals(column(values.tolist()), 1)
    clustered = clustered_interval(values, np.arange(80), 1)
    assert clustered.mean == pytest.approx(plain.mean)
    assert (clustered.low, clustered.high) == pytest.approx((plain.low, plain.high))


def test_equal_values_in_clusters_widen_the_interval_by_the_root_of_their_size() -> None:
    values = np.repeat(np.random.default_rng(7).random(100), 9)
    apart = clustered_interval(values, np.arange(900), 2)
    together = clustered_interval(values, np.repeat(np.arange(100), 9), 2)
    ratio = (together.high - together.low) / (apart.high - apart.low)
    assert ratio == pytest.approx(3.0, rel=0.15)


def test_a_cluster_weighs_as_much_as_it_has_values() -> None:
    interval = clustered_interval(np.array([1.0, 1.0, 1.0, 0.0]), np.array([5, 5, 5, 9]), 0)
    assert interval.mean == pytest.approx(0.75)
    assert (interval.low, interval.high) == (0.0, 1.0)
