"""Whether users came into the arms in the shares they were assigned with.

If not, users were lost on the way in one arm more than in another, and a comparison of the arms
compares different users: the first thing to look at in any experiment.
"""

import math
from collections.abc import Sequence

Counts = Sequence[int]
Shares = Sequence[float]

CONCENTRATION = 1_000
"""How near the assigned shares a mismatch is expected: half a share of .5 within about .016."""


def log_bayes_factor(counts: Counts, shares: Shares) -> float:
    """Log of how much better other shares explain `counts` (arms,) than `shares` (arms,), above 0.

    The sequential test of Lindon and Malek, "Anytime-Valid Inference for Multinomial Count Data"
    (NeurIPS 2022): a Dirichlet prior around the shares against the shares themselves. With the
    shares as assigned, exp of it is a martingale that begins at 1, so that the probability that it
    ever reaches 1 / alpha is at most alpha, however often it is looked at.
    """
    total_share = sum(shares)
    expected = [share / total_share for share in shares]
    prior = [CONCENTRATION * share for share in expected]
    # Gamma(A) / Gamma(A + n) * prod Gamma(a_i + n_i) / Gamma(a_i) / prod share_i ^ n_i
    found = math.lgamma(CONCENTRATION) - math.lgamma(CONCENTRATION + sum(counts))
    for count, share, weight in zip(counts, expected, prior, strict=True):
        found += math.lgamma(weight + count) - math.lgamma(weight) - count * math.log(share)
    return found


def mismatch_p_value(strata: Sequence[tuple[Counts, Shares]]) -> float:
    """How likely, at most, counts this far from the shares are if all is well: in (0, 1].

    Each stratum has the counts and the shares of the time in which these were in force; the product
    of their martingales is one too. It may be looked at at any time.
    """
    found = sum(log_bayes_factor(counts, shares) for counts, shares in strata)
    return math.exp(-max(found, 0.0))
