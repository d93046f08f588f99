"""What follows what in the users' histories."""

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from batch.history.interactions import Interactions
from batch.parameters import SpaceParameters


def following_counts(
    interactions: Interactions,
    item_nos: NDArray[np.int32],
    as_of: np.datetime64,
    parameters: SpaceParameters,
) -> csr_matrix:
    """(i, i) how often the column's item came within `window` positions after the row's item.

    Only what users liked counts, and an item used several times in a row counts once.
    """
    shape = (len(item_nos), len(item_nos))
    counts = csr_matrix(shape)
    for part in interactions.by_users():
        counts = counts + _counts_of(part, item_nos, as_of, parameters)
    counts.setdiag(0.0)
    counts.eliminate_zeros()
    return counts


def _counts_of(
    interactions: Interactions,
    item_nos: NDArray[np.int32],
    as_of: np.datetime64,
    parameters: SpaceParameters,
) -> csr_matrix:
    """(i, i) the same of some users, an item after itself too."""
    liked = steps(interactions)
    columns = np.searchsorted(item_nos, liked.item_nos)
    fresh = 0.5 ** (liked.ages_days(as_of) / parameters.sequence_half_life_days)
    shape = (len(item_nos), len(item_nos))
    counts = csr_matrix(shape)
    for distance in range(1, min(parameters.window, len(liked) - 1) + 1):
        same = np.flatnonzero(liked.user_nos[:-distance] == liked.user_nos[distance:])
        # weight = distance^-p * 2^(-age of the later interaction / half-life)
        weights = distance**-parameters.distance_exponent * fresh[same + distance]
        indexes = (columns[same], columns[same + distance])
        counts = counts + csr_matrix((weights, indexes), shape=shape)
    return csr_matrix(counts)


def steps(interactions: Interactions) -> Interactions:
    """What users liked, by user and in time order, without an item's immediate repetitions."""
    liked = interactions.where(interactions.weights() > 0.0)
    ordered = liked.where(
        np.lexsort((liked.kind_nos, liked.item_nos, liked.occurred_at, liked.user_nos))
    )
    repeated = (np.diff(ordered.user_nos, prepend=-1) == 0) & (
        np.diff(ordered.item_nos, prepend=-1) == 0
    )
    return ordered.where(~repeated)
