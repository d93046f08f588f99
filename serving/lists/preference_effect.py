"""What preferences make of blended scores. Pure.

With `u = blended^(1/sharpness)`, in [0, 1], `M` how much what the user wants more of concerns an
item and `L` the same of less:

    lifted  = 1 - (1 - u) * (1 - LIFT)^min(M, 2)
    moved   = lifted * (1 - DROP)^min(L, 2)
    blended = moved^sharpness

So a score stays in [0, 1], what no preference concerns keeps it to the last bit, and it does not
matter in which order preferences were stored. `u` is what a score is before it is sharpened: an
effect is the same whatever the sharpness.
"""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

LIFT = 0.75
"""What one preference for more takes of the way to the top."""
DROP = 0.5
"""What one preference for less takes of a score."""
MOST_TOGETHER = 2.0
"""Any number of preferences moves an item no more than so many do that concern it wholly."""
HALF_RANK = 5.0
"""Of a category or a value the best item is lifted wholly, and one so many ranks below half as
much: more of something does not mean all of it."""
HALF_RANK_OF_OTHERS = 20.0
"""The same of what takes the place of what is wanted less, where no source has other things."""
LEAST_NEAREST = 0.1
"""What is less similar to an item is not like it, even if nothing is more similar."""


def by_rank(
    concerned: NDArray[np.bool_],
    u: Floats,
    places: NDArray[np.integer],
    half_rank: float = HALF_RANK,
) -> Floats:
    """How much more of a category or a value moves each item, (n,) in [0, 1].

    The best of what it concerns the most; of equal scores `u` (n,) the lower of `places` (n,).
    """
    degrees = np.zeros(len(u))
    (found,) = np.nonzero(concerned)
    best_first = found[np.lexsort((places[found], -u[found]))]
    # 2^(-rank / half_rank)
    degrees[best_first] = 2.0 ** (-np.arange(len(best_first)) / half_rank)
    return degrees


def by_similarity(similarities: Floats, itself: NDArray[np.bool_]) -> Floats:
    """How much more or less of an item moves each item, (n,) in [0, 1].

    `similarities` (n,) to the item, at most 1; `itself` (n,) says which it is.
    """
    others = np.where(itself, 0.0, similarities)
    nearest = max(float(others.max(initial=0.0)), LEAST_NEAREST)
    # (similarity / that of the nearest)^2: how similar the nearest are differs between catalogues
    degrees = np.clip(others / nearest, 0.0, 1.0) ** 2
    return np.asarray(np.where(itself, 1.0, degrees))


def moved(blended: Floats, sharpness: float, more: Floats, less: Floats) -> Floats:
    """Blended scores (n,) as preferences leave them.

    `more` (k, n), `less` (l, n): how much each preference moves each item, in [0, 1].
    """
    up, down = _together(more), _together(less)
    concerned = (up > 0.0) | (down > 0.0)
    u = np.clip(blended[concerned], 0.0, 1.0) ** (1.0 / sharpness)
    # lifted = 1 - (1 - u) * (1 - LIFT)^min(M, 2)
    lifted = 1.0 - (1.0 - u) * (1.0 - LIFT) ** up[concerned]
    scores = blended.copy()
    # moved = lifted * (1 - DROP)^min(L, 2)
    scores[concerned] = (lifted * (1.0 - DROP) ** down[concerned]) ** sharpness
    return scores


def _together(degrees: Floats) -> Floats:
    # In order of size: sums of floats depend on the order of their terms.
    return np.asarray(np.minimum(np.sort(degrees, axis=0).sum(axis=0), MOST_TOGETHER))
