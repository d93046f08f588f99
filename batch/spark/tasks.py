"""What executors do with one block: they import this, and never pyspark."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
from implicit.cpu.als import AlternatingLeastSquares
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from batch.blas import one_blas_thread
from batch.engines.implicit_engine import best_items
from batch.fitting import gramian
from batch.history.following import following_counts
from batch.parameters import SpaceParameters
from batch.spark import blocks
from domain.interactions import KindTable

FloatMatrix = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class HalfStep:
    """Solving the rows of one side, all blocks of it, by the factors of the other side."""

    confidences: tuple[Path, ...]
    """Of this side's rows, a file a block."""
    before: tuple[Path, ...]
    """This side's factors, which conjugate gradients start from."""
    others: tuple[Path, ...]
    """The other side's factors, all files of them."""
    other_bounds: tuple[tuple[int, int], ...]
    """The rows of each of these files."""
    other_gramian: FloatMatrix
    """(f, f) of all of them."""
    after: tuple[Path, ...]
    """Where this side's new factors go."""
    regularization: float


def solve_block(step: HalfStep, block: int) -> FloatMatrix:
    """Solve the rows of a block and write their factors; answers the gramian of these, (f, f).

    It is the solver of `implicit`, and only the rows of the other side are read that this block has
    something to do with.
    """
    factors = len(step.other_gramian)
    width = step.other_bounds[-1][1]
    confidences = blocks.read_sparse(step.confidences[block], width)
    needed, indices = np.unique(confidences.indices, return_inverse=True)
    others = _rows(step, needed, factors)
    own = blocks.read_dense(step.before[block], factors)
    extra = _rest(step.other_gramian - gramian(others)) if len(needed) < width else others[:0]
    # The rows without interactions stand for all that were not read: their gramian is the same.
    all_others = np.ascontiguousarray(np.concatenate([others, extra]), dtype=np.float32)
    relabelled = csr_matrix(
        (confidences.data, indices.astype(np.int32), confidences.indptr),
        shape=(confidences.shape[0], len(all_others)),
    )
    with one_blas_thread():
        als = AlternatingLeastSquares(factors=factors)
        als.solver(relabelled, own, all_others, step.regularization, num_threads=1)
    blocks.write(step.after[block], blocks.dense_columns(own))
    return gramian(own)


def _rows(step: HalfStep, needed: NDArray[np.integer], factors: int) -> NDArray[np.float32]:
    """(n, f) the factors of the other side's rows `needed` (n,), which rise."""
    found = np.empty((len(needed), factors), dtype=np.float32)
    for path, (first, end) in zip(step.others, step.other_bounds, strict=True):
        start, stop = np.searchsorted(needed, (first, end))
        if start < stop:
            found[start:stop] = blocks.read_dense(path, factors)[needed[start:stop] - first]
    return found


def _rest(remaining: FloatMatrix) -> NDArray[np.float32]:
    """(f, f) rows whose gramian is `remaining`, but for what rounding made negative."""
    values, vectors = np.linalg.eigh(remaining)
    # R = V diag(w) V' = (diag(sqrt w) V')' (diag(sqrt w) V')
    return np.asarray(np.sqrt(np.maximum(values, 0.0))[:, None] * vectors.T, dtype=np.float32)


@dataclass(frozen=True, slots=True)
class TopItems:
    """Finding the best items of users, all blocks of them."""

    users: tuple[Path, ...]
    """Their factors, a file a block."""
    seen: tuple[Path, ...]
    """What must not be listed, likewise."""
    items: tuple[Path, ...]
    """The factors of the items, all files of them."""
    item_bounds: tuple[tuple[int, int], ...]
    """The rows of each of these files."""
    found: tuple[Path, ...]
    """Where the answers go."""
    factors: int
    length: int
    left_out: NDArray[np.integer]
    """Columns, rising."""


def find_best_items(asked: TopItems, block: int) -> int:
    """The best items of the users of a block, of one block of items after the other.

    Answers how many users there are.
    """
    users = blocks.read_dense(asked.users[block], asked.factors)
    seen = blocks.read_sparse(asked.seen[block], asked.item_bounds[-1][1])
    columns = np.empty((len(users), 0), dtype=np.int32)
    scores = np.empty((len(users), 0), dtype=np.float32)
    for path, (first, end) in zip(asked.items, asked.item_bounds, strict=True):
        start, stop = np.searchsorted(asked.left_out, (first, end))
        own_columns, own_scores = best_items(
            users,
            blocks.read_dense(path, asked.factors),
            seen[:, first:end],
            length=asked.length,
            left_out=asked.left_out[start:stop] - first,
            threads=1,
        )
        columns = np.hstack([columns, own_columns + first])
        scores = np.hstack([scores, own_scores])
        kept = np.argsort(-scores, axis=1, kind="stable")[:, : asked.length]
        columns = np.take_along_axis(columns, kept, axis=1)
        scores = np.take_along_axis(scores, kept, axis=1)
    blocks.write(
        asked.found[block],
        {
            "column": pa.FixedSizeListArray.from_arrays(
                pa.array(columns.astype(np.int32).ravel()), columns.shape[1]
            ),
            **blocks.dense_columns(scores),
        },
    )
    return len(users)


@dataclass(frozen=True, slots=True)
class Counting:
    """Counting what follows what in histories, all blocks of users."""

    histories: tuple[Path, ...]
    """A file a block; each user is in one of them."""
    counts: tuple[Path, ...]
    """Where the answers go."""
    kinds: KindTable
    item_nos: NDArray[np.int32]
    as_of: np.datetime64
    parameters: SpaceParameters


def count_following(asked: Counting, block: int) -> int:
    """Count in the histories of a block; answers how many pairs of items were found."""
    history = blocks.read_history(asked.histories[block], asked.kinds)
    found = following_counts(history, asked.item_nos, asked.as_of, asked.parameters)
    counts = found.whole().tocoo()
    blocks.write(
        asked.counts[block],
        {
            "item": pa.array(counts.row.astype(np.int32)),
            "next": pa.array(counts.col.astype(np.int32)),
            "count": pa.array(counts.data),
        },
    )
    return int(counts.nnz)
