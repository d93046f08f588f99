"""Diversity: of the best items, an order in which like does not follow like.

Maximal marginal relevance (Carbonell and Goldstein 1998): each position has the item with most of

    (1 - diversity) * relevance - diversity * similarity

`relevance` is the item's score divided by the best one. `similarity` is the cosine between its
vector and that of the chosen item it is most similar to, to the power of four with its sign kept:
it is for what is nearly the same to give way, not for what is of the same kind. Serving and replay
call the same function.
"""

import numpy as np
from numpy.typing import NDArray

POOL = 4
"""So many times as many items as a list has positions are looked at."""

Floats = NDArray[np.float64]


def diverse_order(
    item_nos: NDArray[np.integer],
    scores: NDArray[np.floating],
    vectors: NDArray[np.floating],
    diversity: float,
    positions: int,
) -> NDArray[np.intp]:
    """The rows (n,) of items in their new order; those that get no position follow as they stood.

    `item_nos` (n,) are distinct, `scores` (n,) fall and are not negative, `vectors` (n, d) may be
    of any length; a vector of zeros is like no other. `diversity` in [0, 1]: 0 leaves the order as
    it is, 1 takes the item farthest from all before. The first stays the first. Ties go to the
    lowest item number.
    """
    count = len(item_nos)
    if diversity <= 0.0 or not count:
        return np.arange(count)
    # The first of several best is found below: the one with the lowest number.
    by_number = np.argsort(item_nos)
    first = int(np.flatnonzero(by_number == 0)[0])
    units = _units(vectors[by_number])
    best = float(scores[0])
    relevance = scores[by_number] / best if best > 0.0 else np.zeros(count)
    chosen = by_number[_greedy(relevance, units, diversity, first, positions)]
    others = np.ones(count, dtype=bool)
    others[chosen] = False
    return np.concatenate([chosen, np.flatnonzero(others)])


def _greedy(
    relevance: NDArray[np.floating], units: Floats, diversity: float, first: int, positions: int
) -> list[int]:
    """Rows one after the other, each with the most relevance beyond similarity to those before."""
    left = (1.0 - diversity) * relevance
    nearest = np.full(len(relevance), -1.0)
    gains = np.empty(len(relevance))
    chosen = [first]
    while len(chosen) < min(positions, len(relevance)):
        left[chosen[-1]] = -np.inf
        # The largest cosine is the largest similarity too, which rises with it. All pairs at once
        # would be a product large enough for several threads to wait for each other.
        np.maximum(nearest, units @ units[chosen[-1]], out=nearest)
        # similarity = sign(cos) * |cos|^4
        np.multiply(nearest, nearest, out=gains)
        np.multiply(gains, gains, out=gains)
        np.copysign(gains, nearest, out=gains)
        np.multiply(gains, diversity, out=gains)
        np.subtract(left, gains, out=gains)
        chosen.append(int(gains.argmax()))
    return chosen


def _units(vectors: NDArray[np.floating]) -> Floats:
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(vectors / np.where(lengths > 0.0, lengths, 1.0), dtype=np.float64)
