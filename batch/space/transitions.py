"""Fitting transitions: what comes next, by ridge regression from decayed histories.

Each moment of a user's history gives a row of S, the decayed newest items, and a row of T, the
items that came next. B = (S'S + lambda I)^-1 S'T foresees T from S (the closed form of ridge
regression; TALE, Park et al., WSDM 2025, is of this kind).

The most used items are solved for exactly. The others are rare, so that lambda outweighs what they
have in common: each follows from the solution of the first by one step of block Gauss-Seidel, where
it has a direct successor. Memory is that of the counts and of some columns of the solution.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_factor, cho_solve
from scipy.sparse import csr_matrix, vstack

from batch.history.following import steps
from batch.history.interactions import Interactions
from batch.history.sparse_parts import row_numbers, without
from batch.parameters import TransitionParameters
from domain.transitions import Transitions

_COLUMNS_AT_ONCE = 10_000
_ROWS_AT_ONCE = 2_000


@dataclass(frozen=True, slots=True)
class _Counts:
    """The products that every ridge needs."""

    solved: NDArray[np.intp]
    """(k,) rising: the items that are solved for exactly."""
    others: NDArray[np.intp]
    """(i - k,) rising: the others."""
    among_solved: NDArray[np.float32]
    """(k, k) S'S of the solved items."""
    across: csr_matrix
    """(i - k, k) S'S of the others with the solved ones."""
    squares: NDArray[np.float64]
    """(i,) the diagonal of S'S."""
    next_counts: csr_matrix
    """(i, i) S'T."""


def fit_transitions(
    interactions: Interactions,
    item_nos: NDArray[np.int32],
    parameters: TransitionParameters,
    ridges: Iterable[float],
) -> dict[float, csr_matrix]:
    """By ridge a matrix (i, i) of what each column gains after the row's item.

    `item_nos` (i,) rise and hold every item of `interactions`. All numbers are above 0, at most
    `neighbours` a row, and the mean of the rows' best is 1.
    """
    wanted = tuple(ridges)
    if not wanted:
        return {}
    counts = _counts(interactions, item_nos, parameters)
    return {ridge: _scaled(_solve(counts, ridge, parameters.neighbours)) for ridge in wanted}


def weighed(matrix: csr_matrix, item_nos: NDArray[np.int32], weight: float) -> Transitions:
    """The rows of items `item_nos` (i,), as a run keeps them; the weight is in the scores."""
    rows = np.flatnonzero(np.diff(matrix.indptr))
    chosen = matrix[rows]
    return Transitions(
        item_nos[rows],
        chosen.indptr.astype(np.int64),
        item_nos[chosen.indices],
        (weight * chosen.data).astype(np.float32),
    )


def _counts(
    interactions: Interactions, item_nos: NDArray[np.int32], parameters: TransitionParameters
) -> _Counts:
    histories, successors = _moments(interactions, item_nos, parameters)
    squares = np.asarray(histories.multiply(histories).sum(axis=0), dtype=np.float64).ravel()
    most_used = np.argsort(-squares, kind="stable")[: parameters.dense_items]
    solved = np.sort(most_used)
    others = np.setdiff1d(np.arange(len(item_nos)), solved)
    of_solved = histories[:, solved]
    return _Counts(
        solved=solved,
        others=others,
        among_solved=(of_solved.T @ of_solved).toarray().astype(np.float32),
        across=csr_matrix(histories[:, others].T @ of_solved),
        squares=squares,
        next_counts=csr_matrix(histories.T @ successors),
    )


def _moments(
    interactions: Interactions, item_nos: NDArray[np.int32], parameters: TransitionParameters
) -> tuple[csr_matrix, csr_matrix]:
    """S and T (m, i): for each step of a history what was used up to it, and what came next."""
    liked = _newest_steps(interactions, parameters.most_moments)
    columns = np.searchsorted(item_nos, liked.item_nos)
    shape = (len(liked), len(item_nos))
    ages = range(parameters.history_items)
    histories = _shifted(
        liked.user_nos, columns, {age: parameters.history_decay**age for age in ages}, shape
    )
    coming = dict(zip((-1, -2, -3), parameters.next_weights, strict=True))
    successors = _shifted(liked.user_nos, columns, coming, shape)
    moments = np.flatnonzero(np.diff(successors.indptr))
    return histories[moments], successors[moments]


def _newest_steps(interactions: Interactions, most: int) -> Interactions:
    """The newest steps of all users, by user and in time order."""
    newest: Interactions | None = None
    for part in interactions.by_users():
        liked = steps(part) if newest is None else newest.followed_by(steps(part))
        if len(liked) > most:
            order = np.argsort(-liked.occurred_at.astype(np.int64), kind="stable")
            liked = liked.where(np.sort(order[:most]))
        newest = liked
    return steps(interactions) if newest is None else newest


