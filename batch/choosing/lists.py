"""Choosing how the nightly lists are made, by a small replay of the held-out future.

The lists of a log with times want few factors and much of the trend, those of a large log without
want many factors and little of it: each night finds out for itself. Of the configurations that are
as good as the best up to one standard error, the one with the fewest factors is taken (the
one-standard-error rule, Breiman et al. 1984); the best must be better than the default by as much.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from batch.choosing.paired import NO_EVIDENCE, Evidence, paired_difference
from batch.choosing.validation import DEPTH, FEWEST_EVENTS, Validation
from batch.engines.engine import BatchEngine
from batch.engines.implicit_engine import ONE_MACHINE
from batch.evaluation.ranks import gains_at
from batch.fitting import Factors
from batch.history.matrix import InteractionMatrix
from batch.history.trend import trend
from batch.lists.listed_sequence import sequence_factors
from batch.lists.listing import (
    als_parameters,
    decayed,
    fit_factors,
    scoring_scales,
    with_sequence,
)
from batch.lists.popularity import popular_scores
from batch.parameters import ListHyperparameters
from batch.settings import BatchSettings
from batch.space.validation_events import ValidationEvent

FACTORS = (32, 64)
"""Numbers of factors to choose from, beside those asked for."""
POPULARITY_EXPONENTS = (-0.5, -0.25, 0.0)
TREND_EXPONENTS = (0.0, 0.5, 1.0, 1.5)
SEQUENCE_WEIGHTS = (0.0, 0.5, 1.0)
MOST_EVENTS = 1_000
_SCORES_AT_ONCE = 10_000_000

Gains = NDArray[np.float64]
Configuration = TypeVar("Configuration")


@dataclass(frozen=True, slots=True)
class ChosenLists:
    """The choice, and what it rests on."""

    hyperparameters: ListHyperparameters
    evidence: Evidence = NO_EVIDENCE
    fitted: Factors | None = None
    """What the chosen configuration made of the past; None: nothing was fitted."""

    def described(self) -> dict[str, Any]:
        """As a figure of the run."""
        chosen = self.hyperparameters
        names = ("factors", "popularity_exponent", "trend_exponent", "sequence_weight")
        return self.evidence.described("lists", {name: getattr(chosen, name) for name in names})


def choose_lists(
    validation: Validation,
    default: ListHyperparameters,
    *,
    seed: int = 0,
    engine: BatchEngine = ONE_MACHINE,
    on_fit: Callable[[int], None] = lambda _factors: None,
) -> ChosenLists:
    """Factors and exponents that foresee best what users who have a list come to like.

    With too few events of such users the hyperparameters stay as they are. `on_fit` is told of each
    fit that begins, how many factors it has.
    """
    events, past, split = validation.events, validation.past, validation.split
    rows = _rows_of(past, events)
    known = np.flatnonzero(rows >= 0)
    if len(known) < FEWEST_EVENTS:
        return ChosenLists(default)
    drawn = np.sort(np.random.default_rng(seed).permutation(known)[:MOST_EVENTS])
    asked = _Asked.of(past, [events[index] for index in drawn], rows[drawn])
    matrix = decayed(past, split.past, split.moment, default)
    most = als_parameters(matrix, default).factors
    half_life = default.trend_half_life_days
    lately = trend(split.past, past.item_nos, split.moment, half_life)
    following = sequence_factors(validation.components.sequence, matrix, split.past)
    gains: dict[ListHyperparameters, Gains] = {}
    fits: dict[int, Factors] = {}
    for factors in sorted({*(few for few in FACTORS if few < most), most}):
        on_fit(factors)
        own = replace(default, factors=default.factors if factors == most else factors)
        fits[own.factors] = fit_factors(matrix, own, engine=engine)
        listed = with_sequence(fits[own.factors], following, own, asked.rows)
        gains |= _gains(asked, listed, _scalings(matrix, own, lately))
    chosen = _chosen(gains, default, asked.user_nos)
    alone = fits[chosen.factors]
    # The users of the others may be gigabytes.
    fits.clear()
    scales = scoring_scales(matrix, chosen, lately)
    weighed = [replace(chosen, sequence_weight=weight) for weight in SEQUENCE_WEIGHTS]
    for each in weighed:
        if each not in gains:
            listed = with_sequence(alone, following, each, asked.rows)
            gains |= _gains(asked, listed, {each: scales})
    best = max(weighed, key=lambda each: float(gains[each].mean()))
    gain, error = paired_difference(gains[best], gains[chosen], asked.user_nos)
    if gain > error:
        chosen = best
    evidence = Evidence.of(gains[chosen], gains[default], asked.user_nos)
    fitted = with_sequence(alone, following, chosen)
    return ChosenLists(chosen, evidence, Factors(fitted.users, fitted.items * scales[:, None]))


@dataclass(frozen=True, slots=True)
class _Asked:
    """What is to be foreseen."""

    user_nos: NDArray[np.int32]
    """(n,)"""
    rows: NDArray[np.intp]
    """(n,) of the matrix."""
    wanted: NDArray[np.intp]
    """(n,) the column of each event's item."""
    seen: list[NDArray[np.intp]]
    """n times the columns that the user has seen before."""

    @classmethod
    def of(
        cls, past: InteractionMatrix, events: Sequence[ValidationEvent], rows: NDArray[np.intp]
    ) -> "_Asked":
        """Every item of the events is in `past`."""
        wanted = np.array([event.item_no for event in events], dtype=np.int32)
        seen = [past.columns_of(event.history.item_nos) for event in events]
        user_nos = np.array([event.user_no for event in events], dtype=np.int32)
        return cls(user_nos, rows, np.searchsorted(past.item_nos, wanted), seen)


