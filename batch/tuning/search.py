"""The search for the hyperparameters that suit the data best: arrays in, hyperparameters out.

First many configurations at few factors, where a fit is quick; then the best few and their
neighbours at as many factors as the lists have; at last the winner at twice as many, if the time
allows it.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from statistics import median
from time import perf_counter
from typing import Literal

from batch.lists.listing import most_factors, threshold
from batch.parameters import ListHyperparameters
from batch.tuning.exploring import SPACE, TIMED_SPACE, neighbours, proposed
from batch.tuning.judging import Accuracy, EvaluationFold, Judged, judge

Fidelity = Literal["explored", "verified"]

_EXPLORED_FACTORS = (256, 128, 64)
_EXPLORED_WORK = 5e9
"""The most of (users + items) * factors^2 for a fit at low fidelity."""
_EXPLORED_ITERATIONS = 8
_EXPLORED_SHARE = 0.45
"""Share of the time for the trials at low fidelity."""
_LARGEST_SHARE = 0.3
"""So much the last fit, of twice as many factors, may take."""
_LARGEST_COST = 4.0
"""A fit of twice as many factors takes so many times as long."""
_FINALISTS = 3


@dataclass(frozen=True, slots=True)
class Budget:
    """When a search ends. If its numbers of trials end it, the same search finds the same."""

    seconds: float
    """Of all trials together, those before an interruption among them."""
    explored: int = 60
    """How many trials at few factors, at the most."""
    verified: int = 16
    """How many at all factors, at the most."""
    factors: int = 1024
    """The most factors that are tried."""


@dataclass(frozen=True, slots=True)
class Trial:
    """A finished trial of a search."""

    fidelity: Fidelity
    judged: Judged
    seconds: float

    @property
    def hyperparameters(self) -> ListHyperparameters:
        """With the scoring that suited the fit best."""
        return self.judged.hyperparameters

    @property
    def objective(self) -> float:
        """What the search makes as large as it can."""
        return self.judged.accuracy.objective


@dataclass(frozen=True, slots=True)
class Found:
    """What a search came to."""

    hyperparameters: ListHyperparameters
    """The default, unless another that was verified is better beyond chance."""
    accuracy: Accuracy | None
    default: Accuracy | None
    """What the default hyperparameters reach as they stand; both None if nothing was verified."""
    trials: tuple[Trial, ...]

    @property
    def better(self) -> bool:
        """Whether the best configuration beats the default."""
        if self.accuracy is None or self.default is None:
            return False
        return self.accuracy.objective > self.default.objective

    def verdict(self) -> str:
        """What came of it, in a sentence."""
        if self.accuracy is None or self.default is None:
            return "The time was too short to compare any others with those of the settings."
        reached = f"nDCG@20 {self.accuracy.ndcg:.4f}, recall@20 {self.accuracy.recall:.4f}"
        default = f"nDCG@20 {self.default.ndcg:.4f}, recall@20 {self.default.recall:.4f}"
        if not self.better:
            return f"Nothing better than the hyperparameters of the settings was found: {default}."
        return (
            f"Better hyperparameters were found: {reached}; those of the settings reach {default}."
        )

    def seconds(self) -> float:
        """How long all trials took."""
        return sum(trial.seconds for trial in self.trials)


class Search:
    """A search that can be gone on with: its next step depends on the finished trials alone."""

    def __init__(
        self,
        folds: Sequence[EvaluationFold],
        known: Sequence[ListHyperparameters],
        budget: Budget,
        *,
        threads: int = 0,
        finished: Sequence[Trial] = (),
        on_trial: Callable[[Trial], None] = lambda _trial: None,
    ) -> None:
        """The `known` are tried first, the default before all; `finished` trials not again.

        A trial is a fit on each of the `folds`, which are equally large, and counts by their
        mean. `on_trial` is told every trial as it ends.
        """
        self._folds, self._budget, self._threads = folds, budget, threads
        fold = folds[0]
        self._known = [
            replace(earlier, threshold=threshold(fold.past, earlier)) for earlier in known
        ]
        self._trials = list(finished)
        self._space = SPACE if fold.times is None else TIMED_SPACE
        self._on_trial = on_trial

    def run(self) -> Found:
        """Search until the budget is spent."""
        while (step := self._next()) is not None:
            fidelity, hyperparameters = step
            began = perf_counter()
            judged = judge(self._folds, hyperparameters, threads=self._threads)
            if fidelity == "explored":
                judged = replace(judged, accuracy=judged.accuracy.means())
            self._trials.append(Trial(fidelity, judged, perf_counter() - began))
            self._on_trial(self._trials[-1])
        return self._found()

    def _next(self) -> tuple[Fidelity, ListHyperparameters] | None:
        """The next trial; None at the end."""
        if not self._of("verified") and self._may_explore():
            return "explored", self._to_explore()
        hyperparameters = self._to_verify()
        return None if hyperparameters is None else ("verified", hyperparameters)

    def _may_explore(self) -> bool:
        explored = len(self._of("explored"))
        in_time = self._spent() < self._budget.seconds * _EXPLORED_SHARE
        return not explored or (explored < self._budget.explored and in_time)

    def _to_explore(self) -> ListHyperparameters:
        tried = [(trial.hyperparameters, trial.objective) for trial in self._of("explored")]
        hyperparameters = proposed(tried, self._known, self._known[0].seed, self._space)
        return replace(
            hyperparameters,
            factors=explored_factors(self._folds[0], self._known[0]),
            iterations=_EXPLORED_ITERATIONS,
        )

    def _to_verify(self) -> ListHyperparameters | None:
        """The finalists, then neighbours of the best, at last the best with more factors."""
        verified, finalists = self._of("verified"), self._finalists()
        largest = 2 * finalists[0].factors
        if any(trial.hyperparameters.factors == largest for trial in verified):
            return None
        seconds = self._verified_seconds(finalists[0].factors)
        left = self._budget.seconds - self._spent()
        if len(verified) >= self._budget.verified:
            return None
        if len(verified) < len(finalists):
            return finalists[len(verified)] if seconds <= left else None
        best = max(verified, key=lambda trial: trial.objective).hyperparameters
        may_grow = self._may_grow(largest, seconds * _LARGEST_COST)
        reserved = seconds * _LARGEST_COST if may_grow else 0.0
        if len(verified) < self._budget.verified - may_grow and seconds + reserved <= left:
            done = {self._searched(trial.hyperparameters) for trial in verified}
            for candidate in neighbours(best, step=0.5, space=self._space):
                if self._searched(candidate) not in done:
                    return candidate
        return (
            replace(self._chosen().hyperparameters, factors=largest)
            if may_grow and reserved <= left
            else None
        )

    def _may_grow(self, factors: int, seconds: float) -> bool:
        most = min(self._budget.factors, most_factors(self._folds[0].past))
        return factors <= most and seconds <= self._budget.seconds * _LARGEST_SHARE

    def _finalists(self) -> list[ListHyperparameters]:
        """The default, and the best explored, as they are verified."""
        explored = sorted(self._of("explored"), key=lambda trial: -trial.objective)
        default = self._known[0]
        factors = self._verified_factors()
        chosen = [default, *(trial.hyperparameters for trial in explored[:_FINALISTS])]
        distinct = {
            self._searched(hyperparameters): hyperparameters for hyperparameters in reversed(chosen)
        }
        return [
            replace(hyperparameters, factors=factors, iterations=default.iterations)
            for hyperparameters in reversed(distinct.values())
        ]

    def _verified_factors(self) -> int:
        """As many as the default has: what is better with fewer need not be with these."""
        return min(self._known[0].factors, most_factors(self._folds[0].past))

    def _predicted_seconds(self, factors: int) -> float:
        """How long a fit of so many factors may take, by those at low fidelity."""
        first = self._of("explored")[0]
        growth = (factors / first.hyperparameters.factors) ** 2
        return first.seconds * growth * self._known[0].iterations / _EXPLORED_ITERATIONS

    def _verified_seconds(self, factors: int) -> float:
        seconds = [trial.seconds for trial in self._of("verified")]
        return median(seconds) if seconds else self._predicted_seconds(factors)

    def _searched(self, hyperparameters: ListHyperparameters) -> tuple[float, ...]:
        """What distinguishes one configuration of this search from another."""
        return tuple(getattr(hyperparameters, name) for name in self._space)

    def _of(self, fidelity: Fidelity) -> list[Trial]:
        return [trial for trial in self._trials if trial.fidelity == fidelity]

    def _spent(self) -> float:
        return sum(trial.seconds for trial in self._trials)

    def _chosen(self) -> Trial:
        """The default, unless another is better beyond chance; more factors must be so too."""
        chosen, *others = self._of("verified")
        few = chosen.hyperparameters.factors
        for same_size in (True, False):
            rivals = [
                rival for rival in others if (rival.hyperparameters.factors == few) == same_size
            ]
            best = max(rivals, key=lambda trial: trial.objective, default=chosen)
            if best.judged.accuracy.surely_exceeds(chosen.judged.accuracy):
                chosen = best
        return chosen

    def _found(self) -> Found:
        verified = self._of("verified")
        if not verified:
            return Found(self._known[0], None, None, tuple(self._trials))
        best = self._chosen()
        return Found(
            best.hyperparameters,
            best.judged.accuracy,
            verified[0].judged.as_given,
            tuple(self._trials),
        )


def explored_factors(fold: EvaluationFold, default: ListHyperparameters) -> int:
    """How many factors a trial at low fidelity has: by the size of the data, not by the clock."""
    users, items = fold.past.weights.shape
    quick = [few for few in _EXPLORED_FACTORS if (users + items) * few**2 <= _EXPLORED_WORK]
    most = min(default.factors, most_factors(fold.past))
    return min(quick[0] if quick else _EXPLORED_FACTORS[-1], most)
