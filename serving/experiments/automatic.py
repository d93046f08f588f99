"""What the evidence asks for: other shares of the arms, or an end."""

from collections.abc import Iterator, Sequence

import numpy as np

from serving.experiments.definition import LESS_IS_BETTER, Experiment
from serving.experiments.experiment_figures import Counted, ExperimentSums, differences
from serving.experiments.statistics import arm_means
from serving.experiments.thompson import best_probabilities, next_shares


def moved_shares(
    experiment: Experiment, counted: Counted, shares: Sequence[float]
) -> Sequence[float]:
    """The shares of the arms after a step towards the probability that each is the best.

    How often they were moved is the seed, so that all processes come to the same.
    """
    arms = ExperimentSums(experiment, counted).of(experiment.goal)
    probabilities = best_probabilities(
        arms, seed=len(counted.strata), less_is_better=experiment.goal in LESS_IS_BETTER
    )
    moved: Sequence[float] = next_shares(np.array(shares), probabilities).tolist()
    return moved


def harms(experiment: Experiment, counted: Counted) -> Iterator[str]:
    """Of each arm that certainly loses more than a guardrail allows, what it is."""
    sums = ExperimentSums(experiment, counted)
    for guardrail in experiment.guardrails:
        metric = guardrail.metric
        means, _ = arm_means(sums.of(metric))
        bearable = guardrail.most_loss * means[0]
        for name, found in differences(experiment, sums, metric):
            loss = found.low if metric in LESS_IS_BETTER else -found.high
            if loss > bearable:
                yield (
                    f"the arm {name} harms {metric}: {found.mean:+.4g} per user, where"
                    f" {means[0]:.4g} is usual and {guardrail.most_loss:.0%} may be lost"
                )
