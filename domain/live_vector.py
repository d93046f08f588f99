"""The live vector: a user as a point in the run's space, a pure function of history and run.

An item's vector is `[taste | sequence | trend | filler]`. Taste is the item's ALS factors times a
scale of the item; sequence says what the item follows; trend is how much it is used lately; the
filler makes all norms equal, so that a nearest-neighbour index over inner products keeps its
recall. The user's side is built so that one inner product with an item's vector is the speed score:
`[taste folded in | what has just been used | weight of the trend | 0]`.

The speed worker, publishing and replay call the same functions.
"""

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from domain.interactions import bounded

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class LiveVectorParameters:
    """How a run's live vectors are made; travels in the row of the run."""

    taste_dimensions: int
    sequence_dimensions: int = 0
    confidence: float = 20.0
    """a in the confidence `a * weight / (d_u^b * d_i^c)`."""
    user_exponent: float = 0.0
    """b, on the number of distinct items in the user's history."""
    regularization: float = 5.0
    taste_half_life_events: float | None = 4.0
    """Age in events at which an interaction counts half; None: no decay."""
    taste_events: int | None = 100
    """How many of the newest events are folded in; None: all."""
    taste_weight: float = 0.5
    """Length of the taste part of a live vector; the sequence part has length 1 at most."""
    sequence_decay: float = 0.75
    """What each step back in time multiplies the weight of an item by."""
    sequence_events: int = 16
    """How many of the newest distinct liked items the sequence part looks at."""
    trend_weight: float = 0.1
    """The live vector's number against the items' trend."""
    recent_weight: float = 0.0
    """What the transitions since the run's cut-off count (`domain.recent_transitions`)."""
    interest_weight: float = 3.0
    """Weight of a declared interest; that of a like."""
    most_interests: float = 4.0
    """As how many interactions all interests of a user count together, at most."""

    @property
    def dimensions(self) -> int:
        """Length of a vector: taste, sequence, trend and the filler."""
        return self.taste_dimensions + self.sequence_dimensions + 2


@dataclass(frozen=True, slots=True)
class LiveSpace:
    """What a run stores of its space besides the items' vectors."""

    parameters: LiveVectorParameters
    gramian: Floats
    """(f, f), the sum of the outer products of all items' ALS factors: Y'Y."""


@dataclass(frozen=True, slots=True)
class ItemVectors:
    """Vectors of some items of one run, in rising order of item number."""

    item_nos: NDArray[np.int32]
    """(n,)"""
    vectors: NDArray[np.float32]
    """(n, f + s + 2) as stored: the item as something to recommend."""
    context_embeddings: NDArray[np.float32]
    """(n, s) unit rows: the item as a part of a history."""
    taste_scales: Floats
    """(n,) what the ALS factors were multiplied by in `vectors`."""
    confidence_scales: Floats
    """(n,) 1 / d_i^c."""

    def rows_of(self, item_nos: NDArray[np.integer]) -> NDArray[np.intp]:
        """Rows of items, -1 where the run has no vector for one."""
        if not len(self.item_nos):
            return np.full(len(item_nos), -1, dtype=np.intp)
        rows = np.minimum(np.searchsorted(self.item_nos, item_nos), len(self.item_nos) - 1)
        return np.where(self.item_nos[rows] == item_nos, rows, -1)

    def followed_by(self, others: "ItemVectors") -> "ItemVectors":
        """These and others, whose numbers must all be higher."""
        if not len(others.item_nos):
            return self
        if not len(self.item_nos):
            return others
        return ItemVectors(
            np.concatenate([self.item_nos, others.item_nos]),
            np.concatenate([self.vectors, others.vectors]),
            np.concatenate([self.context_embeddings, others.context_embeddings]),
            np.concatenate([self.taste_scales, others.taste_scales]),
            np.concatenate([self.confidence_scales, others.confidence_scales]),
        )

    def merged(self, others: "ItemVectors") -> "ItemVectors":
        """These and others, none of which may be among these."""
        both = self.followed_by(others)
        order = np.argsort(both.item_nos)
        return ItemVectors(
            both.item_nos[order],
            both.vectors[order],
            both.context_embeddings[order],
            both.taste_scales[order],
            both.confidence_scales[order],
        )


