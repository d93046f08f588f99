"""A random holdout: for interactions whose times nobody knows."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from batch.matrix import InteractionMatrix
from batch.splitting import Relevant


def hold_out_at_random(
    matrix: InteractionMatrix, share: float, seed: int
) -> tuple[InteractionMatrix, Relevant]:
    """Hold out `share` of each user's items: the past, its shape kept, and what is held out.

    Rounded up or down by chance, so that users with few items count too; nobody loses all. Every
    pair of `matrix` must be liked and seen.
    """
    pattern = matrix.strengths
    counts = np.diff(pattern.indptr)
    rows = np.repeat(np.arange(len(counts)), counts)
    random = np.random.default_rng(seed)
    wanted = np.floor(counts * share + random.random(len(counts)))
    order = np.lexsort((random.random(pattern.nnz), rows))
    place = np.arange(pattern.nnz) - pattern.indptr[rows]
    held = np.zeros(pattern.nnz, dtype=bool)
    held[order] = place < np.minimum(wanted, counts - 1)[rows]
    past = replace(
        matrix,
        strengths=_those(pattern, rows, ~held),
        seen=_those(matrix.seen, rows, ~held),
    )
    return past, Relevant(matrix.user_nos[rows[held]], matrix.item_nos[pattern.indices[held]])


def _those(matrix: csr_matrix, rows: NDArray[np.integer], chosen: NDArray[np.bool_]) -> csr_matrix:
    places = (rows[chosen], matrix.indices[chosen])
    return csr_matrix((matrix.data[chosen], places), shape=matrix.shape)
