"""What preferences make of blended scores. Pure.

With `u = blended^(1/sharpness)`, in [0, 1], `M` how much what the user wants more of concerns an
item and `L` the same of less:

    lifted  = 1 - (1 - u) * (1 - STRENGTH)^min(M, 2)
    moved   = lifted * (1 - STRENGTH)^min(L, 2)
    blended = moved^sharpness

So a score stays in [0, 1], what no preference concerns keeps it to the last bit, and it does not
matter in which order preferences were stored. `u` is what a score is before it is sharpened: an
effect is the same whatever the sharpness.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

STRENGTH = 0.75
"""What one preference takes of the way to the top, or of a score."""
MOST_TOGETHER = 2.0
"""Any number of preferences moves an item no more than so many do that concern it wholly."""
HALF_RANK = 10.0
"""Of a category or a value the best item is lifted wholly, and one so many ranks below half as
much: more of something does not mean all of it."""


def effective(matches: Floats, u: Floats, orders: Sequence[NDArray[np.integer] | None]) -> Floats:
    """How much each preference moves each item, (k, n) in [0, 1], of what it concerns (k, n).

    `orders`: of a preference that lifts the best of what it concerns the places (n,) of the items
    in an order that decides between equal scores; None: it moves all it concerns as much.
    """
    degrees = np.clip(matches, 0.0, 1.0)
    for row, places in enumerate(orders):
        if places is None:
            continue
        (concerned,) = np.nonzero(degrees[row])
        best_first = concerned[np.lexsort((places[concerned], -u[concerned]))]
        degrees[row, best_first] *= 2.0 ** (-np.arange(len(best_first)) / HALF_RANK)
    return degrees


def moved(blended: Floats, sharpness: float, more: Floats, less: Floats) -> Floats:
    """Blended scores (n,) as preferences leave them.

    `more` (k, n), `less` (l, n): how much each preference moves each item, in [0, 1].
    """
    up, down = _together(more), _together(less)
    concerned = (up > 0.0) | (down > 0.0)
    u = np.clip(blended[concerned], 0.0, 1.0) ** (1.0 / sharpness)
    # lifted = 1 - (1 - u) * (1 - STRENGTH)^min(M, 2)
    lifted = 1.0 - (1.0 - u) * (1.0 - STRENGTH) ** up[concerned]
    scores = blended.copy()
    # moved = lifted * (1 - STRENGTH)^min(L, 2)
    scores[concerned] = (lifted * (1.0 - STRENGTH) ** down[concerned]) ** sharpness
    return scores


def _together(degrees: Floats) -> Floats:
    # In order of size: sums of floats depend on the order of their terms.
    return np.asarray(np.minimum(np.sort(degrees, axis=0).sum(axis=0), MOST_TOGETHER))