def _shifted(
    user_nos: NDArray[np.int32],
    columns: NDArray[np.intp],
    weights: dict[int, float],
    shape: tuple[int, int],
) -> csr_matrix:
    """(m, i): in row r the item k steps before it of the same user with the weight of k."""
    rows, found, values = [], [], []
    for step, weight in weights.items():
        here = np.arange(max(step, 0), shape[0] + min(step, 0))
        same = here[user_nos[here] == user_nos[here - step]]
        rows.append(same)
        found.append(columns[same - step])
        values.append(np.full(len(same), weight, dtype=np.float32))
    cells = (np.concatenate(rows), np.concatenate(found))
    return csr_matrix((np.concatenate(values), cells), shape=shape, dtype=np.float32)


def _solve(counts: _Counts, ridge: float, neighbours: int) -> csr_matrix:
    """The positive best of each row of B, (i, i)."""
    among = counts.among_solved.copy()
    among[np.diag_indices_from(among)] += np.float32(ridge)
    factor = cho_factor(among, lower=True, overwrite_a=True, check_finite=False)
    wanted = counts.next_counts[counts.solved].tocsc()
    exact = csr_matrix(0.0 * wanted)
    for start in range(0, wanted.shape[1], _COLUMNS_AT_ONCE):
        block = wanted[:, start : start + _COLUMNS_AT_ONCE].toarray().astype(np.float32)
        solution = cho_solve(factor, block, overwrite_b=True, check_finite=False)
        found = _best_of_block(solution, start, wanted.shape, neighbours + 1)
        exact = _best(exact + found, counts.solved, neighbours)
    parts, rows = [exact], [counts.solved]
    for start in range(0, len(counts.others), _ROWS_AT_ONCE):
        own = counts.others[start : start + _ROWS_AT_ONCE]
        direct = counts.next_counts[own]
        foreseen = counts.across[start : start + _ROWS_AT_ONCE] @ exact
        # b_i = (S'T_i - sum over solved k of S'S_ik b_k) / (lambda + S'S_ii), where S'T_i is not 0
        left = direct - foreseen.multiply(direct.astype(bool))
        scaled = csr_matrix(left.multiply(1.0 / (ridge + counts.squares[own])[:, None]))
        parts.append(_best(scaled, own, neighbours))
        rows.append(own)
    order = np.argsort(np.concatenate(rows))
    return csr_matrix(vstack(parts, format="csr")[order])


def _best_of_block(
    block: NDArray[np.float32], first_column: int, shape: tuple[int, int], most: int
) -> csr_matrix:
    """The `most` greatest of each row of some columns of a matrix of `shape`."""
    kept = min(most, block.shape[1])
    columns = np.argpartition(-block, kept - 1, axis=1)[:, :kept]
    values = np.take_along_axis(block, columns, axis=1).ravel()
    rows = np.repeat(np.arange(shape[0]), kept)
    return csr_matrix((values, (rows, columns.ravel() + first_column)), shape=shape)


def _best(matrix: csr_matrix, own_columns: NDArray[np.intp], neighbours: int) -> csr_matrix:
    """The greatest positive numbers of each row, without that of the row's own item.

    Of equal ones those of the first columns.
    """
    matrix.sum_duplicates()
    out = matrix.data <= 0.0
    out |= matrix.indices == own_columns.astype(np.int32)[row_numbers(matrix)]
    positive = without(matrix, out)
    starts, values = positive.indptr, positive.data
    long = np.flatnonzero(np.diff(starts) > neighbours)
    # By row what a number must reach, and how many of those that just reach it have room.
    least = np.full(matrix.shape[0], -np.inf, dtype=values.dtype)
    room = np.zeros(matrix.shape[0], dtype=np.int64)
    for row in long.tolist():
        cells = values[starts[row] : starts[row + 1]]
        least[row] = np.partition(cells, len(cells) - neighbours)[len(cells) - neighbours]
        room[row] = neighbours - np.count_nonzero(cells > least[row])
    rows = row_numbers(positive)
    reached = least[rows]
    left_out = values < reached
    just = np.flatnonzero(values == reached)
    turns = np.arange(1, len(just) + 1) - np.searchsorted(rows[just], rows[just])
    left_out[just[turns > room[rows[just]]]] = True
    return without(positive, left_out)


def _scaled(matrix: csr_matrix) -> csr_matrix:
    """The same with 1 as the mean of the rows' greatest."""
    greatest = matrix.max(axis=1).toarray().ravel()
    greatest = greatest[greatest > 0.0]
    return csr_matrix(matrix / greatest.mean()) if len(greatest) else matrix
