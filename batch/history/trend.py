"""The trend: how much an item is used lately."""

import numpy as np
from numpy.typing import NDArray

from batch.history.interactions import Interactions


def trend(
    interactions: Interactions,
    item_nos: NDArray[np.int32],
    as_of: np.datetime64,
    half_life_days: float,
) -> NDArray[np.float64]:
    """log(1 + liking interactions, each counted by its age) of `item_nos` (i,), which rise.

    The 1 keeps an item with a single recent interaction from outranking all others.
    """
    recent = np.zeros(len(item_nos))
    for chosen in interactions.slices():
        part = interactions.where(chosen)
        liked = part.where(part.weights() > 0.0)
        weights = 0.5 ** (liked.ages_days(as_of) / half_life_days)
        columns = np.searchsorted(item_nos, liked.item_nos)
        recent += np.bincount(columns, weights, minlength=len(item_nos))
    return np.asarray(np.log1p(recent))
