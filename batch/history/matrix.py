"""The matrix: users x items, weights summed, and what each user has seen."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from batch.history.interactions import Interactions
from batch.history.row_blocks import BlockStore
from batch.history.slicing import occurrences, row_slices
from batch.history.sparse_parts import row_numbers, rows_of, stacked, summed
from batch.parameters import AlsParameters
from domain.interactions import bounded

_DAYS_A_YEAR = 365.25
_HELD_BYTES = 1 << 25
"""What a matrix has that is not worth a file."""


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
        likes = np.zeros(len(self.user_nos), dtype=np.bool_)
        for rows, cells in row_slices(self.weights.indptr):
            part = rows_of(self.weights, rows, cells)
            likes[rows.start + row_numbers(part)[part.data > 0.0]] = True
        return np.flatnonzero(likes)

    def columns_of(self, item_nos: NDArray[np.integer]) -> NDArray[np.intp]:
        """Columns of those of `item_nos` that the matrix has."""
        return np.flatnonzero(np.isin(self.item_nos, item_nos))


def put_aside(matrix: InteractionMatrix, folder: Path | None) -> Callable[[], InteractionMatrix]:
    """Write the cells into a file in `folder`; what is answered reads them again.

    Whoever lets go of the matrix then has its memory for something else in between. Few cells stay
    in memory. Several threads may read them.
    """
    store = BlockStore(folder, _HELD_BYTES)
    weights, seen = store.keep(matrix.weights), store.keep(matrix.seen)
    user_nos, item_nos = matrix.user_nos, matrix.item_nos
    return lambda: InteractionMatrix(user_nos, item_nos, weights(), seen())


def interaction_matrix(
    interactions: Interactions, as_of: np.datetime64, *, decay_per_year: float = 0.0
) -> InteractionMatrix:
    """Sum weights by user and item; each decays with its age at `as_of` by its kind.

    All of them decay by `decay_per_year` besides; that changes no more than the sums.
    """
    user_nos, row_of = _present(interactions.user_nos)
    item_nos, column_of = _present(interactions.item_nos)
    weights, seen = [], []
    end = 0
    for part in interactions.by_users():
        rows = row_of[part.user_nos]
        first, end = end, int(rows.max(initial=end - 1)) + 1
        shape = (end - first, len(item_nos))
        rows -= first
        decayed = _decayed_weights(part, as_of, decay_per_year)
        own = _weights_and_seen(part, rows, column_of[part.item_nos], decayed, shape)
        weights.append(own[0])
        seen.append(own[1])
    return InteractionMatrix(
        user_nos, item_nos, stacked(weights, len(item_nos)), stacked(seen, len(item_nos))
    )


def _weights_and_seen(
    interactions: Interactions,
    rows: NDArray[np.int32],
    columns: NDArray[np.int32],
    decayed: NDArray[np.float64],
    shape: tuple[int, int],
) -> tuple[csr_matrix, csr_matrix]:
    """Those of some users, whose interactions lie in these cells."""
    sums = summed(decayed, rows, columns, shape)
    sums.data = bounded(sums.data)
    weights = csr_matrix(sums.astype(np.float32))
    weights.eliminate_zeros()
    marked = interactions.mark_seen()
    disliked = np.flatnonzero(weights.data < 0.0)
    # The row of a number is how many rows have ended before it.
    disliked_rows = np.searchsorted(weights.indptr, disliked, side="right") - 1
    seen = _pattern(
        np.concatenate([rows[marked], disliked_rows.astype(np.int32)]),
        np.concatenate([columns[marked], weights.indices[disliked]]),
        shape,
    )
    return weights, seen


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
    pattern = matrix.weights
    scaled = np.empty(pattern.nnz, dtype=np.float32)
    for cells, damped in _damped(matrix, parameters.user_exponent, parameters.item_exponent):
        # c_ui = a * s_ui / (d_u^b * d_i^c)
        scaled[cells] = parameters.confidence * damped
    return csr_matrix((scaled, pattern.indices, pattern.indptr), shape=pattern.shape)


def mean_weight(matrix: InteractionMatrix, user_exponent: float, item_exponent: float) -> float:
    """The mean over all pairs of |s_ui| / (d_u^b * d_i^c); 0 for an empty matrix."""
    weights = np.empty(matrix.weights.nnz)
    for cells, damped in _damped(matrix, user_exponent, item_exponent):
        weights[cells] = np.abs(damped)
    return float(weights.mean()) if len(weights) else 0.0


def item_degrees(matrix: InteractionMatrix) -> NDArray[np.float64]:
    """The number of distinct users of each column, (i,), at least 1."""
    degrees = occurrences(matrix.weights.indices, len(matrix.item_nos))
    return np.asarray(np.maximum(degrees, 1.0))


def like_counts(matrix: InteractionMatrix) -> NDArray[np.int32]:
    """The number of distinct users with a positive sum of each column, (i,)."""
    liked = matrix.weights.indices[matrix.weights.data > 0.0]
    return occurrences(liked, len(matrix.item_nos)).astype(np.int32)


def _damped(
    matrix: InteractionMatrix, user_exponent: float, item_exponent: float
) -> Iterator[tuple[slice, NDArray[np.float64]]]:
    """s_ui / (d_u^b * d_i^c) of each pair, in the order of the matrix, some pairs at a time."""
    weights = matrix.weights
    by_item = item_degrees(matrix) ** -item_exponent
    for rows, cells in row_slices(weights.indptr):
        degrees = np.diff(weights.indptr[rows.start : rows.stop + 1])
        by_user = np.repeat(np.maximum(degrees, 1.0) ** -user_exponent, degrees)
        yield cells, weights.data[cells] * by_user * by_item[weights.indices[cells]]


def _present(nos: NDArray[np.int32]) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """The distinct numbers, rising, and by number its index among them."""
    present = np.flatnonzero(occurrences(nos))
    indexes = np.zeros(int(present[-1]) + 1 if len(present) else 0, dtype=np.int32)
    indexes[present] = np.arange(len(present))
    return present.astype(np.int32), indexes


def _pattern(
    rows: NDArray[np.integer], columns: NDArray[np.integer], shape: tuple[int, int]
) -> csr_matrix:
    """A matrix that is 1 at the given cells, however often they are given, and 0 elsewhere."""
    pattern = csr_matrix((np.ones(len(rows), dtype=np.float32), (rows, columns)), shape=shape)
    pattern.data[:] = 1.0
    return pattern
