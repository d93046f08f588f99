"""The items liked by the users most like one, of those that a night knows.

The arithmetic is that of `serving/candidates/`, whose source asks the store instead.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from batch.history.interactions import Interactions
from batch.space.composing import ItemSpace
from domain.blend import NEAREST_USERS, NEWEST_LIKED
from domain.identifiers import UserNo
from domain.live_vector import History, live_vector


@dataclass(frozen=True, slots=True)
class Neighbourhood:
    """The users of a night, as its run knows them."""

    user_nos: NDArray[np.int32]
    """(u,) rising: those who have a live vector."""
    vectors: NDArray[np.float64]
    """(u, d) live vectors of length 1."""
    liked: csr_matrix
    """(u, i) 1 where an item is among the user's newest liked ones."""

    def scores(self, user_no: UserNo, vector: NDArray[np.floating]) -> NDArray[np.float64]:
        """(i,) the sum of the cosines of the users nearest to a live vector who like each item."""
        cosines = self.vectors @ (vector / np.linalg.norm(vector))
        cosines[self.user_nos == user_no] = -np.inf
        nearest = np.argsort(-cosines, kind="stable")[:NEAREST_USERS]
        nearest = nearest[cosines[nearest] > 0.0]
        return np.asarray(self.liked[nearest].T @ cosines[nearest])


def fit_neighbourhood(past: Interactions, space: ItemSpace) -> Neighbourhood:
    """All users of a log in time order, whose items are those of the space."""
    weights = past.weights()
    by_user = np.argsort(past.user_nos, kind="stable")
    user_nos, starts = np.unique(past.user_nos[by_user], return_index=True)
    found, vectors, columns = [], [], []
    for user_no, own in zip(user_nos.tolist(), np.split(by_user, starts[1:]), strict=True):
        vector = live_vector(space.space, space.items, History(past.item_nos[own], weights[own]))
        if vector is None or not vector.any():
            continue
        liked = past.item_nos[own[weights[own] > 0.0][-NEWEST_LIKED:]]
        rows = np.unique(space.items.rows_of(liked))
        found.append(user_no)
        vectors.append(vector / np.linalg.norm(vector))
        columns.append(rows[rows >= 0])
    indptr = np.cumsum([0, *map(len, columns)])
    indices = np.concatenate([np.empty(0, dtype=np.intp), *columns])
    shape = (len(found), len(space.items.item_nos))
    dimensions = space.items.vectors.shape[1]
    return Neighbourhood(
        np.array(found, dtype=np.int32),
        np.array(vectors, dtype=np.float64).reshape(-1, dimensions),
        csr_matrix((np.ones(len(indices)), indices, indptr), shape=shape),
    )
