"""The matrix: users x items, weights summed, and what each user has seen."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from batch.history.interactions import Interactions
from batch.parameters import AlsParameters
from domain.interactions import bounded

_DAYS_A_YEAR = 365.25


@dataclass(frozen=True, slots=True)
class InteractionMatrix:
    """Who did what: row r is user `user_nos[r]`, column c is item `item_nos[c]`."""

    user_nos: NDArray[np.int32]
    """(u,) rising."""
    item_nos: NDArray[np.int32]
    """(i,) rising."""
    weights: csr_matrix
    """(u, i) bounded sums of decayed weights as 32-bit numbers, none of them 0."""
    seen: csr_matrix
    """(u, i) 1 where an item must not be listed: it is marked as seen, or its sum is negative."""

    def rows_who_like(self) -> NDArray[np.intp]:
        """Rows of users with at least one positive sum."""
        positive = self.weights.data > 0.0
        rows = np.repeat(np.arange(len(self.user_nos)), np.diff(self.weights.indptr))
        return np.unique(rows[positive])

    def columns_of(self, item_nos: NDArray[np.integer]) -> NDArray[np.intp]:
        """Columns of those of `item_nos` that the matrix has."""
        return np.flatnonzero(np.isin(self.item_nos, item_nos))


def interaction_matrix(
    interactions: Interactions, as_of: np.datetime64, *, decay_per_year: float = 0.0
) -> InteractionMatrix:
    """Sum weights by user and item; each decays with its age at `as_of` by its kind.

    All of them decay by `decay_per_year` besides; that changes no more than the sums.
    """
    user_nos, rows = _dense(interactions.user_nos)
    item_nos, columns = _dense(interactions.item_nos)
    shape = (len(user_nos), len(item_nos))
    decayed = _decayed_weights(interactions, as_of, decay_per_year)
    summed = csr_matrix((decayed, (rows, columns)), shape=shape)
    del decayed
    summed.data = bounded(summed.data)
    weights = summed.astype(np.float32)
    del summed
    weights.eliminate_zeros()
    marked = interactions.mark_seen()
    disliked = np.flatnonzero(weights.data < 0.0)
    # The row of a number is how many rows have ended before it.
    disliked_rows = np.searchsorted(weights.indptr, disliked, side="right") - 1
    rows = np.concatenate([rows[marked], disliked_rows.astype(np.int32)])
    columns = np.concatenate([columns[marked], weights.indices[disliked]])
    seen = _pattern(rows, columns, shape)
    return InteractionMatrix(user_nos, item_nos, weights, seen)


def _decayed_weights(
    interactions: Interactions, as_of: np.datetime64, decay_per_year: float
) -> NDArray[np.float64]:
    """(n,) the weight of each interaction at its age."""
    decayed = np.empty(len(interactions))
    for chosen in interactions.slices():
        part = interactions.where(chosen)
        half_lives = part.kinds.half_lives_days(part.kind_nos)
        decay_rates = 1.0 / half_lives + decay_per_year / _DAYS_A_YEAR
        decayed[chosen] = part.weights() * 0.5 ** (part.ages_days(as_of) * decay_rates)
    return decayed


def confidences(matrix: InteractionMatrix, parameters: AlsParameters) -> csr_matrix:
    """Signed confidences (u, i): `a * s_ui / (d_u^b * d_i^c)`, negative where the sum is.

    d_u and d_i are the numbers of distinct items of the user and users of the item.
    """
    # c_ui = a * s_ui / (d_u^b * d_i^c)
    scaled = parameters.confidence * _damped(
        matrix, parameters.user_exponent, parameters.item_exponent
    )
    pattern = matrix.weights
    return csr_matrix(
        (scaled.astype(np.float32), pattern.indices, pattern.indptr), shape=pattern.shape
    )


def mean_weight(matrix: InteractionMatrix, user_exponent: float, item_exponent: float) -> float:
    """The mean over all pairs of |s_ui| / (d_u^b * d_i^c); 0 for an empty matrix."""
    weights = np.abs(_damped(matrix, user_exponent, item_exponent))
    return float(weights.mean()) if len(weights) else 0.0


def item_degrees(matrix: InteractionMatrix) -> NDArray[np.float64]:
    """The number of distinct users of each column, (i,), at least 1."""
    degrees = np.bincount(matrix.weights.indices, minlength=len(matrix.item_nos))
    return np.asarray(np.maximum(degrees, 1.0))


def like_counts(matrix: InteractionMatrix) -> NDArray[np.int32]:
    """The number of distinct users with a positive sum of each column, (i,)."""
    liked = matrix.weights.indices[matrix.weights.data > 0.0]
    return np.bincount(liked, minlength=len(matrix.item_nos)).astype(np.int32)


def _damped(
    matrix: InteractionMatrix, user_exponent: float, item_exponent: float
) -> NDArray[np.float64]:
    """s_ui / (d_u^b * d_i^c) of each pair, in the order of the matrix."""
    weights = matrix.weights
    user_degrees = np.diff(weights.indptr)
    by_user = np.repeat(np.maximum(user_degrees, 1.0) ** -user_exponent, user_degrees)
    by_item = (item_degrees(matrix) ** -item_exponent)[weights.indices]
    return np.asarray(weights.data * by_user * by_item)


def _dense(nos: NDArray[np.int32]) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """The distinct numbers, rising, and each number's index among them."""
    present = np.flatnonzero(np.bincount(nos)) if len(nos) else np.empty(0, dtype=np.intp)
    indexes = np.zeros(int(present[-1]) + 1 if len(present) else 0, dtype=np.int32)
    indexes[present] = np.arange(len(present))
    return present.astype(np.int32), indexes[nos]


def _pattern(
    rows: NDArray[np.integer], columns: NDArray[np.integer], shape: tuple[int, int]
) -> csr_matrix:
    """A matrix that is 1 at the given cells, however often they are given, and 0 elsewhere."""
    pattern = csr_matrix((np.ones(len(rows), dtype=np.float32), (rows, columns)), shape=shape)
    pattern.data[:] = 1.0
    return pattern