def _rows_of(past: InteractionMatrix, events: Sequence[ValidationEvent]) -> NDArray[np.intp]:
    """(n,) the row of each event's user; -1 for one who liked nothing before."""
    users = np.array([event.user_no for event in events], dtype=np.int32)
    listed = past.user_nos[past.rows_who_like()]
    rows = np.searchsorted(past.user_nos, users).clip(max=max(len(past.user_nos) - 1, 0))
    return np.where(np.isin(users, listed), rows, -1)


def _scalings(
    matrix: InteractionMatrix, own: ListHyperparameters, lately: NDArray[np.float64]
) -> dict[ListHyperparameters, NDArray[np.float32]]:
    """What each item's factors are multiplied by, (i,), by configuration."""
    popularity = {own.popularity_exponent, *POPULARITY_EXPONENTS}
    trends = {own.trend_exponent, *TREND_EXPONENTS}
    configurations = [
        replace(own, popularity_exponent=e, trend_exponent=g)
        for e, g in product(sorted(popularity), sorted(trends))
    ]
    return {each: scoring_scales(matrix, each, lately) for each in configurations}


def _gains(
    asked: _Asked,
    fitted: Factors,
    scalings: Mapping[Configuration, NDArray[np.floating]],
) -> dict[Configuration, Gains]:
    """(n,) 1 / log2(rank + 2) of each event's item within the first 100, else 0.

    `fitted` has the users of the events, or one who stands for all.
    """
    users = np.broadcast_to(fitted.users, (len(asked.wanted), fitted.users.shape[1]))
    gains = {each: np.zeros(len(users)) for each in scalings}
    at_once = max(_SCORES_AT_ONCE // len(fitted.items), 1)
    for start in range(0, len(users), at_once):
        chunk = slice(start, start + at_once)
        scores = users[chunk] @ fitted.items.T
        hidden = np.zeros(scores.shape, dtype=bool)
        for row, seen in enumerate(asked.seen[chunk]):
            hidden[row, seen] = True
        wanted = asked.wanted[chunk]
        for each, scales in scalings.items():
            scaled = scores * scales
            own = scaled[np.arange(len(wanted)), wanted][:, None]
            ranks = ((scaled > own) & ~hidden).sum(axis=1)
            gains[each][chunk] = gains_at(ranks, DEPTH)
    return gains


def _chosen(
    gains: Mapping[ListHyperparameters, Gains],
    default: ListHyperparameters,
    user_nos: NDArray[np.int32],
) -> ListHyperparameters:
    before = gains[default]
    best = max(gains, key=lambda each: float(gains[each].mean()))
    gain, error = paired_difference(gains[best], before, user_nos)
    chosen = default
    if gain > error:
        good = [each for each, own in gains.items() if _is_close(own, gains[best], user_nos)]
        fewest = min(each.factors for each in good)
        chosen = max(
            (each for each in good if each.factors == fewest),
            key=lambda each: float(gains[each].mean()),
        )
    return chosen


def _is_close(gains: Gains, best: Gains, user_nos: NDArray[np.int32]) -> bool:
    """Whether the best is not better by more than one standard error."""
    behind, error = paired_difference(best, gains, user_nos)
    return behind <= error


POPULAR_HALF_LIVES_DAYS = (1.0, 3.0, 7.0, 30.0, 180.0)
"""Half-lives of the popular list to choose from, beside the one set up."""
POPULAR_WINDOW = 3.0
"""The popular list looks back so many half-lives."""
_POPULAR_ERRORS = 2.0


def choose_popular(validation: Validation, settings: BatchSettings) -> BatchSettings:
    """The settings with the popular list that foresees the events best, whoever's they are.

    What is set up stays unless another half-life is better by more than two standard errors: all
    events are about one list, so that a single burst decides much.
    """
    events, past, split = validation.events, validation.past, validation.split
    if len(events) < FEWEST_EVENTS:
        return settings
    candidates = [settings] + [
        settings.model_copy(
            update={"popular_half_life_days": days, "popular_days": POPULAR_WINDOW * days}
        )
        for days in POPULAR_HALF_LIVES_DAYS
    ]
    asked = _Asked.of(past, events, np.zeros(len(events), dtype=np.intp))
    # One user who likes everything alike: what each item is multiplied by is its score.
    alike = Factors(np.ones((1, 1), np.float32), np.ones((len(past.item_nos), 1), np.float32))
    lists = {
        number: popular_scores(split.past, past, split.moment, each)
        for number, each in enumerate(candidates)
    }
    gains = _gains(asked, alike, lists)
    best = max(gains, key=lambda number: float(gains[number].mean()))
    gain, error = paired_difference(gains[best], gains[0], asked.user_nos)
    return candidates[best] if gain > _POPULAR_ERRORS * error else settings
