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
    users = newest_liked(matrix, interactions) @ sequence.context_embeddings
    return Factors(np.asarray(users, dtype=np.float32), sequence.item_embeddings)


def newest_liked(matrix: InteractionMatrix, interactions: Interactions) -> csr_matrix:
    """(u, i) what each user's newest distinct liked items weigh; the sum of a row is 1, or 0.

    The weights are those of `domain.live_vector.sequence_weights`, of all users at once.
    """
    shape = (len(matrix.user_nos), len(matrix.item_nos))
    found = csr_matrix(shape)
    for part in interactions.by_users():
        found = found + _newest_weights(matrix, part)
    return csr_matrix(found.multiply(1.0 / np.maximum(_sums(found), 1.0)[:, None]))


def _newest_weights(matrix: InteractionMatrix, interactions: Interactions) -> csr_matrix:
    """(u, i) the weights of some users' newest items."""
    liked = steps(interactions)
    rows = np.searchsorted(matrix.user_nos, liked.user_nos)[::-1]
    columns = np.searchsorted(matrix.item_nos, liked.item_nos)[::-1]
    _, newest = np.unique(rows * len(matrix.item_nos) + columns, return_index=True)
    newest = newest[np.lexsort((newest, rows[newest]))]
    rows, columns = rows[newest], columns[newest]
    ages = np.arange(len(rows)) - np.searchsorted(rows, rows)
    recent = ages < _LIVE.sequence_events
    weights = _LIVE.sequence_decay ** ages[recent].astype(np.float64)
    shape = (len(matrix.user_nos), len(matrix.item_nos))
    return csr_matrix((weights, (rows[recent], columns[recent])), shape=shape)


def _sums(found: csr_matrix) -> NDArray[np.float64]:
    """The sums of the rows; the newest item of a user weighs 1."""
    return np.asarray(found.sum(axis=1), dtype=np.float64).ravel()