@dataclass(frozen=True, slots=True)
class History:
    """A user's interactions, oldest first, after the interests the user has declared.

    In one instant the order is by item, kind and event id, never by arrival: the same interactions
    make the same history whatever way they came in.
    """

    item_nos: NDArray[np.int32]
    """(n,)"""
    weights: Floats
    """(n,) signed, before any decay."""
    interests: int = 0
    """How many of the first entries are interests. All are as old as one interaction before the
    first, and together they count as `most_interests` interactions at most."""

    def newest(self, events: int | None) -> "History":
        """The last `events` interactions, and the interests if there are fewer; None: all."""
        if events is None or len(self.item_nos) - self.interests < events:
            return self
        return History(
            self.item_nos[len(self.item_nos) - events :],
            self.weights[len(self.weights) - events :],
        )

    def after(self, interests: NDArray[np.int32], weight: float) -> "History":
        """The same history of a user who declares interests (k,), as items, before any other."""
        return History(
            np.concatenate([interests, self.item_nos]),
            np.concatenate([np.full(len(interests), weight), self.weights]),
            len(interests) + self.interests,
        )

    def followed_by(self, item_nos: NDArray[np.int32], weights: Floats) -> "History":
        """The same history with newer interactions (k,), the last being the newest."""
        return History(
            np.concatenate([self.item_nos, item_nos]),
            np.concatenate([self.weights, weights]),
            self.interests,
        )

    def ages(self) -> NDArray[np.integer]:
        """Ages of the entries in events, (n,): 0 of the newest."""
        ages = np.arange(len(self.item_nos) - 1, -1, -1)
        ages[: self.interests] = len(self.item_nos) - self.interests
        return ages

    def shares(self, most_interests: float) -> Floats:
        """What the number of a user's interests leaves of the weight of each entry, (n,)."""
        shares = np.ones(len(self.item_nos))
        shares[: self.interests] = min(1.0, most_interests / max(self.interests, 1))
        return shares


NO_HISTORY = History(np.empty(0, dtype=np.int32), np.empty(0))
"""That of a user who did nothing."""


@dataclass(frozen=True, slots=True)
class WeighedHistory:
    """What the entries of a history count, before any vector.

    It is the same in all spaces that have the same items and parameters.
    """

    item_nos: NDArray[np.int32]
    """(n,) distinct items of the newest events, rising: those of taste."""
    weights: Floats
    """(n,) bounded sums of their decayed weights, none 0."""
    newest_liked: NDArray[np.int32]
    """(k,) the newest distinct liked items, newest first: those of the sequence part."""
    shares: Floats
    """(k,) what each of these counts; the sum is 1."""

    @classmethod
    def of(cls, parameters: LiveVectorParameters, items: ItemVectors, history: History) -> Self:
        """That of the part of a history that `items` has vectors for."""
        known = known_history(items, history)
        return cls(*_merged(parameters, known), *sequence_weights(parameters, known))


@dataclass(frozen=True, slots=True)
class FoldIn:
    """The equation `A x = Y' w` whose solution x is the taste of a history.

    With `A` held fixed, taste is a sum over the items of the history: `A^-1 y_i w_i` is what item i
    adds to it.
    """

    item_nos: NDArray[np.int32]
    """(n,) distinct items, rising."""
    factors: Floats
    """(n, f) Y: their ALS factors."""
    weights: Floats
    """(n,) w: the confidence in an item the user likes, 0 for one the user dislikes."""
    left: Floats
    """(f, f) A = Y'Y of all items + Y'(C - I)Y of these + lambda I."""

    def solved(self) -> Floats:
        """The ALS factors (f,) of the user; 0 if there are no items."""
        if not len(self.item_nos):
            return np.zeros(len(self.left))
        return np.asarray(np.linalg.solve(self.left, self.factors.T @ self.weights))


def live_vector(
    space: LiveSpace, items: ItemVectors, history: History
) -> NDArray[np.float32] | None:
    """The live vector (f + s + 2,) of a user, or None if the history says nothing in this space.

    Interactions with items the run has no vector for are passed over.
    """
    return live_vector_of(space, items, WeighedHistory.of(space.parameters, items, history))


def live_vector_of(
    space: LiveSpace, items: ItemVectors, weighed: WeighedHistory
) -> NDArray[np.float32] | None:
    """The same of a history that is weighed already; all its items must be in `items`."""
    parameters = space.parameters
    vector = np.zeros(parameters.dimensions, dtype=np.float32)
    taste = _equation(space, items, weighed.item_nos, weighed.weights).solved()
    length = float(np.linalg.norm(taste))
    if length > 0.0:
        vector[: parameters.taste_dimensions] = parameters.taste_weight * taste / length
    end = parameters.taste_dimensions + parameters.sequence_dimensions
    vector[parameters.taste_dimensions : end] = _sequence_part(parameters, items, weighed)
    if not vector.any():
        return None
    vector[end] = parameters.trend_weight
    return vector


