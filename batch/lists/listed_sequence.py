"""What comes after each user's newest items, as factors beside those of the lists' fit.

It is the sequence part of the live score (`batch.space.sequence`) as of the cut-off.
"""

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from batch.fitting import Factors
from batch.history.following import steps
from batch.history.interactions import Interactions
from batch.history.matrix import InteractionMatrix
from batch.space.sequence import SequenceVectors
from domain.live_vector import LiveVectorParameters

_LIVE = LiveVectorParameters(taste_dimensions=0)


def sequence_factors(
    sequence: SequenceVectors, matrix: InteractionMatrix, interactions: Interactions
) -> Factors:
    """Factors whose inner products are the sequence part of users' live scores.

    `matrix` must have been made of `interactions`, `sequence` of its items.
    """
    users = np.zeros((len(matrix.user_nos), sequence.dimensions), dtype=np.float32)
    for part in interactions.by_users():
        rows, weights = newest_liked(matrix, part)
        users[rows] = weights @ sequence.context_embeddings
    return Factors(users, sequence.item_embeddings)


def newest_liked(matrix: InteractionMatrix, interactions: Interactions) -> tuple[slice, csr_matrix]:
    """What the newest distinct liked items weigh of users with neighbouring rows (r, i).

    All interactions are of these users. The sum of a row is 1, or 0. The weights are those of
    `domain.live_vector.sequence_weights`, of all these users at once.
    """
    if not len(interactions):
        return slice(0), csr_matrix((0, len(matrix.item_nos)))
    bounds = [interactions.user_nos.min(), interactions.user_nos.max()]
    first, last = np.searchsorted(matrix.user_nos, bounds).tolist()
    rows = slice(first, last + 1)
    found = _newest_weights(matrix, interactions, rows)
    return rows, csr_matrix(found.multiply(1.0 / np.maximum(_sums(found), 1.0)[:, None]))


def _newest_weights(
    matrix: InteractionMatrix, interactions: Interactions, users: slice
) -> csr_matrix:
    """(r, i) the weights of the newest items of the users in some rows."""
    liked = steps(interactions)
    rows = np.searchsorted(matrix.user_nos[users], liked.user_nos)[::-1]
    columns = np.searchsorted(matrix.item_nos, liked.item_nos)[::-1]
    _, newest = np.unique(rows * len(matrix.item_nos) + columns, return_index=True)
    newest = newest[np.lexsort((newest, rows[newest]))]
    rows, columns = rows[newest], columns[newest]
    ages = np.arange(len(rows)) - np.searchsorted(rows, rows)
    recent = ages < _LIVE.sequence_events
    weights = _LIVE.sequence_decay ** ages[recent].astype(np.float64)
    shape = (users.stop - users.start, len(matrix.item_nos))
    return csr_matrix((weights, (rows[recent], columns[recent])), shape=shape)


def _sums(found: csr_matrix) -> NDArray[np.float64]:
    """The sums of the rows; the newest item of a user weighs 1."""
    return np.asarray(found.sum(axis=1), dtype=np.float64).ravel()
