"""Few points that stand for many: farthest-first traversal."""

import numpy as np
from numpy.typing import NDArray


def farthest_first(vectors: NDArray[np.float32], first: int, count: int) -> NDArray[np.intp]:
    """Rows of `vectors` (n, d), up to `count` distinct ones, each the farthest from those before.

    It begins with the row `first`. Far is 1 - cosine to the nearest of those chosen, in [0, 2]; a
    vector of zeros is at 1 from all. Of rows as far the earlier one is taken. However many are
    taken, the first k are the same, and none of the others is farther from them than the last of
    them was (Gonzalez 1985).
    """
    most = min(count, len(vectors))
    if most <= 0:
        return np.empty(0, dtype=np.intp)
    directions = _directions(vectors)
    chosen = np.empty(most, dtype=np.intp)
    nearest = np.full(len(vectors), np.inf)
    for index in range(most):
        chosen[index] = first if index == 0 else int(np.argmax(nearest))
        nearest = np.minimum(nearest, 1.0 - directions @ directions[chosen[index]])
        nearest[chosen[: index + 1]] = -np.inf
    return chosen


def _directions(vectors: NDArray[np.float32]) -> NDArray[np.float64]:
    """The vectors at length 1; those of zeros stay."""
    wide = vectors.astype(np.float64)
    lengths = np.linalg.norm(wide, axis=1, keepdims=True)
    return np.asarray(np.divide(wide, lengths, out=np.zeros_like(wide), where=lengths > 0))
