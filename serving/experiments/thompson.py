"""Shares of arms that follow the evidence (Thompson sampling), within bounds."""

from collections.abc import Sequence

import numpy as np

from serving.experiments.statistics import arm_means
from serving.experiments.sums import Floats, Sums

SMALLEST_SHARE = 0.1
"""Of every arm: what is never tried is never known, and strata need users of all arms."""
LARGEST_STEP = 0.1
"""How far a share moves at once, so that few users change arms."""
_DRAWS = 20_000


def best_probabilities(arms: Sequence[Sums], seed: int, *, less_is_better: bool = False) -> Floats:
    """How probable it is of each arm that its mean outcome is the best: (arms,), sums to 1.

    Thompson (1933), with the means normally distributed about what was found, as they are with many
    users. While an arm has fewer than two users in every stratum all are as probable.
    """
    means, errors = arm_means(list(arms))
    if not np.isfinite(errors).all():
        return np.full(len(arms), 1 / len(arms))
    random = np.random.default_rng(seed)
    drawn = means + np.sqrt(errors) * random.standard_normal((_DRAWS, len(arms)))
    drawn = -drawn if less_is_better else drawn
    # Equal draws, as of arms in which nobody did anything, are nobody's victory.
    best = drawn == drawn.max(axis=1, keepdims=True)
    probabilities: Floats = (best / best.sum(axis=1, keepdims=True)).mean(axis=0)
    return probabilities


def next_shares(shares: Floats, probabilities: Floats) -> Floats:
    """The shares (arms,) after one step from `shares` towards `probabilities`; they sum to 1.

    No share moves by more than `LARGEST_STEP`, or below `SMALLEST_SHARE`; with more arms than that
    allows, all shares are equal.
    """
    smallest = min(SMALLEST_SHARE, 1 / len(shares))
    # What all arms have for certain is taken off, and the rest goes by probability.
    wanted = smallest + (1 - smallest * len(shares)) * probabilities
    step = wanted - shares
    # One factor for all keeps the sum.
    return shares + step * LARGEST_STEP / max(float(np.abs(step).max()), LARGEST_STEP)
