"""How much one arm brings more than another: an interval that may be looked at at any time.

Every user counts once, when the window after the first exposure is over. The users whose windows
are over are therefore a sequence that only ever grows, and an interval that covers the difference
at all lengths of the sequence at once covers it however often, and whenever, somebody looks.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from serving.experiments.sums import Floats, Sums

FEWEST_USERS = 100
FEWEST_ACTING = 25
"""In each arm, before there is an interval: what holds for many users does not yet hold."""
_PRECISION = 0.001


@dataclass(frozen=True, slots=True)
class Difference:
    """Mean outcome of one arm less that of another, per user, with its confidence sequence.

    `low` and `high` are infinite while too few users are known. `deviation`: the standard deviation
    of what one user adds to the estimate. `variance_ratio`: the variance with earlier activity
    taken into account divided by that without, at most about 1.
    """

    mean: float
    low: float
    high: float
    users: int
    deviation: float
    variance_ratio: float

    @property
    def is_known(self) -> bool:
        """Whether there is an interval yet."""
        return math.isfinite(self.high)

    @property
    def is_decided(self) -> bool:
        """Whether the interval excludes 0."""
        return self.low > 0 or self.high < 0


def boundary(users: float, *, alpha: float, tuned_to: float) -> float:
    """Half the width of the interval after `users` users, in standard deviations.

    The normal mixture of Robbins (1970) with an estimated deviation: Waudby-Smith, Arbour, Sinha,
    Kennedy and Ramdas, "Time-uniform central limit theory and asymptotic confidence sequences"
    (Annals of Statistics 2024), theorem 2.2. With probability 1 - `alpha`, in (0, 1), a mean of
    unit variance stays within it at all numbers of users. It is narrowest at `tuned_to` users.
    """
    rho_squared = (_mixture_ratio(alpha) - 1) / tuned_to
    scaled = users * rho_squared + 1
    # sqrt( 2 (n rho^2 + 1) / (n^2 rho^2) * log( sqrt(n rho^2 + 1) / alpha ) )
    margin = 2 * scaled / (users**2 * rho_squared) * math.log(math.sqrt(scaled) / alpha)
    return math.sqrt(margin)


def difference(control: Sums, treatment: Sums, *, alpha: float, tuned_to: float) -> Difference:
    """How much more a user of `treatment` does than one of `control`, whose strata are the same.

    Within a stratum arms are compared as they were assigned, and strata weigh by their users, so
    that shares which change do not confuse arms with times. What earlier activity
    foretells is taken out of the outcomes (CUPED; Deng, Xu, Kohavi and Walker 2013), which leaves
    the share 1 - correlation^2 of the variance. This is the doubly robust estimator of the paper
    above (section 3) with a linear model of the outcomes, hence its boundary.
    """
    both = (control.users > 1) & (treatment.users > 1)
    if not both.any():
        return Difference(0.0, -math.inf, math.inf, 0, 0.0, 1.0)
    slope = _slope(control, treatment, both)
    users = np.where(both, control.users + treatment.users, 0.0)
    total = float(users.sum())
    weights = users / total
    mean = float((weights * (_means(treatment, slope) - _means(control, slope))).sum())
    variance = _variance(control, treatment, weights, slope)
    deviation = math.sqrt(total * variance)
    half = deviation * boundary(total, alpha=alpha, tuned_to=tuned_to)
    if not (_has_enough(control, both) and _has_enough(treatment, both)):
        half = math.inf
    plain = _variance(control, treatment, weights, 0.0)
    ratio = variance / plain if plain > 0 else 1.0
    return Difference(mean, mean - half, mean + half, int(total), deviation, ratio)


def users_until(half_width: float, deviation: float, *, alpha: float, tuned_to: float) -> float:
    """How many users it takes until half the interval is no wider than `half_width`; both above 0.

    At least 1; infinite if a lifetime of users does not do.
    """
    low, high = 1.0, 1e12
    if deviation * boundary(high, alpha=alpha, tuned_to=tuned_to) > half_width:
        return math.inf
    # The width falls with every user: halving the logarithm finds the number.
    while high / low > 1 + _PRECISION:
        middle = math.sqrt(low * high)
        if deviation * boundary(middle, alpha=alpha, tuned_to=tuned_to) > half_width:
            low = middle
        else:
            high = middle
    return high


def arm_means(arms: list[Sums]) -> tuple[Floats, Floats]:
    """The mean outcome of each arm and its squared standard error, each (arms,).

    Strata weigh by the users of all arms together. Those in which an arm has fewer than two users
    are left out; without any other the errors are infinite.
    """
    users = np.array([arm.users for arm in arms])
    usable = (users > 1).all(axis=0)
    if not usable.any():
        return np.zeros(len(arms)), np.full(len(arms), math.inf)
    weights = np.where(usable, users.sum(axis=0), 0.0)
    weights /= weights.sum()
    means = np.array([(weights * _means(arm, 0.0)).sum() for arm in arms])
    errors = np.array([(weights**2 * _variances(arm, 0.0)).sum() for arm in arms])
    return means, errors


def _mixture_ratio(alpha: float) -> float:
    """The ratio r = n rho^2 + 1 that is narrowest at n: r - log r = 1 + 2 log(1 / alpha).

    By iteration of r = 1 + 2 log(1 / alpha) + log r, which contracts, as r is above 1.
    """
    start = 1 - 2 * math.log(alpha)
    ratio = start
    for _ in range(50):
        ratio = start + math.log(ratio)
    return ratio


def _slope(control: Sums, treatment: Sums, counted: NDArray[np.bool]) -> float:
    """How much the outcome rises with earlier activity, within arms and strata: cov / var."""
    scatter = (control.earlier_scatter + treatment.earlier_scatter)[counted].sum()
    joint = (control.joint_scatter + treatment.joint_scatter)[counted].sum()
    return float(joint / scatter) if scatter > 0 else 0.0


def _means(arm: Sums, slope: float) -> Floats:
    return (arm.outcome - slope * arm.earlier) / np.maximum(arm.users, 1)


def _variances(arm: Sums, slope: float) -> Floats:
    """The squared standard error of each stratum's mean."""
    scatter = arm.outcome_scatter - 2 * slope * arm.joint_scatter + slope**2 * arm.earlier_scatter
    return np.maximum(scatter, 0.0) / np.maximum(arm.users - 1, 1) / np.maximum(arm.users, 1)


def _variance(control: Sums, treatment: Sums, weights: Floats, slope: float) -> float:
    return float((weights**2 * (_variances(control, slope) + _variances(treatment, slope))).sum())


def _has_enough(arm: Sums, counted: NDArray[np.bool]) -> bool:
    users, acting = arm.users[counted].sum(), arm.acting[counted].sum()
    return bool(users >= FEWEST_USERS and acting >= FEWEST_ACTING)
