"""What the evidence asks for: other shares of the arms, or an end of some."""

from collections.abc import Mapping, Sequence

import numpy as np

from serving.experiments.definition import LESS_IS_BETTER, Experiment
from serving.experiments.experiment_figures import Counted, ExperimentSums, differences
from serving.experiments.statistics import arm_means
from serving.experiments.thompson import best_probabilities, next_shares


def moved_shares(
    experiment: Experiment, counted: Counted, shares: Sequence[float]
) -> Sequence[float]:
    """The shares of the arms after a step towards the probability that each is the best.

    Those of arms that were stopped stay. How often they were moved is the seed, so that all
    processes come to the same.
    """
    running = np.array([arm.name not in counted.stopped for arm in experiment.arms])
    sums = ExperimentSums(experiment, counted).of(experiment.goal)
    probabilities = best_probabilities(
        [arm for arm, runs in zip(sums, running, strict=True) if runs],
        seed=len(counted.strata),
        less_is_better=experiment.goal in LESS_IS_BETTER,
    )
    moved = np.array(shares, dtype=float)
    together = moved[running].sum()
    moved[running] = together * next_shares(moved[running] / together, probabilities)
    as_list: Sequence[float] = moved.tolist()
    return as_list


def harms(experiment: Experiment, counted: Counted) -> Mapping[str, str]:
    """Of each running arm that certainly loses more than a guardrail allows, what it is."""
    sums = ExperimentSums(experiment, counted)
    harmful = dict[str, str]()
    for guardrail in experiment.guardrails:
        metric = guardrail.metric
        control, *others = sums.of(metric)
        compared = differences(experiment, sums, metric)
        for arm, (name, found) in zip(others, compared, strict=True):
            usual = arm_means([control, arm])[0][0]
            loss = found.low if metric in LESS_IS_BETTER else -found.high
            if loss > guardrail.most_loss * usual and name not in counted.stopped:
                harmful.setdefault(
                    name,
                    f"the arm {name} harms {metric}: {found.mean:+.4g} per user, where"
                    f" {usual:.4g} is usual and {guardrail.most_loss:.0%} may be lost",
                )
    return harmful
