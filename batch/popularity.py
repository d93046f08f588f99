"""Popularity: what many users liked, lately or ever, in all and by category."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from batch.bulk import append, array_column, constant_column
from batch.catalogue import Catalogue
from batch.fitting import Factors
from batch.history import Interactions
from batch.matrix import InteractionMatrix
from batch.settings import BatchSettings
from batch.splitting import pair_keys
from domain.identifiers import RunId
from domain.rankings import Ranking

_WHOLE_CATALOGUE = ""
_WINDOWS_BEFORE = 4
"""How many windows before the last one tell what is usual for an item."""


@dataclass(frozen=True, slots=True)
class PopularList:
    """One popular list; category '' is the whole catalogue."""

    name: str
    category: str
    ranking: Ranking


def popular(interactions: Interactions, as_of: np.datetime64, settings: BatchSettings) -> Ranking:
    """Items liked lately: each user counts once an item, by the age of the newest liking.

    That of all time if fewer than `fewest_popular_items` items were liked lately.
    """
    recent = _since(interactions, as_of, settings.popular_days)
    half_lives = recent.ages_days(as_of) / settings.popular_half_life_days
    ranking = _ranking(recent, 0.5**half_lives)
    return ranking if len(ranking) >= settings.fewest_popular_items else all_time(interactions)


def all_time(interactions: Interactions) -> Ranking:
    """Items by the number of users who ever liked them."""
    return _ranking(interactions, np.ones(len(interactions)))


def trending(interactions: Interactions, as_of: np.datetime64, settings: BatchSettings) -> Ranking:
    """Items with more likers in the last days than they usually have in as many."""
    days = settings.trending_days
    recent = all_time(_since(interactions, as_of, days))
    longer = all_time(_since(interactions, as_of, days * (1 + _WINDOWS_BEFORE)))
    before = longer.scores[np.argsort(longer.item_nos)]
    places = np.searchsorted(np.sort(longer.item_nos), recent.item_nos)
    usual = (before[places] - recent.scores) / _WINDOWS_BEFORE
    growth = recent.scores - usual
    return Ranking.of(recent.item_nos[growth > 0], growth[growth > 0])


def popular_lists(
    interactions: Interactions,
    catalogue: Catalogue,
    as_of: np.datetime64,
    settings: BatchSettings,
) -> list[PopularList]:
    """All popular lists of a run, without unavailable items, for every category big enough."""
    rankings = {
        "popular": popular(interactions, as_of, settings),
        "all_time": all_time(interactions),
        "trending": trending(interactions, as_of, settings),
    }
    lists = []
    for name, ranking in rankings.items():
        listable = ranking.without(catalogue.unavailable)
        lists.append(PopularList(name, _WHOLE_CATALOGUE, listable.top(settings.popular_length)))
        for category, members in catalogue.categories.items():
            part = listable.only(members).top(settings.popular_length)
            if len(part) >= settings.fewest_category_items:
                lists.append(PopularList(name, category, part))
    return lists


def as_factors(ranking: Ranking, matrix: InteractionMatrix) -> Factors:
    """A ranking as factors of one dimension, so that it is judged like any other."""
    items = np.zeros((len(matrix.item_nos), 1), dtype=np.float32)
    known = ranking.only(matrix.item_nos)
    items[np.searchsorted(matrix.item_nos, known.item_nos), 0] = known.scores
    return Factors(np.ones((len(matrix.user_nos), 1), dtype=np.float32), items)


def store_popular_lists(connection: Any, run_id: RunId, lists: Sequence[PopularList]) -> None:
    """Append popular lists to the run's partition over an ADBC connection and commit."""
    lengths = np.array([len(one.ranking) for one in lists])
    item_nos = np.concatenate([one.ranking.item_nos for one in lists])
    scores = np.concatenate([one.ranking.scores for one in lists]).astype(np.float32)
    columns = {
        "run_id": constant_column(run_id, len(lists)),
        "list": pa.array([one.name for one in lists]),
        "category": pa.array([one.category for one in lists]),
        "item_nos": array_column(item_nos, lengths),
        "scores": array_column(scores, lengths),
    }
    append(connection, f"popular_items_{run_id}", columns)


def _since(interactions: Interactions, as_of: np.datetime64, days: float) -> Interactions:
    return interactions.where(interactions.ages_days(as_of) <= days)


def _ranking(interactions: Interactions, weights: NDArray[np.float64]) -> Ranking:
    """Items by the sum over users of the greatest weight of a positive interaction."""
    positive = interactions.strengths() > 0
    keys = pair_keys(interactions.user_nos[positive], interactions.item_nos[positive])
    if not len(keys):
        return Ranking.empty()
    order = np.lexsort((-weights[positive], keys))
    first = np.concatenate([[True], np.diff(keys[order]) != 0])
    chosen = order[first]
    sums = np.bincount(interactions.item_nos[positive][chosen], weights=weights[positive][chosen])
    item_nos = np.flatnonzero(sums)
    return Ranking.of(item_nos, sums[item_nos].astype(np.float64))
