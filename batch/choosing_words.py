"""Choosing how long words count, by a small replay of the held-out future."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from batch.choosing import FEWEST_MOMENTS, MOST_MOMENTS
from batch.cold_items import learn_space_words, space_with_words
from batch.matrix import InteractionMatrix, item_degrees
from batch.moments import Moment, Timeline
from batch.parameters import LiveWeights, SpaceParameters, WordParameters
from batch.space import ItemSpace, fit_parts, item_space
from batch.splitting import Split
from batch.words import ItemTerms
from domain.live_vector import live_vector

CANDIDATES = (0.0, 0.25, 0.5, 1.0, 2.0)
LITTLE_KNOWN = 5
"""Items with at most so many users are what the choice is for."""
MARGIN = 0.995
"""What is foreseen of all items, and of the others, must stay above this share: less is noise."""


@dataclass(frozen=True, slots=True)
class Foreseen:
    """Mean gains with one candidate, 1 / log2(rank + 2)."""

    known_after: float
    little_known: float
    others: float
    all: float


def choose_known_after(
    split: Split,
    past: InteractionMatrix,
    terms: ItemTerms,
    *,
    space: SpaceParameters,
    weights: LiveWeights,
    words: WordParameters,
    seed: int,
    threads: int = 0,
) -> WordParameters:
    """`words` with the k that foresees little known items best and does the others no harm.

    `past` is the matrix of the split's past. With too few moments they stay as they are.
    """
    figures = foresee_with_words(
        split,
        past,
        terms,
        space=space,
        weights=weights,
        words=words,
        seed=seed,
        threads=threads,
    )
    return replace(words, known_after=best_of(figures)) if figures else words


def best_of(figures: Sequence[Foreseen]) -> float:
    """The best k of those that do no harm; the first figures are those without words."""
    without = figures[0]
    harmless = [
        one
        for one in figures
        if one.others >= MARGIN * without.others and one.all >= MARGIN * without.all
    ]
    return max(harmless, key=lambda one: (one.little_known, -one.known_after)).known_after


def foresee_with_words(
    split: Split,
    past: InteractionMatrix,
    terms: ItemTerms,
    *,
    space: SpaceParameters,
    weights: LiveWeights,
    words: WordParameters,
    seed: int,
    threads: int = 0,
) -> list[Foreseen]:
    """What live vectors foresee of the held-out future with each candidate; [] if it is too short.

    All are compared on the same moments.
    """
    if not len(split.past):
        return []
    timeline = Timeline(split.past.followed_by(split.future))
    rows = timeline.foreseeable(len(split.past), len(timeline))
    drawn = np.sort(np.random.default_rng(seed).permutation(rows)[:MOST_MOMENTS])
    moments = list(timeline.moments(drawn, len(split.past)))
    if len(moments) < FEWEST_MOMENTS:
        return []
    parts = fit_parts(past, split.past, split.moment, space, threads=threads)
    fitted = item_space(parts, space, weights)
    learned = learn_space_words(fitted, past, terms, words)
    known = terms.of(past.item_nos)
    targets = np.array([moment.item_no for moment in moments])
    little = item_degrees(past)[fitted.items.rows_of(targets)] <= LITTLE_KNOWN
    figures = []
    for known_after in CANDIDATES:
        drawn_space = space_with_words(
            fitted, past, known, replace(learned, known_after=known_after)
        )
        gains = _gains(drawn_space, moments)
        figures.append(
            Foreseen(known_after, _mean(gains[little]), _mean(gains[~little]), _mean(gains))
        )
    return figures


def _gains(space: ItemSpace, moments: Sequence[Moment]) -> NDArray[np.float64]:
    """1 / log2(rank + 2) of each moment's item among what its user has not seen; 0 if unheard."""
    gains = np.zeros(len(moments))
    for place, moment in enumerate(moments):
        vector = live_vector(space.space, space.items, moment.history)
        if vector is None:
            continue
        scores = space.items.vectors @ vector
        seen = space.items.rows_of(moment.history.item_nos)
        scores[seen[seen >= 0]] = -np.inf
        (target,) = space.items.rows_of(np.array([moment.item_no]))
        gains[place] = 1.0 / np.log2((scores > scores[target]).sum() + 2.0)
    return gains


def _mean(gains: NDArray[np.float64]) -> float:
    return float(gains.mean()) if len(gains) else 0.0
