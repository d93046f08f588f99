"""What a search tries next: known recipes, their neighbours, then what Optuna's TPE proposes."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import optuna
from optuna.distributions import FloatDistribution
from optuna.samplers import TPESampler
from optuna.trial import create_trial

from batch.parameters import ListRecipe

SPACE = {
    "threshold": FloatDistribution(0.02, 0.6, log=True),
    "confidence": FloatDistribution(20.0, 4000.0, log=True),
    "user_exponent": FloatDistribution(0.0, 0.8),
    "item_exponent": FloatDistribution(0.0, 0.8),
}
"""The fields of a recipe that cost a fit, and where they are searched."""

_FACTORS = {"threshold": 2.0, "confidence": 3.0}
_SHIFTS = {"item_exponent": 0.15, "user_exponent": 0.15}


def proposed(
    tried: Sequence[tuple[ListRecipe, float]], known: Sequence[ListRecipe], seed: int
) -> ListRecipe:
    """The next recipe to fit; what has been `tried`, with its objective, decides alone.

    First come the `known` recipes and the neighbours of the first, then what Optuna proposes.
    """
    warm = list(dict.fromkeys([*known, *neighbours(known[0], step=1.0)]))
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    # A sampler of its own for every trial: one that goes on draws as one that was never stopped.
    sampler = TPESampler(
        seed=seed + len(tried), n_startup_trials=len(warm), multivariate=True, constant_liar=False
    )
    study = optuna.create_study(direction="maximize", sampler=sampler)
    for recipe, objective in tried:
        study.add_trial(
            create_trial(params=_searched(recipe), distributions=dict(SPACE), value=objective)
        )
    for recipe in warm[len(tried) :]:
        study.enqueue_trial(_searched(recipe))
    asked = study.ask(dict(SPACE)).params
    return replace(known[0], **asked)


def neighbours(recipe: ListRecipe, *, step: float) -> Iterator[ListRecipe]:
    """One field moved at a time, up and down, the most important field first."""
    for name, factor in _FACTORS.items():
        for sign in (-1.0, 1.0):
            yield _moved(recipe, name, getattr(recipe, name) * factor ** (sign * step))
    for name, shift in _SHIFTS.items():
        for sign in (-1.0, 1.0):
            yield _moved(recipe, name, getattr(recipe, name) + sign * step * shift)


def _moved(recipe: ListRecipe, name: str, value: float) -> ListRecipe:
    space = SPACE[name]
    changed: dict[str, Any] = {name: min(max(value, space.low), space.high)}
    return replace(recipe, **changed)


def _searched(recipe: ListRecipe) -> dict[str, float]:
    """The fields that are searched, moved into where they are searched."""
    moved = recipe
    for name in SPACE:
        moved = _moved(moved, name, getattr(moved, name))
    return {name: getattr(moved, name) for name in SPACE}
