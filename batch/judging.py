"""Judging a recipe: one fit on the past, then the scoring that foresees the held-out items best."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from batch.evaluation import DEPTH
from batch.fitting import Factors
from batch.listing import fit_recipe, scoring_scales
from batch.matrix import InteractionMatrix
from batch.parameters import ListRecipe
from batch.splitting import Relevant

_SCORES_AT_ONCE = 1 << 24
_NOISE = 0.8
"""About the standard deviation over users of the difference of two good recipes, as a share of the
mean: 1 % on 6,000 users, 8 % on 100."""

Scorings = Mapping[str, Sequence[float]]
"""Fields of a recipe that cost a scoring and no fit, with the values to try."""


@dataclass(frozen=True, slots=True)
class Ground:
    """What recipes are judged on: a past, and what some of its users came to like."""

    past: InteractionMatrix
    relevant: Relevant
    """Sorted by user; of users who have a row in `past`."""
    scorings: Scorings
    trends: Mapping[float, NDArray[np.float64]] = field(default_factory=dict)
    """By half-life in days the trend (i,) of the items; empty where times are unknown."""

    def lately(self, recipe: ListRecipe) -> NDArray[np.float64]:
        """The trend (i,) a recipe asks for."""
        if not self.trends:
            return np.zeros(len(self.past.item_nos))
        return self.trends[recipe.trend_half_life_days]


@dataclass(frozen=True, slots=True)
class Accuracy:
    """Means over the users, at 20."""

    recall: float
    ndcg: float

    @property
    def objective(self) -> float:
        """What a search makes as large as it can."""
        return self.recall + self.ndcg


@dataclass(frozen=True, slots=True)
class Judged:
    """One fit, scored as the recipe says and in the way that suited it best."""

    as_given: Accuracy
    recipe: ListRecipe
    """With the scoring that suited the fit best."""
    accuracy: Accuracy
    """That of `recipe`."""


def judge(grounds: Sequence[Ground], recipe: ListRecipe, *, threads: int = 0) -> Judged:
    """Fit once a ground and try the values of one field of the scoring after the other.

    The scoring stays as it is unless another is better beyond noise.
    """
    fits = [fit_recipe(ground.past, recipe, threads=threads) for ground in grounds]
    (as_given,) = _means(grounds, fits, [recipe])
    best, accuracy = recipe, as_given
    for name, values in grounds[0].scorings.items():
        tried = [_set(best, name, one) for one in values if one != getattr(best, name)]
        reached = _means(grounds, fits, tried)
        place = max(range(len(tried)), key=lambda no: reached[no].objective)
        if reached[place].objective > accuracy.objective * beyond_noise(grounds):
            best, accuracy = tried[place], reached[place]
    return Judged(as_given, best, accuracy)


def beyond_noise(grounds: Sequence[Ground]) -> float:
    """By which factor one objective must exceed another to count as better on these grounds."""
    users = sum(len(ground.relevant.users()) for ground in grounds)
    return 1.0 + _NOISE / math.sqrt(max(users, 1))


def _means(
    grounds: Sequence[Ground], fits: Sequence[Factors], recipes: Sequence[ListRecipe]
) -> list[Accuracy]:
    """What each recipe reaches in the mean of the grounds."""
    by_ground = [
        accuracies(ground, fitted, recipes) for ground, fitted in zip(grounds, fits, strict=True)
    ]
    return [
        Accuracy(
            sum(one.recall for one in same) / len(same), sum(one.ndcg for one in same) / len(same)
        )
        for same in zip(*by_ground, strict=True)
    ]


def accuracies(ground: Ground, fitted: Factors, recipes: Sequence[ListRecipe]) -> list[Accuracy]:
    """What one fit reaches when it is scored by each of the recipes."""
    scales = [scoring_scales(ground.past, one, ground.lately(one)) for one in recipes]
    users = ground.relevant.users()
    wanted = np.bincount(np.searchsorted(users, ground.relevant.user_nos))
    sums = np.zeros((len(recipes), 2))
    for first, scores in _scores(ground, fitted, users):
        pairs = _pairs(ground, users[first : first + len(scores)])
        for place, scale in enumerate(scales):
            sums[place] += _block_sums(scores * scale, pairs, wanted[first : first + len(scores)])
    means = sums / len(users)
    return [Accuracy(recall, ndcg) for recall, ndcg in means.tolist()]


def _scores(
    ground: Ground, fitted: Factors, users: NDArray[np.int32]
) -> Iterator[tuple[int, NDArray[np.float32]]]:
    """Blocks of users: the place of the first, and scores (n, i), lowest for what is seen."""
    items = np.ascontiguousarray(fitted.items.T)
    at_once = max(1, _SCORES_AT_ONCE // items.shape[1])
    rows = np.searchsorted(ground.past.user_nos, users)
    for first in range(0, len(rows), at_once):
        block = rows[first : first + at_once]
        scores = fitted.users[block] @ items
        seen = ground.past.seen[block].tocoo()
        scores[seen.row, seen.col] = -np.inf
        yield first, scores


def _pairs(ground: Ground, users: NDArray[np.int32]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Rows and columns of the relevant items of some users, those unknown in the past left out."""
    relevant = ground.relevant.of_users(users)
    known = np.isin(relevant.item_nos, ground.past.item_nos)
    rows = np.searchsorted(users, relevant.user_nos[known])
    return rows, np.searchsorted(ground.past.item_nos, relevant.item_nos[known])


def _block_sums(
    scores: NDArray[np.float32],
    pairs: tuple[NDArray[np.intp], NDArray[np.intp]],
    wanted: NDArray[np.integer],
) -> NDArray[np.float64]:
    """Sums over users of recall and nDCG, (2,)."""
    depth = min(DEPTH, scores.shape[1])
    top = np.partition(scores, -depth, axis=1)[:, -depth:]
    rows, columns = pairs
    ranks = (top[rows] > scores[rows, columns][:, None]).sum(axis=1)
    hit = ranks < depth
    discounts = 1.0 / np.log2(np.arange(DEPTH) + 2.0)
    ideal = np.concatenate([[0.0], np.cumsum(discounts)])[np.minimum(wanted, DEPTH)]
    recall = (hit / wanted[rows]).sum()
    ndcg = (discounts[ranks[hit]] / ideal[rows[hit]]).sum()
    return np.array([recall, ndcg])


def _set(recipe: ListRecipe, name: str, value: float) -> ListRecipe:
    changed: dict[str, Any] = {name: value}
    return replace(recipe, **changed)