def fold_in_equation(space: LiveSpace, items: ItemVectors, history: History) -> FoldIn:
    """The equation `(Y'Y + Y'(C - I)Y + lambda I) x = Y'C p` for a history.

    Hu, Koren and Volinsky 2008, equation 4, over the items of the history; an item with negative
    weight has preference 0 and its confidence counts against it. Every item of the history must
    be in `items`.
    """
    return _equation(space, items, *_merged(space.parameters, history))


def _equation(
    space: LiveSpace, items: ItemVectors, item_nos: NDArray[np.int32], weights: Floats
) -> FoldIn:
    parameters = space.parameters
    rows = items.rows_of(item_nos)
    # c_ui = a * s_ui / (d_u^b * d_i^c)
    signed = parameters.confidence * weights * items.confidence_scales[rows]
    signed = signed / max(len(item_nos), 1) ** parameters.user_exponent
    factors = _taste_factors(parameters, items, rows)
    confidence = np.abs(signed)
    left = space.gramian + (factors.T * (confidence - 1.0)) @ factors
    left.flat[:: len(left) + 1] += parameters.regularization
    return FoldIn(item_nos, factors, np.where(signed > 0.0, confidence, 0.0), left)


def known_history(items: ItemVectors, history: History) -> History:
    """The part of a history that the run has vectors for."""
    known = items.rows_of(history.item_nos) >= 0
    if known.all():
        return history
    interests = int(np.count_nonzero(known[: history.interests]))
    return History(history.item_nos[known], history.weights[known], interests)


def _merged(parameters: LiveVectorParameters, history: History) -> tuple[NDArray[np.int32], Floats]:
    """Distinct items of the newest events and the bounded sums of decayed weights, none 0."""
    recent = history.newest(parameters.taste_events)
    weights = recent.weights * recent.shares(parameters.most_interests)
    if parameters.taste_half_life_events is not None:
        weights = weights * 0.5 ** (recent.ages() / parameters.taste_half_life_events)
    item_nos, inverse = np.unique(recent.item_nos, return_inverse=True)
    summed = np.bincount(inverse, weights=weights, minlength=len(item_nos))
    sums = bounded(summed.astype(np.float64))
    return item_nos[sums != 0.0], sums[sums != 0.0]


def _taste_factors(
    parameters: LiveVectorParameters, items: ItemVectors, rows: NDArray[np.intp]
) -> Floats:
    """ALS factors (n, f) of items as the fit left them."""
    stored = items.vectors[rows, : parameters.taste_dimensions].astype(np.float64)
    factors = stored / items.taste_scales[rows, None]
    # Without any item the vectors have no length to tell f from.
    return np.asarray(factors.reshape(len(rows), parameters.taste_dimensions))


def _sequence_part(
    parameters: LiveVectorParameters, items: ItemVectors, weighed: WeighedHistory
) -> Floats:
    """The decayed mean (s,) of the newest liked items' contexts; zero if there is none."""
    if not len(weighed.newest_liked) or not parameters.sequence_dimensions:
        return np.zeros(parameters.sequence_dimensions)
    contexts = items.context_embeddings[items.rows_of(weighed.newest_liked)]
    return np.asarray(weighed.shares @ contexts.astype(np.float64))


def sequence_weights(
    parameters: LiveVectorParameters, known: History
) -> tuple[NDArray[np.int32], Floats]:
    """The newest distinct liked items, newest first, and what each counts; the sum is 1.

    Interests come last, and share what they count together.
    """
    liked = np.flatnonzero(known.weights > 0.0)[::-1]
    _, indexes = np.unique(known.item_nos[liked], return_index=True)
    distinct = liked[np.sort(indexes)]
    used = int(np.count_nonzero(distinct >= known.interests))
    # Interests are all of one age, so that none of them is cut off while there is room for any.
    recent = (
        distinct[: parameters.sequence_events] if used >= parameters.sequence_events else distinct
    )
    ages = np.minimum(np.arange(len(recent)), used)
    weights = parameters.sequence_decay ** ages.astype(np.float64)
    weights *= known.shares(parameters.most_interests)[recent]
    return known.item_nos[recent], weights / weights.sum() if len(weights) else weights
