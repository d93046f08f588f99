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
