"""A random holdout: for interactions whose times nobody knows."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from batch.history.matrix import InteractionMatrix
from batch.history.splitting import Relevant


def hold_out_at_random(
    matrix: InteractionMatrix, share: float, seed: int, *, of_users: float = 1.0
) -> tuple[InteractionMatrix, Relevant]:
    """Hold out `share` of the items of some users: the past, its shape kept, and what is held out.

    `of_users` is the share of the users, drawn at random, whose items are held out; the others
    keep all of theirs. Rounded up or down by chance, so that users with few items count too; nobody
    loses all. Every pair of `matrix` must be liked and seen.
    """
    pattern = matrix.weights
    counts = np.diff(pattern.indptr)
    rows = np.repeat(np.arange(len(counts)), counts)
    random = np.random.default_rng(seed)
    wanted = np.floor(counts * share + random.random(len(counts)))
    order = np.lexsort((random.random(pattern.nnz), rows))
    index = np.arange(pattern.nnz) - pattern.indptr[rows]
    held = np.zeros(pattern.nnz, dtype=bool)
    drawn = random.random(len(counts)) < of_users
    held[order] = index < np.where(drawn, np.minimum(wanted, counts - 1), 0)[rows]
    past = replace(
        matrix,
        weights=_those(pattern, rows, ~held),
        seen=_those(matrix.seen, rows, ~held),
    )
    return past, Relevant(matrix.user_nos[rows[held]], matrix.item_nos[pattern.indices[held]])


def _those(matrix: csr_matrix, rows: NDArray[np.integer], chosen: NDArray[np.bool_]) -> csr_matrix:
    indexes = (rows[chosen], matrix.indices[chosen])
    return csr_matrix((matrix.data[chosen], indexes), shape=matrix.shape)
