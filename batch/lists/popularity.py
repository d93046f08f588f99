"""Popularity: what many users liked, lately or ever.

It is what runs are compared with. The lists that are served are made by the store itself, from the
log as it is just then; a test proves both equal.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from batch.fitting import Factors
from batch.history.interactions import Interactions, rises
from batch.history.matrix import InteractionMatrix
from batch.history.splitting import pair_keys
from batch.settings import BatchSettings
from domain.rankings import Ranking


def popular(interactions: Interactions, as_of: np.datetime64, settings: BatchSettings) -> Ranking:
    """Items liked lately: each user counts once an item, by the age of the newest liking.

    That of all time if fewer than `fewest_popular_items` items were liked lately.
    """
    recent = _since(interactions, as_of, settings.popular_days)
    ranking = _ranking(
        recent, lambda part: 0.5 ** (part.ages_days(as_of) / settings.popular_half_life_days)
    )
    return ranking if len(ranking) >= settings.fewest_popular_items else all_time(interactions)


def all_time(interactions: Interactions) -> Ranking:
    """Items by the number of users who ever liked them."""
    return _ranking(interactions, lambda part: np.ones(len(part)))


def popular_parameters(settings: BatchSettings) -> dict[str, float]:
    """What the lists are made by, as it is stored in the row of the run."""
    return {
        "days": settings.popular_days,
        "half_life_days": settings.popular_half_life_days,
        "fewest_items": settings.fewest_popular_items,
        "length": settings.popular_length,
        "fewest_category_items": settings.fewest_category_items,
    }


def as_factors(ranking: Ranking, matrix: InteractionMatrix) -> Factors:
    """A ranking as factors of one dimension, so that it is judged like any other."""
    items = np.zeros((len(matrix.item_nos), 1), dtype=np.float32)
    known = ranking.only(matrix.item_nos)
    items[np.searchsorted(matrix.item_nos, known.item_nos), 0] = known.scores
    return Factors(np.ones((len(matrix.user_nos), 1), dtype=np.float32), items)


def popular_scores(
    past: Interactions, matrix: InteractionMatrix, as_of: np.datetime64, settings: BatchSettings
) -> NDArray[np.float64]:
    """(i,) the scores of the popular list as it would be served; 0 for what is not in it."""
    listed = as_factors(popular(past, as_of, settings), matrix)
    return np.asarray(listed.items[:, 0], dtype=np.float64)


def _since(interactions: Interactions, as_of: np.datetime64, days: float) -> Interactions:
    recent = np.empty(len(interactions), dtype=np.bool_)
    for part in interactions.slices():
        recent[part] = interactions.where(part).ages_days(as_of) <= days
    if rises(interactions.occurred_at):
        # A view: they may be most of the history.
        return interactions.where(slice(len(recent) - int(recent.sum()), None))
    return interactions.where(recent)


def _ranking(
    interactions: Interactions, weights_of: Callable[[Interactions], NDArray[np.float64]]
) -> Ranking:
    """Items by the sum over users of the greatest weight of a positive interaction."""
    if not len(interactions):
        return Ranking.empty()
    sums = np.zeros(int(interactions.item_nos.max()) + 1)
    for part in interactions.by_users():
        liked = part.where(part.weights() > 0)
        weights, keys = weights_of(liked), pair_keys(liked.user_nos, liked.item_nos)
        order = np.lexsort((-weights, keys))
        chosen = order[np.diff(keys[order], prepend=-1) != 0]
        sums += np.bincount(liked.item_nos[chosen], weights[chosen], minlength=len(sums))
    item_nos = np.flatnonzero(sums)
    return Ranking.of(item_nos, sums[item_nos].astype(np.float64))
