"""Evaluation: how well lists foresee what users came to like."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from batch.fitting import Factors
from batch.lists import NO_ITEM, Lists, best_lists
from batch.matrix import InteractionMatrix
from batch.splitting import Relevant, pair_keys

DEPTH = 20
"""How many items of a list count."""


@dataclass(frozen=True, slots=True)
class Figures:
    """Means over the evaluated users, all in [0, 1]."""

    ndcg: float
    recall: float
    coverage: float
    """Share of the items known in the past that stand in at least one list."""
    users: int
    """How many users were evaluated."""

    def metrics(self, prefix: str = "") -> dict[str, float]:
        """As they are stored with the run."""
        return {
            f"{prefix}ndcg@{DEPTH}": self.ndcg,
            f"{prefix}recall@{DEPTH}": self.recall,
            f"{prefix}coverage@{DEPTH}": self.coverage,
        }


def score(
    past: InteractionMatrix,
    factors: Factors,
    relevant: Relevant,
    *,
    chunk_users: int,
    threads: int = 0,
) -> Figures:
    """Judge factors learned from `past` on what the users newly liked after it.

    Every user of `relevant` must have a row in `past`, and `relevant` must not be empty.
    """
    user_nos = relevant.users()
    rows = np.searchsorted(past.user_nos, user_nos)
    ndcgs, recalls, listed = [], [], []
    for start in range(0, len(rows), chunk_users):
        chunk = rows[start : start + chunk_users]
        lists = best_lists(past, factors, chunk, length=DEPTH, threads=threads)
        hits = hits_of(lists, relevant)
        wanted = relevant_counts(lists.user_nos, relevant)
        ndcgs.append(ndcg(hits, wanted))
        recalls.append(recall(hits, wanted))
        listed.append(np.unique(lists.item_nos))
    return Figures(
        ndcg=float(np.concatenate(ndcgs).mean()),
        recall=float(np.concatenate(recalls).mean()),
        coverage=coverage(np.concatenate(listed), len(past.item_nos)),
        users=len(user_nos),
    )


def hits_of(lists: Lists, relevant: Relevant) -> NDArray[np.bool_]:
    """Whether each listed item is relevant to its user, (n, k)."""
    keys = pair_keys(lists.user_nos[:, None], lists.item_nos)
    found = np.isin(keys, pair_keys(relevant.user_nos, relevant.item_nos))
    return np.asarray(found & (lists.item_nos != NO_ITEM))


def relevant_counts(user_nos: NDArray[np.int32], relevant: Relevant) -> NDArray[np.intp]:
    """How many items are relevant to each user, (n,)."""
    first = np.searchsorted(relevant.user_nos, user_nos, side="left")
    return np.searchsorted(relevant.user_nos, user_nos, side="right") - first


def ndcg(hits: NDArray[np.bool_], wanted: NDArray[np.integer]) -> NDArray[np.float64]:
    """Normalised discounted cumulative gain at k of each user, (n,), relevance 0 or 1.

    `hits` (n, k) best first; `wanted` (n,) how many items are relevant, at least 1 each
    (Jarvelin and Kekalainen 2002, discount 1 / log2(rank + 1)).
    """
    depth = hits.shape[1]
    discounts = 1.0 / np.log2(np.arange(depth) + 2.0)
    # nDCG = DCG / IDCG, where the ideal list begins with min(wanted, k) relevant items
    ideal = np.concatenate([[0.0], np.cumsum(discounts)])[np.minimum(wanted, depth)]
    return np.asarray(hits @ discounts / ideal)


def recall(hits: NDArray[np.bool_], wanted: NDArray[np.integer]) -> NDArray[np.float64]:
    """Share of each user's relevant items that are in the list, (n,)."""
    return np.asarray(hits.sum(axis=1) / wanted)


def coverage(listed: NDArray[np.integer], catalogue_size: int) -> float:
    """Share of the catalogue that stands in at least one list."""
    return float(len(np.setdiff1d(listed, [NO_ITEM])) / catalogue_size)
