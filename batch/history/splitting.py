"""The split by time: a past to learn from, and a held-out future to be judged on."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from batch.history.interactions import Interactions, rises
from batch.history.matrix import InteractionMatrix, interaction_matrix


@dataclass(frozen=True, slots=True)
class Split:
    """Everything before a moment, and everything from it on."""

    moment: np.datetime64
    past: Interactions
    future: Interactions


@dataclass(frozen=True, slots=True)
class Relevant:
    """What evaluated users came to like and had not seen before: pairs (n,), in rising order."""

    user_nos: NDArray[np.int32]
    item_nos: NDArray[np.int32]

    def users(self) -> NDArray[np.int32]:
        """The distinct users, rising."""
        return np.unique(self.user_nos)

    def of_users(self, user_nos: NDArray[np.integer]) -> "Relevant":
        """The pairs of some users."""
        kept = np.isin(self.user_nos, user_nos)
        return Relevant(self.user_nos[kept], self.item_nos[kept])


def split_by_time(interactions: Interactions, holdout_share: float) -> Split:
    """Hold out about `holdout_share` of the interactions, the newest.

    Interactions of one instant fall on the same side: all of the future is later than the past.
    """
    if not len(interactions):
        return Split(np.datetime64(0, "us"), interactions, interactions)
    index = min(int(len(interactions) * (1.0 - holdout_share)), len(interactions) - 1)
    if rises(interactions.occurred_at):
        # Both are views of the history, which has gigabytes where there are many interactions.
        moment = interactions.occurred_at[index]
        first = int(np.searchsorted(interactions.occurred_at, moment))
        past, future = slice(0, first), slice(first, None)
        return Split(moment, interactions.where(past), interactions.where(future))
    moment = np.partition(interactions.occurred_at, index)[index]
    in_future = interactions.occurred_at >= moment
    return Split(moment, interactions.where(~in_future), interactions.where(in_future))


def split_by_user(
    interactions: Interactions, share: float, *, seed: int
) -> tuple[Interactions, Interactions]:
    """Hold out this share of each user's interactions, the newest, rounded down.

    The rest and what is held out, both in time order. The rest of one user may be later than what
    is held out of another. Which items of one instant are the newest is drawn: many logs have no
    more than the day, and numbers say how long items have been known.
    """
    ordered = interactions.in_time_order()
    keys = pair_keys(ordered.user_nos, ordered.item_nos)
    pairs, pair_of = np.unique(keys, return_inverse=True)
    turns = np.random.default_rng(seed).random(len(pairs))[pair_of]
    by_user = np.lexsort((turns, ordered.occurred_at, ordered.user_nos))
    _, starts, counts = np.unique(ordered.user_nos[by_user], return_index=True, return_counts=True)
    kept = counts - (counts * share).astype(np.int64)
    places = np.arange(len(by_user)) - np.repeat(starts, counts)
    is_held = np.zeros(len(by_user), dtype=np.bool_)
    is_held[by_user] = places >= np.repeat(kept, counts)
    return ordered.where(~is_held), ordered.where(is_held)


def relevant_in_future(
    past: InteractionMatrix, future: Interactions, as_of: np.datetime64
) -> Relevant:
    """What users who liked something before `as_of` newly like in the future.

    A pair counts if its summed weight in the future is positive and the user had not seen the
    item. Items nobody knew in the past count too: they are missed by whoever learned from it.
    """
    later = interaction_matrix(future, as_of)
    sums = later.weights.tocoo()
    liked = sums.data > 0.0
    user_nos, item_nos = later.user_nos[sums.row[liked]], later.item_nos[sums.col[liked]]
    known = np.isin(user_nos, past.user_nos[past.rows_who_like()])
    kept = known & ~_seen_before(past, user_nos, item_nos)
    order = np.argsort(pair_keys(user_nos[kept], item_nos[kept]))
    return Relevant(user_nos[kept][order], item_nos[kept][order])


def _seen_before(
    past: InteractionMatrix, user_nos: NDArray[np.int32], item_nos: NDArray[np.int32]
) -> NDArray[np.bool_]:
    """(n,) whether each user had seen the item; memory is that of the answer."""
    seen = np.zeros(len(user_nos), dtype=np.bool_)
    known = np.isin(user_nos, past.user_nos) & np.isin(item_nos, past.item_nos)
    rows = np.searchsorted(past.user_nos, user_nos[known])
    columns = np.searchsorted(past.item_nos, item_nos[known])
    if len(rows):
        seen[known] = np.asarray(past.seen[rows, columns]).ravel() > 0.0
    return seen


def sample_users(user_nos: NDArray[np.int32], most: int, seed: int) -> NDArray[np.int32]:
    """At most `most` of the users, drawn at random, in rising order."""
    if len(user_nos) <= most:
        return user_nos
    drawn = np.random.default_rng(seed).choice(user_nos, most, replace=False)
    return np.sort(drawn)


def pair_keys(user_nos: NDArray[np.integer], item_nos: NDArray[np.integer]) -> NDArray[np.int64]:
    """One number for each pair of a user and an item, in the same order as the pairs."""
    return np.asarray((user_nos.astype(np.int64) << 32) | item_nos.astype(np.int64))
