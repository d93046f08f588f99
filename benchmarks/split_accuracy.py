"""The accuracy of the lists on a public split, tuned on its training part alone."""

from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from time import perf_counter
from typing import Any

from batch.evaluation.scoring import DEPTH
from batch.history.matrix import InteractionMatrix
from batch.history.splitting import sample_users
from batch.lists.listing import als_parameters, fit_timeless_lists, threshold
from batch.parameters import ListHyperparameters
from batch.tuning.judging import EvaluationFold
from batch.tuning.search import Budget, Search, Trial
from benchmarks.public_split import default_hyperparameters, read_split, score_test
from benchmarks.random_holdout import hold_out_at_random

_HOLDOUT_SHARE = 0.2
_HOLDOUT_USERS = 0.2
"""Of few users, as much as a test holds out: the past stays about as dense as train. What suits
64 % of the data is too strongly regularized for 80 %."""
_MOST_HOLDOUTS = 5
"""Fewer users are held out from several times, or the search would follow chance."""
_JUDGED_USERS = 6_000
_FEWEST_JUDGED_USERS = 20
_POPULARITY_EXPONENTS = (-0.1, -0.05, 0.0, 0.05, 0.1, 0.15, 0.2, 0.3)

OnTrial = Callable[[Trial], None]


@dataclass(frozen=True, slots=True)
class Measured:
    """The outcome of one benchmark."""

    recall: float
    ndcg: float
    users: int
    """Of the test."""
    hyperparameters: ListHyperparameters
    trials: int
    search_seconds: float
    fit_seconds: float
    score_seconds: float

    def parameters(self) -> dict[str, Any]:
        """The hyperparameters as they were used."""
        return asdict(self.hyperparameters)

    def described(self) -> dict[str, Any]:
        """For programs."""
        return {
            f"recall@{DEPTH}": self.recall,
            f"ndcg@{DEPTH}": self.ndcg,
            "users": self.users,
            "parameters": self.parameters(),
            "trials": self.trials,
            "search_seconds": round(self.search_seconds, 3),
            "fit_seconds": round(self.fit_seconds, 3),
            "score_seconds": round(self.score_seconds, 3),
        }


def measure_split(
    folder: Path,
    *,
    budget_seconds: float,
    seed: int,
    threads: int = 0,
    budget: Budget | None = None,
    on_trial: OnTrial = lambda _trial: None,
) -> Measured:
    """Search on train, fit on all of train, score the test, which nothing else looks at.

    `budget` replaces `budget_seconds` where numbers of trials are to end the search.
    """
    split = read_split(folder)
    began = perf_counter()
    hyperparameters, trials = tuned_on_train(
        split.train,
        default_hyperparameters(seed),
        budget or Budget(budget_seconds),
        threads=threads,
        on_trial=on_trial,
    )
    searched = perf_counter()
    hyperparameters = _resolved(split.train, hyperparameters)
    factors = fit_timeless_lists(split.train, hyperparameters, threads=threads)
    fitted = perf_counter()
    figures = score_test(split, factors, threads=threads)
    return Measured(
        figures.recall,
        figures.ndcg,
        figures.users,
        hyperparameters,
        trials,
        search_seconds=searched - began if trials else 0.0,
        fit_seconds=fitted - searched,
        score_seconds=perf_counter() - fitted,
    )


def tuned_on_train(
    train: InteractionMatrix,
    default: ListHyperparameters,
    budget: Budget,
    *,
    threads: int = 0,
    on_trial: OnTrial = lambda _trial: None,
) -> tuple[ListHyperparameters, int]:
    """The best configuration for random holdouts of `train`, and the number of trials.

    The default without trials if there is no time, or too little to hold out.
    """
    if budget.seconds <= 0:
        return default, 0
    folds = _folds(train, default.seed)
    if sum(len(fold.relevant.users()) for fold in folds) < _FEWEST_JUDGED_USERS:
        return default, 0
    found = Search(folds, [default], budget, threads=threads, on_trial=on_trial).run()
    return (found.hyperparameters if found.better else default), len(found.trials)


def _folds(train: InteractionMatrix, seed: int) -> list[EvaluationFold]:
    """Random holdouts of train: one if it has many users, several if it has few."""
    users = max(int(len(train.rows_who_like()) * _HOLDOUT_USERS), 1)
    holdouts = min(_MOST_HOLDOUTS, max(round(_JUDGED_USERS / users), 1))
    folds = []
    for no in range(holdouts):
        past, held_out = hold_out_at_random(
            train, _HOLDOUT_SHARE, seed + no, of_users=_HOLDOUT_USERS
        )
        judged = sample_users(held_out.users(), _JUDGED_USERS, seed)
        scorings = {"popularity_exponent": _POPULARITY_EXPONENTS}
        folds.append(EvaluationFold(past, held_out.of_users(judged), scorings))
    return folds


def _resolved(
    train: InteractionMatrix, hyperparameters: ListHyperparameters
) -> ListHyperparameters:
    """The hyperparameters with what the data decide."""
    return replace(
        hyperparameters,
        factors=als_parameters(train, hyperparameters).factors,
        threshold=threshold(train, hyperparameters),
    )
