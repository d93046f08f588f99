"""Bootstrap intervals: how far a mean over users would move if other users had come."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

RESAMPLES = 1_000
LEVEL = 0.95

_DRAWS_AT_ONCE = 2_000_000


@dataclass(frozen=True, slots=True)
class Interval:
    """A mean and the bounds between which it lies with the probability `LEVEL`."""

    mean: float
    low: float
    high: float


def intervals(values: NDArray[np.float64], seed: int) -> list[Interval]:
    """The interval of the mean of each column of `values` (n, m), n at least 1 user.

    Percentiles of the means of `RESAMPLES` samples of n users drawn with replacement (Efron 1979).
    All columns share the samples; the same seed gives the same intervals.
    """
    means = np.concatenate(list(_resampled_means(values, np.random.default_rng(seed))))
    tail = (1.0 - LEVEL) / 2.0
    low, high = np.quantile(means, [tail, 1.0 - tail], axis=0)
    columns = zip(values.mean(axis=0), low, high, strict=True)
    return [Interval(*map(float, column)) for column in columns]


def clustered_interval(
    values: NDArray[np.float64], clusters: NDArray[np.integer], seed: int
) -> Interval:
    """The interval of the mean of `values` (n,) of which those of one cluster go together.

    `clusters` (n,) says whose each value is, such as user numbers; n at least 1. Clusters are drawn
    with replacement, each with all its values, and a sample's mean is the sum of its values by
    their number (the cluster bootstrap; Davison and Hinkley 1997, section 3.8): what one user does
    is alike, so that many values of few users tell less than as many of many.
    """
    index = np.unique(clusters, return_inverse=True)[1]
    sums, sizes = np.bincount(index, weights=values), np.bincount(index)
    parts = _resampled_means(np.column_stack([sums, sizes]), np.random.default_rng(seed))
    sampled = np.concatenate(list(parts))
    tail = (1.0 - LEVEL) / 2.0
    low, high = np.quantile(sampled[:, 0] / sampled[:, 1], [tail, 1.0 - tail])
    return Interval(float(values.mean()), float(low), float(high))


def _resampled_means(
    values: NDArray[np.float64], random: np.random.Generator
) -> Iterator[NDArray[np.float64]]:
    """Means (s, m) of the samples, as many of them at a time as fit in a little memory."""
    n = len(values)
    at_once = max(1, _DRAWS_AT_ONCE // n)
    for start in range(0, RESAMPLES, at_once):
        samples = min(at_once, RESAMPLES - start)
        drawn = random.integers(n, size=(samples, n)) + n * np.arange(samples)[:, None]
        # How often each user was drawn is all a mean needs of a sample.
        counts = np.bincount(drawn.ravel(), minlength=samples * n).reshape(samples, n)
        yield counts @ values / n
