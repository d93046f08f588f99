"""Choosing what the parts of the live vector count, by a small replay of the held-out future."""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from batch.history.matrix import InteractionMatrix
from batch.history.splitting import Split
from batch.parameters import LiveWeights, SpaceParameters
from batch.space.composing import (
    ItemComponents,
    ItemSpace,
    fit_item_components,
    item_space,
)
from batch.space.validation_events import Timeline, ValidationEvent
from domain.live_vector import History, live_vector

TASTE_WEIGHTS = (0.25, 0.5, 1.0)
TREND_WEIGHTS = (0.0, 0.1, 0.2, 0.4)
MOST_EVENTS = 2_000
FEWEST_EVENTS = 200
"""With fewer events the defaults stand: they were right on more than one log."""
DEFAULT = LiveWeights()
MARGIN = 1.005
"""Other weights must be better than the defaults by this factor: less is noise."""
_AT_ONCE = 200


@dataclass(frozen=True, slots=True)
class Validation:
    """A sample of the held-out future, and what the past alone says of the items."""

    events: tuple[ValidationEvent, ...]
    past: InteractionMatrix
    components: ItemComponents


def make_validation(
    split: Split,
    past: InteractionMatrix,
    parameters: SpaceParameters,
    *,
    seed: int,
    threads: int = 0,
) -> Validation | None:
    """Learn from the past alone; `past` is its matrix. None if too little of the future counts."""
    if not len(split.past):
        return None
    timeline = Timeline(split.past.followed_by(split.future))
    events = _sample(timeline, len(split.past), seed)
    if len(events) < FEWEST_EVENTS:
        return None
    components = fit_item_components(past, split.past, split.moment, parameters, threads=threads)
    return Validation(tuple(events), past, components)


def choose_weights(validation: Validation | None, parameters: SpaceParameters) -> LiveWeights:
    """The weights that foresee the validation events best; the defaults without any.

    Compared on the same validation events by the mean of 1 / log2(rank + 2) without a cut-off,
    ranks counted from 0: it says the same as nDCG@20 with less noise.
    """
    if validation is None:
        return DEFAULT
    space = item_space(validation.components, parameters, LiveWeights(taste=1.0, trend=0.0))
    gains = np.zeros((len(TASTE_WEIGHTS), len(TREND_WEIGHTS)))
    for start in range(0, len(validation.events), _AT_ONCE):
        gains += _gains(space, validation.events[start : start + _AT_ONCE])
    default = gains[TASTE_WEIGHTS.index(DEFAULT.taste), TREND_WEIGHTS.index(DEFAULT.trend)]
    if gains.max() < MARGIN * default:
        return DEFAULT
    taste, trend = np.unravel_index(int(gains.argmax()), gains.shape)
    return LiveWeights(taste=TASTE_WEIGHTS[taste], trend=TREND_WEIGHTS[trend])


def _sample(timeline: Timeline, cut_off: int, seed: int) -> list[ValidationEvent]:
    rows = timeline.foreseeable(cut_off, len(timeline))
    drawn = np.random.default_rng(seed).permutation(rows)[:MOST_EVENTS]
    return list(timeline.events(np.sort(drawn), cut_off))


def _gains(space: ItemSpace, events: Sequence[ValidationEvent]) -> NDArray[np.float64]:
    """Sums of 1 / log2(rank + 2) over the events for every pair of weights."""
    total = np.zeros((len(TASTE_WEIGHTS), len(TREND_WEIGHTS)))
    components = _part_scores(space, [event.history for event in events])
    if components is None:
        return total
    with_vector, taste, sequence, trend = components
    targets = space.items.rows_of(np.array([events[index].item_no for index in with_vector]))
    for row, index in enumerate(with_vector):
        seen = space.items.rows_of(events[index].history.item_nos)
        sequence[row, seen[seen >= 0]] = -np.inf
    rows = np.arange(len(with_vector))
    for (a, of_taste), (b, of_trend) in itertools.product(
        enumerate(TASTE_WEIGHTS), enumerate(TREND_WEIGHTS)
    ):
        scores = of_taste * taste + sequence + of_trend * trend
        ranks = (scores > scores[rows, targets][:, None]).sum(axis=1)
        total[a, b] = float((1.0 / np.log2(ranks + 2.0)).sum())
    return total


def _part_scores(
    space: ItemSpace, histories: Sequence[History]
) -> tuple[list[int], NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]] | None:
    """Which histories say something, and their scores (m, i) of taste, sequence and trend (i,)."""
    vectors = [live_vector(space.space, space.items, history) for history in histories]
    with_vector = [index for index, vector in enumerate(vectors) if vector is not None]
    if not with_vector:
        return None
    users = np.stack([vector for vector in vectors if vector is not None])
    items, f = space.items.vectors, space.space.parameters.taste_dimensions
    sequence_end = f + space.space.parameters.sequence_dimensions
    taste = users[:, :f] @ items[:, :f].T
    sequence = users[:, f:sequence_end] @ items[:, f:sequence_end].T
    return with_vector, taste, sequence, items[:, sequence_end]
