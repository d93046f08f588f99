"""What is known of an experiment now, from sums over its users."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from serving.experiments.definition import LESS_IS_BETTER, METRICS, UNITS, Experiment, Metric
from serving.experiments.findings import Comparison, days_until_decided, format_finding
from serving.experiments.ratio_mismatch import mismatch_p_value
from serving.experiments.schemas import (
    ArmFigures,
    ComparisonFigures,
    ExperimentAnswer,
    HistoryPoint,
    RatioMismatch,
)
from serving.experiments.statistics import Difference, arm_means, difference
from serving.experiments.sums import Sums
from serving.experiments.thompson import best_probabilities

MISMATCH_ALPHA = 0.01
_COLUMNS = (
    "users",
    "acting",
    "outcome",
    "outcome_squared",
    "earlier",
    "earlier_squared",
    "product",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Counted:
    """What was counted of an experiment."""

    days: Sequence[Any]
    """Rows with day, arm, stratum, metric and `_COLUMNS`."""
    strata: Sequence[Any]
    """Rows with stratum, since and shares (of the arms in their order), in the order of time."""
    exposed: Mapping[tuple[str, int], int]
    """Users by arm and stratum."""
    items: Mapping[str, int]
    """Different items, by arm."""
    catalogue: int
    stopped: Mapping[str, Any] = field(default_factory=dict)
    """Of arms that were stopped, rows with stopped_at and stopped_because, by arm."""


class ExperimentSums:
    """The sums of each arm, as they were at the end of each day."""

    def __init__(self, experiment: Experiment, counted: Counted) -> None:
        self.arms = [arm.name for arm in experiment.arms]
        self.days: list[date] = sorted({row.day for row in counted.days})
        self._metrics = {metric: n for n, metric in enumerate(METRICS)}
        self._cumulated = self._add_up(counted)

    def of(self, metric: Metric, day: int = -1) -> list[Sums]:
        """Of each arm in their order, at the end of the n-th day (-1: now)."""
        table = self._cumulated[self._metrics[metric], day]
        return [Sums(*table[n].T) for n in range(len(self.arms))]

    def _add_up(self, counted: Counted) -> NDArray[np.float64]:
        """Sums (metrics, days, arms, strata, columns), of all users so far; at least one day."""
        day_of = {day: n for n, day in enumerate(self.days)}
        arm_of = {arm: n for n, arm in enumerate(self.arms)}
        stratum_of = {row.stratum: n for n, row in enumerate(counted.strata)}
        shape = (len(METRICS), max(len(self.days), 1), len(self.arms), max(len(stratum_of), 1), 7)
        table = np.zeros(shape)
        for row in counted.days:
            place = self._metrics[row.metric], day_of[row.day], arm_of[row.arm]
            table[(*place, stratum_of[row.stratum])] = [getattr(row, name) for name in _COLUMNS]
        return table.cumsum(axis=1)


def comparison_alpha(experiment: Experiment) -> float:
    """The level of each of the comparisons with the control, which share it equally."""
    return (1 - experiment.confidence) / (len(experiment.arms) - 1)


def differences(
    experiment: Experiment, sums: ExperimentSums, metric: Metric, day: int = -1
) -> Iterator[tuple[str, Difference]]:
    """Of each arm but the control, less the control."""
    control, *others = sums.of(metric, day)
    alpha = comparison_alpha(experiment)
    for name, arm in zip(sums.arms[1:], others, strict=True):
        yield name, difference(control, arm, alpha=alpha, tuned_to=experiment.tuned_to)


def experiment_answer(experiment: Experiment, counted: Counted, now: datetime) -> ExperimentAnswer:
    """All that is known at `now`."""
    sums = ExperimentSums(experiment, counted)
    others = [metric for metric in METRICS if metric != experiment.goal]
    comparisons = [
        _compared(experiment, sums, metric=metric, name=name, found=found, now=now)
        for metric in (experiment.goal, *others)
        for name, found in differences(experiment, sums, metric)
    ]
    p_value = mismatch_p_value([_came_in(sums.arms, counted, row) for row in counted.strata])
    mismatch = RatioMismatch(p_value=p_value, found=p_value <= MISMATCH_ALPHA)
    of_goal = [each.finding for each in comparisons if each.metric == experiment.goal]
    return ExperimentAnswer(
        experiment=experiment,
        finding=" ".join([*([_MISMATCH] if mismatch.found else []), *_stopped(counted), *of_goal]),
        arms=list(_arms(experiment, sums, counted)),
        comparisons=comparisons,
        history=list(_history(experiment, sums)),
        ratio_mismatch=mismatch,
    )


def _stopped(counted: Counted) -> Iterator[str]:
    """A sentence or two for each arm that was stopped."""
    for row in counted.stopped.values():
        because = row.stopped_because
        yield f"{because[:1].upper()}{because[1:]}. It was stopped."


def _came_in(
    arms: Sequence[str], counted: Counted, stratum: Any
) -> tuple[Sequence[int], Sequence[float]]:
    """Users by arm while a stratum lasted, and the shares, of the arms that ran all the time."""
    running = [
        (counted.exposed.get((arm, stratum.stratum), 0), share)
        for arm, share in zip(arms, stratum.shares, strict=True)
        if arm not in counted.stopped or counted.stopped[arm].stopped_at > stratum.since
    ]
    return [users for users, _ in running], [share for _, share in running]


_MISMATCH = (
    "Users did not come in the shares of the arms: some were lost in one of them, and the"
    " comparison means nothing until it is known why."
)


def _compared(
    experiment: Experiment,
    sums: ExperimentSums,
    *,
    metric: Metric,
    name: str,
    found: Difference,
    now: datetime,
) -> ComparisonFigures:
    began = experiment.started_at or now
    # Whoever counts by now came in a window ago.
    days = ((experiment.stopped_at or now) - began).total_seconds() / 86_400
    compared = Comparison(
        arm=name,
        control=sums.arms[0],
        unit=UNITS[metric],
        difference=found,
        alpha=comparison_alpha(experiment),
        tuned_to=experiment.tuned_to,
        days=days - experiment.window_days,
    )
    of_metric = dict(zip(sums.arms, sums.of(metric), strict=True))
    usual = arm_means([of_metric[sums.arms[0]], of_metric[name]])[0][0]
    return ComparisonFigures(
        arm=name,
        metric=metric,
        difference=found.mean,
        low=_finite(found.low),
        high=_finite(found.high),
        relative=float(found.mean / usual) if usual else None,
        users=found.users,
        decided=found.is_decided,
        variance_ratio=found.variance_ratio,
        days_until_decided=days_until_decided(compared),
        finding=format_finding(compared),
    )


def _arms(experiment: Experiment, sums: ExperimentSums, counted: Counted) -> Iterator[ArmFigures]:
    goal = experiment.goal
    of_goal = dict(zip(sums.arms, sums.of(goal), strict=True))
    running = [name for name in sums.arms if name not in counted.stopped]
    best = best_probabilities(
        [of_goal[name] for name in running], 0, less_is_better=goal in LESS_IS_BETTER
    )
    probabilities = dict(zip(running, best.tolist(), strict=True))
    means = {metric: _means(sums, metric, running) for metric in METRICS}
    shares = counted.strata[-1].shares if counted.strata else [arm.share for arm in experiment.arms]
    for arm, share in zip(experiment.arms, shares, strict=True):
        stopped = counted.stopped.get(arm.name)
        items = counted.items.get(arm.name, 0)
        yield ArmFigures(
            name=arm.name,
            share=0.0 if stopped else share,
            users=sum(users for (name, _), users in counted.exposed.items() if name == arm.name),
            completed=int(of_goal[arm.name].users.sum()),
            means={metric: values[arm.name] for metric, values in means.items()},
            items=items,
            coverage=items / counted.catalogue if counted.catalogue else None,
            best_probability=probabilities.get(arm.name, 0.0),
            stopped_at=stopped.stopped_at if stopped else None,
            stopped_because=stopped.stopped_because if stopped else None,
        )


def _means(sums: ExperimentSums, metric: Metric, running: Sequence[str]) -> Mapping[str, float]:
    """By arm: strata weigh by the users of all that run; of one that was stopped by its own."""
    of_metric = dict(zip(sums.arms, sums.of(metric), strict=True))
    together = arm_means([of_metric[name] for name in running])[0].tolist()
    alone = {name: float(arm_means([arm])[0][0]) for name, arm in of_metric.items()}
    return {**alone, **dict(zip(running, together, strict=True))}


def _history(experiment: Experiment, sums: ExperimentSums) -> Iterator[HistoryPoint]:
    for n, day in enumerate(sums.days):
        for name, found in differences(experiment, sums, experiment.goal, n):
            yield HistoryPoint(
                day=day,
                arm=name,
                users=found.users,
                difference=found.mean,
                low=_finite(found.low),
                high=_finite(found.high),
            )


def _finite(bound: float) -> float | None:
    return bound if math.isfinite(bound) else None
