"""The comparison: a candidate beside popularity and the served run on one held-out future."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from batch.evaluation.bootstrap import LEVEL, RESAMPLES, Interval, intervals
from batch.evaluation.scoring import CUT_OFFS, DEPTH, Figures
from batch.evaluation.segments import segments


@dataclass(frozen=True, slots=True, eq=False)
class Comparison:
    """Figures of the same users on the same future."""

    candidate: Figures
    popularity: Figures
    """Of the items most liked in the past."""
    recent_popularity: Figures
    """Of the popular list as it would be published. Reported, but no hurdle: what is new is not
    what a user likes, and on few users it wins and loses by chance."""
    served: Figures | None
    """None: there is no served run.

    The candidate's own figures if both have the same hyperparameters.
    """

    def contenders(self) -> dict[str, Figures]:
        """All that were measured, by the name they are reported under."""
        by_name = {
            "candidate": self.candidate,
            "popularity": self.popularity,
            "recent_popularity": self.recent_popularity,
        }
        return by_name if self.served is None else {**by_name, "served": self.served}

    def differences(self, seed: int) -> dict[str, Interval]:
        """Candidate minus each other in nDCG, user by user; exactly 0 for equal figures."""
        name = f"ndcg@{DEPTH}"
        others = {
            who: contender for who, contender in self.contenders().items() if who != "candidate"
        }
        candidate = self.candidate.by_user[name]
        paired = np.column_stack(
            [candidate - contender.by_user[name] for contender in others.values()]
        )
        return dict(zip(others, intervals(paired, seed), strict=True))

    def metrics(self, seed: int) -> dict[str, Any]:
        """As they are stored with the run: flat means, and everything under `evaluation`."""
        served = {} if self.served is None else self.served.metrics("served_")
        return {
            **self.candidate.metrics(),
            **self.popularity.metrics("popularity_"),
            **self.recent_popularity.metrics("recent_popularity_"),
            **served,
            "evaluation": self._evaluation(seed),
        }

    def _evaluation(self, seed: int) -> dict[str, Any]:
        contenders = self.contenders()
        indexes = segments(self.candidate.past_items)
        evaluation: dict[str, Any] = {who: {} for who in contenders}
        for segment, users in indexes.items():
            for who, figures in _segment_intervals(contenders, users, seed).items():
                evaluation[who][segment] = figures | _coverages(contenders[who], users)
        return {
            **evaluation,
            "difference": {
                who: asdict(interval) for who, interval in self.differences(seed).items()
            },
            "users": {segment: len(users) for segment, users in indexes.items()},
            "level": LEVEL,
            "resamples": RESAMPLES,
        }


def _segment_intervals(
    contenders: Mapping[str, Figures], users: NDArray[np.intp], seed: int
) -> dict[str, dict[str, dict[str, float]]]:
    """Mean, low and high of every metric of every contender, on the same samples of users."""
    columns = [(who, name) for who, contender in contenders.items() for name in contender.by_user]
    values = np.column_stack([contenders[who].by_user[name][users] for who, name in columns])
    by_contender: dict[str, dict[str, dict[str, float]]] = {who: {} for who in contenders}
    for (who, name), interval in zip(columns, intervals(values, seed), strict=True):
        by_contender[who][name] = asdict(interval)
    return by_contender


def _coverages(figures: Figures, users: NDArray[np.intp]) -> dict[str, dict[str, float]]:
    """Without bounds: coverage is no mean over users, and fewer distinct ones cover less."""
    return {f"coverage@{k}": {"mean": figures.coverage(k, users)} for k in CUT_OFFS}
