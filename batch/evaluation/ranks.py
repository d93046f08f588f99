"""Metrics of one wanted item each time: the rank it had in a list. Pure; one number a moment.

Ranks are counted from 0; an item that the list does not hold has a rank beyond every k.
"""

import numpy as np
from numpy.typing import NDArray


def hits_at(ranks: NDArray[np.integer], k: int) -> NDArray[np.float64]:
    """1 where the wanted item stands among the first k, else 0, (n,); their mean is HR@k."""
    return np.asarray((ranks < k).astype(np.float64))


def gains_at(ranks: NDArray[np.integer], k: int) -> NDArray[np.float64]:
    """nDCG@k of each of `ranks` (n,): 1 / log2(rank + 2) among the first k, else 0.

    With one wanted item the ideal DCG is 1 (Jarvelin and Kekalainen 2002).
    """
    near = np.minimum(ranks, k).astype(np.float64)
    return np.asarray(np.where(ranks < k, 1.0 / np.log2(near + 2.0), 0.0))


def inverse_propensities(counts: NDArray[np.integer], power: float) -> NDArray[np.float64]:
    """Weights (n,) of moments whose wanted items had `counts` (n,) interactions in the past.

    What people use they have mostly been shown, and shown is mostly what is popular: an item is
    observed with the propensity `(count / greatest count)^power` (Saito et al. 2020, power 1/2),
    and counts by its inverse. An item without interactions counts as one with a single one.
    """
    return np.asarray(np.maximum(counts, 1).astype(np.float64) ** -power)


def weighted_mean(values: NDArray[np.float64], weights: NDArray[np.float64]) -> float:
    """`sum(w v) / sum(w)` of `values` (n,) and `weights` (n,), n at least 1.

    With inverse propensities as the weights it is the self-normalised estimator of a metric over
    all items as if each had been shown alike (Swaminathan and Joachims 2015; Yang et al. 2018),
    in which the greatest count of the propensity cancels out.
    """
    return float(values @ weights / weights.sum())
