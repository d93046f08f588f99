"""Metrics of lists against what their users came to like. Pure; one number a user."""

import numpy as np
from numpy.typing import NDArray

from batch.history.splitting import Relevant, pair_keys
from batch.lists.nightly_lists import NO_ITEM, Lists


def hits_of(lists: Lists, relevant: Relevant) -> NDArray[np.bool_]:
    """Whether each listed item is relevant to its user, (n, k)."""
    keys = pair_keys(lists.user_nos[:, None], lists.item_nos)
    found = np.isin(keys, pair_keys(relevant.user_nos, relevant.item_nos))
    return np.asarray(found & (lists.item_nos != NO_ITEM))


def relevant_counts(user_nos: NDArray[np.int32], relevant: Relevant) -> NDArray[np.intp]:
    """How many items are relevant to each user, (n,)."""
    first = np.searchsorted(relevant.user_nos, user_nos, side="left")
    return np.searchsorted(relevant.user_nos, user_nos, side="right") - first


def ndcg(hits: NDArray[np.bool_], wanted: NDArray[np.integer], k: int) -> NDArray[np.float64]:
    """Normalised discounted cumulative gain at k of each user, (n,), relevance 0 or 1.

    `hits` (n, d) best first; a list shorter than k counts as ending in misses. `wanted` (n,) how
    many items are relevant, at least 1 each (Jarvelin and Kekalainen 2002, discount
    1 / log2(rank + 1)).
    """
    discounts = 1.0 / np.log2(np.arange(k) + 2.0)
    top = hits[:, :k]
    # nDCG = DCG / IDCG, where the ideal list begins with min(wanted, k) relevant items
    ideal = np.concatenate([[0.0], np.cumsum(discounts)])[np.minimum(wanted, k)]
    return np.asarray(top @ discounts[: top.shape[1]] / ideal)


def recall(hits: NDArray[np.bool_], wanted: NDArray[np.integer], k: int) -> NDArray[np.float64]:
    """Share of each user's relevant items among the first k, (n,)."""
    return np.asarray(hits[:, :k].sum(axis=1) / wanted)


def hit_rate(hits: NDArray[np.bool_], k: int) -> NDArray[np.float64]:
    """1 for each user with a relevant item among the first k, else 0, (n,)."""
    return np.asarray(hits[:, :k].any(axis=1).astype(np.float64))


def reciprocal_rank(hits: NDArray[np.bool_]) -> NDArray[np.float64]:
    """1 / rank of each user's first relevant item, 0 if none is listed, (n,)."""
    if not hits.shape[1]:
        return np.zeros(len(hits))
    return np.asarray(hits.any(axis=1) / (hits.argmax(axis=1) + 1.0))


def novelty(
    lists: Lists, item_nos: NDArray[np.int32], knowers: NDArray[np.floating], users: int, k: int
) -> NDArray[np.float64]:
    """Mean self-information in bits of the first k items of each user, (n,); 0 for an empty list.

    `item_nos` (i,) rising and `knowers` (i,), at least 1: how many of the `users` know each item
    (Vargas and Castells 2011; Zhou et al. 2010).
    """
    top = lists.item_nos[:, :k]
    listed = top != NO_ITEM
    # -log2 of the share of users who know the item
    information = -np.log2(knowers / users)
    indexes = np.searchsorted(item_nos, np.where(listed, top, item_nos[0]))
    sums = np.where(listed, information[indexes], 0.0).sum(axis=1)
    return np.asarray(sums / np.maximum(listed.sum(axis=1), 1))


def coverage(listed: NDArray[np.integer], catalogue_size: int) -> float:
    """Share of the catalogue that stands in at least one list."""
    return float(len(np.setdiff1d(listed, [NO_ITEM])) / catalogue_size)
