"""Comparing two ways on the same validation events, users being what varies."""

import numpy as np
from numpy.typing import NDArray


def paired_difference(
    gains: NDArray[np.float64], others: NDArray[np.float64], user_nos: NDArray[np.integer]
) -> tuple[float, float]:
    """The mean of `gains - others`, all (n,), and its standard error.

    Events of one user vary together: the error is that of a sum over users (Liang and Zeger 1986,
    with independent users as clusters).
    """
    differences = gains - others
    mean = float(differences.mean())
    _, users = np.unique(user_nos, return_inverse=True)
    by_user = np.bincount(users, weights=differences - mean)
    return mean, float(np.sqrt((by_user**2).sum()) / len(differences))
