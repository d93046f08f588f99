"""Transitions: what comes next after the items that a user has just used.

A run has a sparse matrix B: row k says what the items that most often come after item k gain by it.
The live score of an item j is the inner product of the live vector and the item's vector, and

    following_j = sum over k of v_k * B[k, j]

over the newest items k that the user liked, with the weights v of `sequence_weights`. The speed
worker, publishing and replay call the same function.
"""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from domain.live_vector import (
    History,
    ItemVectors,
    LiveSpace,
    LiveVectorParameters,
    WeighedHistory,
    known_history,
    live_vector_of,
    sequence_weights,
)
from domain.rankings import Ranking

MOST_FOLLOWING = 200
"""As many items, the best, are kept of what follows on a user's history."""
_NUMBERS_A_CELL = 20
"""Of more item numbers than that it is quicker to put those of the cells in order than to count
all."""


def _no_numbers() -> NDArray[np.int32]:
    return np.empty(0, dtype=np.int32)


@dataclass(frozen=True, slots=True)
class Transitions:
    """Rows of a run's transition matrix, those of some items."""

    item_nos: NDArray[np.int32] = field(default_factory=_no_numbers)
    """(n,) rising: the items of the rows."""
    starts: NDArray[np.int64] = field(default_factory=lambda: np.zeros(1, dtype=np.int64))
    """(n + 1,): row r is `starts[r]` to `starts[r + 1]` of the following."""
    next_item_nos: NDArray[np.int32] = field(default_factory=_no_numbers)
    """(m,) the items that come next."""
    scores: NDArray[np.float32] = field(default_factory=lambda: np.empty(0, dtype=np.float32))
    """(m,) what they gain, above 0, the weight of the transitions included."""

    def __len__(self) -> int:
        return len(self.item_nos)

    def row(self, item_no: int) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
        """What comes after an item, and what it gains; nothing for an item without a row."""
        cells, _ = self.cells(np.array([item_no], dtype=np.int32))
        return self.next_item_nos[cells], self.scores[cells]

    def of_items(self, item_nos: NDArray[np.int32]) -> "Transitions":
        """The rows of some items, those that there are."""
        chosen = np.sort(item_nos[np.isin(item_nos, self.item_nos)])
        cells, lengths = self.cells(chosen)
        starts = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
        return Transitions(chosen, starts, self.next_item_nos[cells], self.scores[cells])

    def cells(self, item_nos: NDArray[np.integer]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Where the rows of items (k,) stand: indexes (m,) of the following, and how many of each.

        The second is (k,): 0 for an item without a row.
        """
        if not len(self):
            return np.empty(0, dtype=np.int64), np.zeros(len(item_nos), dtype=np.int64)
        rows = np.searchsorted(self.item_nos, item_nos).clip(max=len(self) - 1)
        begins = self.starts[rows]
        lengths = np.where(self.item_nos[rows] == item_nos, self.starts[rows + 1] - begins, 0)
        # The cells of one row after those of another: each row's begin, less what came before it.
        shifts = begins - np.cumsum(lengths) + lengths
        return np.repeat(shifts, lengths) + np.arange(lengths.sum()), lengths


NO_TRANSITIONS = Transitions()


def items_followed(
    parameters: LiveVectorParameters, items: ItemVectors, history: History
) -> NDArray[np.int32]:
    """The items (n,) of a history whose rows `following` looks at, newest first.

    `items` must hold every item of the history that the run has a vector for. Phrases, which have
    numbers below 0, are among them.
    """
    return sequence_weights(parameters, known_history(items, history))[0]


def following(
    transitions: Transitions, used: NDArray[np.int32], weights: NDArray[np.float64]
) -> Ranking:
    """What comes next after items (n,) that count `weights` (n,): the best `MOST_FOLLOWING`.

    `transitions` must hold every row of these items that the run has. They are among the answer.
    """
    cells, lengths = transitions.cells(used)
    if not len(cells):
        return Ranking.empty()
    gained = np.repeat(weights, lengths) * transitions.scores[cells]
    item_nos, totals = _summed(transitions.next_item_nos[cells], gained)
    # Rounded as it is stored, so that whoever reads it computes the same scores.
    sums = totals.astype(np.float32)
    if len(sums) > MOST_FOLLOWING:
        # To put all in order takes longer than to find the worst of the best first.
        best = sums >= np.partition(sums, -MOST_FOLLOWING)[-MOST_FOLLOWING]
        item_nos, sums = item_nos[best], sums[best]
    return Ranking.of(item_nos, sums).top(MOST_FOLLOWING)


def _summed(
    item_nos: NDArray[np.int32], gained: NDArray[np.float64]
) -> tuple[NDArray[np.int32], NDArray[np.float64]]:
    """The distinct items (k,) of n cells, rising, and the sums (k,) of what each gained."""
    distinct: NDArray[np.int32]
    if int(item_nos.max()) < _NUMBERS_A_CELL * len(item_nos):
        distinct = np.flatnonzero(np.bincount(item_nos)).astype(np.int32)
        sums = np.bincount(item_nos, weights=gained)[distinct]
    else:
        distinct, columns = np.unique(item_nos, return_inverse=True)
        sums = np.bincount(columns, weights=gained)
    return distinct, np.asarray(sums, dtype=np.float64)


def live_vector_and_following(
    space: LiveSpace, items: ItemVectors, transitions: Transitions, history: History
) -> tuple[NDArray[np.float32] | None, Ranking]:
    """All that a user's live scores are made of: the live vector, and what comes next.

    Without a live vector nothing comes next: there is no score that it could be added to. `items`
    and `transitions` must hold what the run has of the items of the history.
    """
    weighed = WeighedHistory.of(space.parameters, items, history)
    vector = live_vector_of(space, items, weighed)
    if vector is None:
        return None, Ranking.empty()
    return vector, following(transitions, weighed.newest_liked, weighed.shares)
