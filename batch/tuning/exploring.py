"""What a search tries next: known configurations, their neighbours, what Optuna's TPE proposes."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import optuna
from optuna.distributions import FloatDistribution
from optuna.samplers import TPESampler
from optuna.trial import create_trial

from batch.parameters import ListHyperparameters

Space = Mapping[str, FloatDistribution]

SPACE: Space = {
    "threshold": FloatDistribution(0.02, 0.6, log=True),
    "confidence": FloatDistribution(20.0, 4000.0, log=True),
    "user_exponent": FloatDistribution(0.0, 0.8),
    "item_exponent": FloatDistribution(0.0, 0.8),
}
"""The fields of the hyperparameters that cost a fit, and where they are searched."""

TIMED_SPACE: Space = {**SPACE, "decay_per_year": FloatDistribution(0.0, 8.0)}
"""The same where it is known when the interactions happened."""

_FACTORS = {"threshold": 2.0, "confidence": 3.0}
_SHIFTS = {"decay_per_year": 1.0, "item_exponent": 0.15, "user_exponent": 0.15}


def proposed(
    tried: Sequence[tuple[ListHyperparameters, float]],
    known: Sequence[ListHyperparameters],
    seed: int,
    space: Space = SPACE,
) -> ListHyperparameters:
    """The next configuration to fit; what has been `tried`, with its objective, decides alone.

    First come the `known` configurations and the neighbours of the first, then what Optuna
    proposes.
    """
    warm = list(dict.fromkeys([*known, *neighbours(known[0], step=1.0, space=space)]))
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    # A sampler of its own for every trial: one that goes on draws as one that was never stopped.
    sampler = TPESampler(
        seed=seed + len(tried), n_startup_trials=len(warm), multivariate=True, constant_liar=False
    )
    study = optuna.create_study(direction="maximize", sampler=sampler)
    for hyperparameters, objective in tried:
        study.add_trial(
            create_trial(
                params=_searched(hyperparameters, space), distributions=dict(space), value=objective
            )
        )
    for hyperparameters in warm[len(tried) :]:
        study.enqueue_trial(_searched(hyperparameters, space))
    asked = study.ask(dict(space)).params
    return replace(known[0], **asked)


def neighbours(
    hyperparameters: ListHyperparameters, *, step: float, space: Space = SPACE
) -> Iterator[ListHyperparameters]:
    """One field moved at a time, up and down, the most important field first."""
    for name, factor in _FACTORS.items():
        for sign in (-1.0, 1.0):
            yield _moved(
                hyperparameters,
                name,
                getattr(hyperparameters, name) * factor ** (sign * step),
                space,
            )
    for name in (shifted for shifted in _SHIFTS if shifted in space):
        for sign in (-1.0, 1.0):
            value = getattr(hyperparameters, name) + sign * step * _SHIFTS[name]
            yield _moved(hyperparameters, name, value, space)


def _moved(
    hyperparameters: ListHyperparameters, name: str, value: float, space: Space
) -> ListHyperparameters:
    bounds = space[name]
    changed: dict[str, Any] = {name: min(max(value, bounds.low), bounds.high)}
    return replace(hyperparameters, **changed)


def _searched(hyperparameters: ListHyperparameters, space: Space) -> dict[str, float]:
    """The fields that are searched, moved into where they are searched."""
    moved = hyperparameters
    for name in space:
        moved = _moved(moved, name, getattr(moved, name), space)
    return {name: getattr(moved, name) for name in space}
