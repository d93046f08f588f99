"""Explaining a list: which of the user's own items brought each recommendation.

With the matrix of the fold-in held fixed, the speed score of an item is a sum over the items of the
history, in all parts:

    score_j = taste_weight / |x| * sum over i of (y_j' A^-1 y_i w_i)     taste
            + sum over i of (v_i * context_i . sequence_j)               sequence
            + sum over i of (v_i * B[i, j])                              transitions
            + trend_weight * trend_j                                     nobody's

Nightly lists come from factors that are not stored item by item; their items are explained here
too, by what they have to do with the history in the live space.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from domain.identifiers import ItemNo, Position, RunId, UserNo
from domain.live_vector import (
    Floats,
    History,
    ItemVectors,
    LiveSpace,
    fold_in_equation,
    known_history,
    sequence_weights,
)
from domain.transitions import Transitions
from serving.candidates.live_vector_inputs import (
    Additions,
    ItemName,
    LiveVectorInputs,
    ProfileReader,
)
from serving.lists.recommendation_list import Cause, RecommendedItem
from sql.interests import Phrases

MOST_CAUSES = 3


@dataclass(frozen=True, slots=True)
class Contributions:
    """What the items of a history add to the speed scores of n items."""

    item_nos: NDArray[np.int32]
    """(h,) the distinct items of the history that the run knows, rising."""
    taste: Floats
    """(n, h)"""
    sequence: Floats
    """(n, h)"""
    transitions: Floats
    """(n, h)"""
    trend: Floats
    """(n,) the part of each score that no item of the history caused."""

    @property
    def of_items(self) -> Floats:
        """What each item of the history adds in all parts, (n, h)."""
        return np.asarray(self.taste + self.sequence + self.transitions)

    def shares(self) -> Floats:
        """Each item's positive contribution as a share of all positive parts of the score, (n, h).

        In [0, 1]; 0 for an item that adds nothing or speaks against the recommendation.
        """
        positive = np.maximum(self.of_items, 0.0)
        whole = positive.sum(axis=1, keepdims=True) + np.maximum(self.trend, 0.0)[:, None]
        nothing = np.zeros_like(positive)
        return np.asarray(np.divide(positive, whole, out=nothing, where=whole > 0.0))


def because(
    space: LiveSpace,
    items: ItemVectors,
    transitions: Transitions,
    history: History,
    item_nos: NDArray[np.integer],
) -> Contributions:
    """What a history adds to the speed scores of `item_nos` (n,).

    The history must be the one the live vector was made of, and must say something in this space;
    every one of `item_nos` must be in `items`, and `transitions` must hold every row that the run
    has of the history. The scores are then the inner products of the live vector and the items'
    vectors, and what the items gain by coming next, up to rounding: but for what others did since,
    where recent transitions count (`domain.recent_transitions`).
    """
    known = known_history(items, history)
    causes = np.unique(known.item_nos)
    vectors = items.vectors[items.rows_of(item_nos)].astype(np.float64)
    end = space.parameters.taste_dimensions + space.parameters.sequence_dimensions
    return Contributions(
        item_nos=causes,
        taste=_taste(space, items, known, causes, vectors),
        sequence=_sequence(space, items, known, causes, vectors),
        transitions=_transitions(space, transitions, known, causes, item_nos),
        trend=space.parameters.trend_weight * vectors[:, end],
    )


def _taste(
    space: LiveSpace,
    items: ItemVectors,
    known: History,
    causes: NDArray[np.int32],
    vectors: Floats,
) -> Floats:
    """(n, h) taste_weight / |x| * y_j' A^-1 y_i w_i, whose sum over i is y_j' x."""
    added = np.zeros((len(vectors), len(causes)))
    equation = fold_in_equation(space, items, known)
    length = float(np.linalg.norm(equation.solved()))
    if length > 0.0:
        folded = np.linalg.solve(equation.left, equation.factors.T * equation.weights)
        columns = np.searchsorted(causes, equation.item_nos)
        taste = vectors[:, : space.parameters.taste_dimensions]
        added[:, columns] = space.parameters.taste_weight / length * taste @ folded
    return added


def _sequence(
    space: LiveSpace,
    items: ItemVectors,
    known: History,
    causes: NDArray[np.int32],
    vectors: Floats,
) -> Floats:
    """(n, h) v_i * context_i . sequence_j."""
    added = np.zeros((len(vectors), len(causes)))
    parameters = space.parameters
    liked, weights = sequence_weights(parameters, known)
    if len(liked) and parameters.sequence_dimensions:
        context_embeddings = items.context_embeddings[items.rows_of(liked)].astype(np.float64)
        start = parameters.taste_dimensions
        targets = vectors[:, start : start + parameters.sequence_dimensions]
        added[:, np.searchsorted(causes, liked)] = (
            targets @ (context_embeddings * weights[:, None]).T
        )
    return added


def _transitions(
    space: LiveSpace,
    transitions: Transitions,
    known: History,
    causes: NDArray[np.int32],
    item_nos: NDArray[np.integer],
) -> Floats:
    """(n, h) v_i * B[i, j]."""
    added = np.zeros((len(item_nos), len(causes)))
    used, weights = sequence_weights(space.parameters, known)
    for cause, weight in zip(used.tolist(), weights.tolist(), strict=True):
        gains = dict(zip(*(column.tolist() for column in transitions.row(cause)), strict=True))
        column = np.searchsorted(causes, cause)
        added[:, column] = [weight * gains.get(no, 0.0) for no in item_nos.tolist()]
    return added


Shares = Sequence[tuple[ItemNo, float]]
"""Items of the user with their shares, the largest first."""


async def explained(
    profiles: ProfileReader,
    run_id: RunId,
    user_no: UserNo | None,
    known: Position,
    items: Sequence[RecommendedItem],
    *,
    added: Additions,
) -> tuple[RecommendedItem, ...]:
    """The same items with their causes; RunGoneError if the run was dropped.

    `known`: the position up to which the user's live vector knows the log; `added`: what it was
    made with beside that.
    """
    item_nos = [item.item_no for item in items]
    inputs = await profiles.load_live_vector_inputs(run_id, user_no, known, item_nos, added)
    shares = largest_shares(inputs, item_nos)
    names = await profiles.load_names(_distinct(shares.values()))
    return tuple(
        replace(item, because=_causes(shares.get(item.item_no, ()), names, inputs.phrases))
        for item in items
    )


def largest_shares(inputs: LiveVectorInputs, item_nos: Sequence[ItemNo]) -> dict[ItemNo, Shares]:
    """What of the user's own had the largest shares in each item's speed score.

    Items without a vector are left out; they have no speed score.
    """
    asked = np.array(item_nos, dtype=np.int32)
    asked = asked[inputs.items.rows_of(asked) >= 0]
    contributions = because(inputs.space, inputs.items, inputs.transitions, inputs.history, asked)
    shares = contributions.shares()
    order = np.argsort(-shares, axis=1, kind="stable")[:, :MOST_CAUSES]
    return {
        ItemNo(no): [
            (ItemNo(int(contributions.item_nos[index])), float(shares[row, index]))
            for index in order[row]
            if shares[row, index] > 0.0
        ]
        for row, no in enumerate(asked.tolist())
    }


def _distinct(shares: Iterable[Shares]) -> list[ItemNo]:
    return sorted({no for of_item in shares for no, _ in of_item if no > 0})


def _causes(
    shares: Shares, names: Mapping[ItemNo, ItemName], phrases: Phrases
) -> tuple[Cause, ...]:
    return tuple(
        Cause(names[no].item_id, names[no].title, share)
        if no > 0
        else Cause(None, None, share, interest=phrases.text_of(no))
        for no, share in shares
    )
