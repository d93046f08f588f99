"""Choosing how the nightly lists are made, by a small replay of the held-out future.

The lists of a log with times want few factors and much of the trend, those of a large log without
want many factors and little of it: each night finds out for itself. Of the configurations that are
as good as the best up to one standard error, the one with the fewest factors is taken (the
one-standard-error rule, Breiman et al. 1984); the best must be better than the default by as much.
With these factors the exponents and the weight of the sequence part are then chosen by each user's
own newest interactions too, each user counting the same.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from batch.choosing.foreseeing import Asked, Gains, gains_of, rows_of
from batch.choosing.list_samples import MOST_EVENTS, ListSample, mean_by_user, newest_of_users
from batch.choosing.paired import NO_EVIDENCE, Evidence, paired_difference
from batch.choosing.validation import FEWEST_EVENTS, Validation
from batch.engines.engine import BatchEngine
from batch.engines.implicit_engine import ONE_MACHINE
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

FACTORS = (32, 64)
"""Numbers of factors to choose from, beside those asked for."""
POPULARITY_EXPONENTS = (-0.5, -0.25, 0.0)
TREND_EXPONENTS = (0.0, 0.5, 1.0, 1.5)
SEQUENCE_WEIGHTS = (0.0, 0.5, 1.0)


@dataclass(frozen=True, slots=True)
class ChosenLists:
    """The choice, and what it rests on."""

    hyperparameters: ListHyperparameters
    evidence: Evidence = NO_EVIDENCE
    """What the newest events of the log gain against the default, by which factors are chosen."""
    by_user: Evidence = NO_EVIDENCE
    """What users gain in both samples against the default with as many factors as are chosen."""
    fitted: Factors | None = None
    """What the chosen configuration made of the past; None: nothing was fitted."""

    def described(self) -> dict[str, Any]:
        """As a figure of the run."""
        chosen = self.hyperparameters
        weights = {
            name: getattr(chosen, name)
            for name in ("popularity_exponent", "trend_exponent", "sequence_weight")
        }
        of_log = self.evidence.described("lists", {"factors": chosen.factors} | weights)
        return of_log | self.by_user.described("lists_by_user", weights)


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
    rows = rows_of(past, events)
    known = np.flatnonzero(rows >= 0)
    if len(known) < FEWEST_EVENTS:
        return ChosenLists(default)
    drawn = np.sort(np.random.default_rng(seed).permutation(known)[:MOST_EVENTS])
    asked = Asked.of(past, [events[index] for index in drawn], rows[drawn])
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
        gains |= gains_of(asked, listed, _scalings(matrix, own, lately))
    chosen = _chosen(gains, default, asked.user_nos)
    newest = ListSample(asked, matrix, lately, following, fits[chosen.factors])
    # The users of the others may be gigabytes.
    fits.clear()
    own_newest = newest_of_users(split, chosen, seed=seed, engine=engine, on_fit=on_fit)
    samples = [(newest, gains)] + ([] if own_newest is None else [(own_newest, {})])
    chosen = _best_of(samples, chosen, _with_exponents(chosen, default))
    weights = sorted({chosen.sequence_weight, *SEQUENCE_WEIGHTS})
    chosen = _best_of(samples, chosen, [replace(chosen, sequence_weight=each) for each in weights])
    evidence = Evidence.of(gains[chosen], gains[default], asked.user_nos)
    by_user = _evidence_by_user(samples, chosen, replace(default, factors=chosen.factors))
    fitted = with_sequence(newest.fitted, following, chosen)
    scales = scoring_scales(matrix, chosen, lately)
    scaled = Factors(fitted.users, fitted.items * scales[:, None])
    return ChosenLists(chosen, evidence, by_user, scaled)


def _best_of(
    samples: Sequence[tuple[ListSample, dict[ListHyperparameters, Gains]]],
    chosen: ListHyperparameters,
    candidates: Sequence[ListHyperparameters],
) -> ListHyperparameters:
    """The candidate that foresees users best if it is better by a standard error, else `chosen`.

    Each user counts the same, whichever samples have events of the user. What a sample has gained
    already stands beside it, and more is added.
    """
    for sample, known in samples:
        known.update(sample.gains(each for each in (chosen, *candidates) if each not in known))
    by_user = {each: _gains_by_user(samples, each) for each in (chosen, *candidates)}
    best = max(candidates, key=lambda each: float(by_user[each].mean()))
    users = np.arange(len(by_user[best]))
    gain, error = paired_difference(by_user[best], by_user[chosen], users)
    # One user's mean alone says nothing of how it varies.
    return best if len(users) > 1 and gain > error else chosen


def _evidence_by_user(
    samples: Sequence[tuple[ListSample, Mapping[ListHyperparameters, Gains]]],
    chosen: ListHyperparameters,
    default: ListHyperparameters,
) -> Evidence:
    """Both were foreseen with in all samples."""
    found, before = (_gains_by_user(samples, each) for each in (chosen, default))
    evidence = Evidence.of(found, before, np.arange(len(found)))
    return replace(evidence, events=sum(len(sample.asked.user_nos) for sample, _ in samples))


def _gains_by_user(
    samples: Sequence[tuple[ListSample, Mapping[ListHyperparameters, Gains]]],
    configuration: ListHyperparameters,
) -> Gains:
    return mean_by_user(
        [gains[configuration] for _, gains in samples],
        [sample.asked.user_nos for sample, _ in samples],
    )


def _with_exponents(
    own: ListHyperparameters, default: ListHyperparameters
) -> list[ListHyperparameters]:
    """The same with each popularity and each trend exponent there is to choose from."""
    popularity = sorted({default.popularity_exponent, *POPULARITY_EXPONENTS})
    trends = sorted({default.trend_exponent, *TREND_EXPONENTS})
    return [
        replace(own, popularity_exponent=e, trend_exponent=g)
        for e, g in product(popularity, trends)
    ]


def _scalings(
    matrix: InteractionMatrix, own: ListHyperparameters, lately: NDArray[np.float64]
) -> dict[ListHyperparameters, NDArray[np.float32]]:
    """What each item's factors are multiplied by, (i,), by configuration."""
    configurations = _with_exponents(own, own)
    return {each: scoring_scales(matrix, each, lately) for each in configurations}


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
    asked = Asked.of(past, events, np.zeros(len(events), dtype=np.intp))
    # One user who likes everything alike: what each item is multiplied by is its score.
    alike = Factors(np.ones((1, 1), np.float32), np.ones((len(past.item_nos), 1), np.float32))
    lists = {
        number: popular_scores(split.past, past, split.moment, each)
        for number, each in enumerate(candidates)
    }
    gains = gains_of(asked, alike, lists)
    best = max(gains, key=lambda number: float(gains[number].mean()))
    gain, error = paired_difference(gains[best], gains[0], asked.user_nos)
    return candidates[best] if gain > _POPULAR_ERRORS * error else settings
