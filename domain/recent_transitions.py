"""Recent transitions: what has come next since the night, between users' interactions.

A run's transitions know the log up to its cut-off. What has followed what since then gives rows of
the same kind, which are added to them: the row of item k says what each item j gains,

    recent[k, j] = w * c_kj / (p + sum over j of c_kj)

where c_kj counts how often j came within `WINDOW` positions after k, a pair at distance d as
d^-1/2, and only if j is new since the cut-off. With the pseudo-count p an item that was followed
once says little. They begin anew with each run, and are the same for all users.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Self

import numpy as np
from numpy.typing import NDArray

from domain.transitions import NO_TRANSITIONS, Transitions

WINDOW = 5
"""How many positions apart two items of a history still are a pair."""
MOST_EVENTS = 50_000
"""So many events since the cut-off are learned from, the newest."""
DISTANCE_EXPONENT = 0.5
PSEUDO_COUNT = 30.0
MOST_NEXT = 100
"""So many of the items that come after one are kept, the best."""


def _no_items() -> NDArray[np.int32]:
    return np.empty(0, dtype=np.int32)


@dataclass(frozen=True, slots=True)
class Pairs:
    """What came shortly after what; all arrays are (n,)."""

    item_nos: NDArray[np.int32] = field(default_factory=_no_items)
    next_item_nos: NDArray[np.int32] = field(default_factory=_no_items)
    counts: NDArray[np.float64] = field(default_factory=lambda: np.empty(0))

    @classmethod
    def joined(cls, pairs: Iterable["Pairs"]) -> Self:
        """All of them."""
        several = [each for each in pairs if len(each.item_nos)]
        if not several:
            return cls()
        return cls(
            np.concatenate([each.item_nos for each in several]),
            np.concatenate([each.next_item_nos for each in several]),
            np.concatenate([each.counts for each in several]),
        )


def pairs_of(
    user_nos: NDArray[np.int32], item_nos: NDArray[np.int32], is_new: NDArray[np.bool_]
) -> tuple[Pairs, NDArray[np.intp]]:
    """Pairs (n,) whose later item is new, and where that item stands.

    Given (m,) are items that users liked, one user's after another's, each user's oldest first.
    """
    found, places = [], [np.empty(0, dtype=np.intp)]
    for distance in range(1, min(WINDOW, len(item_nos) - 1) + 1):
        kept = np.flatnonzero(
            (user_nos[:-distance] == user_nos[distance:])
            & is_new[distance:]
            & (item_nos[:-distance] != item_nos[distance:])
        )
        counts = np.full(len(kept), distance**-DISTANCE_EXPONENT)
        found.append(Pairs(item_nos[kept], item_nos[kept + distance], counts))
        places.append(kept + distance)
    return Pairs.joined(found), np.concatenate(places)


def recent_transitions(pairs: Pairs, weight: float) -> Transitions:
    """The rows that pairs make, the weight in their scores; nothing where it is 0."""
    if weight == 0.0 or not len(pairs.item_nos):
        return NO_TRANSITIONS
    items, nexts, counts = _summed_cells(pairs.item_nos, pairs.next_item_nos, pairs.counts)
    begins = np.flatnonzero(np.diff(items, prepend=-1))
    lengths = np.diff(begins, append=len(items))
    totals = np.repeat(np.add.reduceat(counts, begins), lengths)
    scores = weight * counts / (PSEUDO_COUNT + totals)
    best = np.lexsort((nexts, -scores, items))
    ranks = np.arange(len(items)) - np.repeat(begins, lengths)
    kept = np.sort(best[ranks < MOST_NEXT])
    return _rows(items[kept], nexts[kept], scores[kept])


def added(first: Transitions, second: Transitions) -> Transitions:
    """The sum of two matrices, those rows of it that either has."""
    if not len(second):
        return first
    if not len(first):
        return second
    both = [(np.repeat(each.item_nos, np.diff(each.starts)), each) for each in (first, second)]
    cells = _summed_cells(
        np.concatenate([items for items, _ in both]),
        np.concatenate([each.next_item_nos for _, each in both]),
        np.concatenate([each.scores.astype(np.float64) for _, each in both]),
    )
    return _rows(*cells)


def _summed_cells(
    items: NDArray[np.int32], nexts: NDArray[np.int32], numbers: NDArray[np.float64]
) -> tuple[NDArray[np.int32], NDArray[np.int32], NDArray[np.float64]]:
    """The distinct cells of a matrix in the order of rows and columns, and their sums."""
    order = np.lexsort((nexts, items))
    items, nexts, numbers = items[order], nexts[order], numbers[order]
    is_first = (np.diff(items, prepend=-1) != 0) | (np.diff(nexts, prepend=-1) != 0)
    begins = np.flatnonzero(is_first)
    return items[begins], nexts[begins], np.add.reduceat(numbers, begins)


def _rows(
    items: NDArray[np.int32], nexts: NDArray[np.int32], scores: NDArray[np.float64]
) -> Transitions:
    """Cells in the order of rows as transitions."""
    begins = np.flatnonzero(np.diff(items, prepend=-1))
    return Transitions(
        items[begins].astype(np.int32),
        np.append(begins, len(items)).astype(np.int64),
        nexts.astype(np.int32),
        scores.astype(np.float32),
    )
