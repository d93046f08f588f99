"""Judging hyperparameters: one fit on the past, then the scoring that foresees the future best."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from batch.engines.implicit_engine import ImplicitEngine
from batch.evaluation.scoring import DEPTH
from batch.fitting import Factors
from batch.history.interactions import Interactions
from batch.history.matrix import InteractionMatrix
from batch.history.splitting import Relevant
from batch.lists.listing import decayed, fit_factors, scoring_scales
from batch.parameters import ListHyperparameters

_SCORES_AT_ONCE = 1 << 24
_DEVIATIONS = 2.5
"""So many standard errors one configuration must be better than another to count as better.

By 1.64 one in twenty equals would; of the best of seven equals so many are by this.
"""
_DISCOUNTS = 1.0 / np.log2(np.arange(DEPTH) + 2.0)
_IDEAL = np.concatenate([[0.0], np.cumsum(_DISCOUNTS)])

Scorings = Mapping[str, Sequence[float]]
"""Fields of the hyperparameters that cost a scoring and no fit, with the values to try."""


@dataclass(frozen=True, slots=True)
class Times:
    """When what is in the past happened."""

    interactions: Interactions
    as_of: np.datetime64


@dataclass(frozen=True, slots=True)
class EvaluationFold:
    """What configurations are judged on: a past, and what some of its users came to like."""

    past: InteractionMatrix
    relevant: Relevant
    """Sorted by user; of users who have a row in `past`."""
    scorings: Scorings
    trends: Mapping[float, NDArray[np.float64]] = field(default_factory=dict)
    """By half-life in days the trend (i,) of the items; empty where times are unknown."""
    times: Times | None = None
    """None where times are unknown: then nothing decays."""

    def lately(self, hyperparameters: ListHyperparameters) -> NDArray[np.float64]:
        """The trend (i,) a configuration asks for."""
        if not self.trends:
            return np.zeros(len(self.past.item_nos))
        return self.trends[hyperparameters.trend_half_life_days]

    def learned_by(self, hyperparameters: ListHyperparameters) -> InteractionMatrix:
        """The past with the decay a configuration asks for."""
        if self.times is None:
            return self.past
        return decayed(self.past, self.times.interactions, self.times.as_of, hyperparameters)


@dataclass(frozen=True, slots=True)
class Accuracy:
    """Means over the users, at 20."""

    recall: float
    ndcg: float
    by_user: tuple[float, ...] = ()
    """Recall + nDCG of each user, to four decimals, fold after fold; () if not kept."""

    @property
    def objective(self) -> float:
        """What a search makes as large as it can."""
        return self.recall + self.ndcg

    def means(self) -> "Accuracy":
        """Without what each user reaches: what nothing will be compared with."""
        return replace(self, by_user=())

    def surely_exceeds(self, other: "Accuracy") -> bool:
        """Whether the same users are better off than by `other`, beyond chance.

        By the paired difference of each user and its standard error.
        """
        differences = np.array(self.by_user) - np.array(other.by_user)
        if len(differences) < 2:  # noqa: PLR2004 -- one has no spread
            return False
        error = differences.std(ddof=1) / np.sqrt(len(differences))
        return bool(differences.mean() > _DEVIATIONS * error)


@dataclass(frozen=True, slots=True)
class Judged:
    """One fit, scored as the hyperparameters say and in the way that suited it best."""

    as_given: Accuracy
    hyperparameters: ListHyperparameters
    """With the scoring that suited the fit best."""
    accuracy: Accuracy
    """Of `hyperparameters`."""


def judge(
    folds: Sequence[EvaluationFold], hyperparameters: ListHyperparameters, *, threads: int = 0
) -> Judged:
    """Fit once a fold and try the values of one field of the scoring after the other.

    The scoring stays as it is unless another is better beyond chance.
    """
    fits = [
        fit_factors(
            fold.learned_by(hyperparameters), hyperparameters, engine=ImplicitEngine(threads)
        )
        for fold in folds
    ]
    (as_given,) = _over_all(folds, fits, [hyperparameters])
    best, accuracy = hyperparameters, as_given
    for name, values in folds[0].scorings.items():
        tried = [_set(best, name, value) for value in values if value != getattr(best, name)]
        if not tried:
            continue
        reached = _over_all(folds, fits, tried)
        index = max(range(len(tried)), key=lambda no: reached[no].objective)
        if reached[index].surely_exceeds(accuracy):
            best, accuracy = tried[index], reached[index]
    return Judged(as_given.means(), best, accuracy)


def accuracies(
    fold: EvaluationFold, fitted: Factors, candidates: Sequence[ListHyperparameters]
) -> list[Accuracy]:
    """What one fit reaches when it is scored by each of the configurations."""
    scales = [
        scoring_scales(fold.past, hyperparameters, fold.lately(hyperparameters))
        for hyperparameters in candidates
    ]
    users = fold.relevant.users()
    wanted = np.bincount(np.searchsorted(users, fold.relevant.user_nos))
    reached = np.zeros((len(candidates), 2, len(users)))
    for index, scores, columns in _of_users(fold, fitted, users):
        for row, scale in enumerate(scales):
            ranks = _ranks(scores * scale, columns)
            reached[row, :, index] = _recall_and_ndcg(ranks, int(wanted[index]))
    return [_accuracy(recall, ndcg) for recall, ndcg in reached]


def _accuracy(recall: NDArray[np.float64], ndcg: NDArray[np.float64]) -> Accuracy:
    by_user = np.round(recall + ndcg, 4)
    return Accuracy(float(recall.mean()), float(ndcg.mean()), tuple(by_user.tolist()))


def _over_all(
    folds: Sequence[EvaluationFold],
    fits: Sequence[Factors],
    candidates: Sequence[ListHyperparameters],
) -> list[Accuracy]:
    """What each configuration reaches: the mean of the folds, and the users of all of them."""
    by_fold = [
        accuracies(fold, fitted, candidates) for fold, fitted in zip(folds, fits, strict=True)
    ]
    return [
        Accuracy(
            sum(accuracy.recall for accuracy in same) / len(same),
            sum(accuracy.ndcg for accuracy in same) / len(same),
            tuple(value for accuracy in same for value in accuracy.by_user),
        )
        for same in zip(*by_fold, strict=True)
    ]


def _of_users(
    fold: EvaluationFold, fitted: Factors, users: NDArray[np.int32]
) -> Iterator[tuple[int, NDArray[np.float32], NDArray[np.intp]]]:
    """Of each user the index, the scores (i,), lowest for what is seen, and relevant columns.

    Relevant items that the past does not know are left out.
    """
    relevant, item_nos = fold.relevant, fold.past.item_nos
    known = np.isin(relevant.item_nos, item_nos)
    columns = np.searchsorted(item_nos, relevant.item_nos[known])
    bounds = np.searchsorted(relevant.user_nos[known], users, side="left").tolist()
    bounds.append(len(columns))
    for first, block in _blocks(fold, fitted, users):
        for row, scores in enumerate(block):
            index = first + row
            yield index, scores, columns[bounds[index] : bounds[index + 1]]


def _blocks(
    fold: EvaluationFold, fitted: Factors, users: NDArray[np.int32]
) -> Iterator[tuple[int, NDArray[np.float32]]]:
    """Blocks of users: the index of the first, and scores (n, i), lowest for what is seen."""
    items = np.ascontiguousarray(fitted.items.T)
    at_once = max(1, _SCORES_AT_ONCE // items.shape[1])
    rows = np.searchsorted(fold.past.user_nos, users)
    for first in range(0, len(rows), at_once):
        block = rows[first : first + at_once]
        scores = fitted.users[block] @ items
        seen = fold.past.seen[block].tocoo()
        scores[seen.row, seen.col] = -np.inf
        yield first, scores


def _ranks(scores: NDArray[np.float32], columns: NDArray[np.intp]) -> NDArray[np.intp]:
    """How many items stand before each of `columns`; counting is quicker than sorting."""
    return np.array(
        [np.count_nonzero(scores > scores[column]) for column in columns], dtype=np.intp
    )


def _recall_and_ndcg(ranks: NDArray[np.intp], wanted: int) -> tuple[float, float]:
    found = ranks[ranks < DEPTH]
    return len(found) / wanted, _DISCOUNTS[found].sum() / _IDEAL[min(wanted, DEPTH)]


def _set(hyperparameters: ListHyperparameters, name: str, value: float) -> ListHyperparameters:
    changed: dict[str, Any] = {name: value}
    return replace(hyperparameters, **changed)
