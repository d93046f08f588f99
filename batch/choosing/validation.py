"""What a night chooses by: a sample of its held-out future, and what the past says of the items."""

from dataclasses import dataclass

import numpy as np

from batch.engines.engine import BatchEngine
from batch.engines.implicit_engine import ONE_MACHINE
from batch.history.matrix import InteractionMatrix
from batch.history.splitting import Split
from batch.parameters import SpaceParameters
from batch.space.composing import ItemComponents, fit_item_components
from batch.space.validation_events import Timeline, ValidationEvent

MOST_EVENTS = 2_000
FEWEST_EVENTS = 200
"""With fewer events the defaults stand: they were right on more than one log."""
DEPTH = 100
"""An item further down a list is missed: it says the same as 20 with less noise."""


@dataclass(frozen=True, slots=True)
class Validation:
    """A sample of the held-out future, and what the past alone says of the items."""

    events: tuple[ValidationEvent, ...]
    split: Split
    past: InteractionMatrix
    """Of the interactions before the split."""
    components: ItemComponents


def make_validation(
    split: Split,
    past: InteractionMatrix,
    parameters: SpaceParameters,
    *,
    seed: int,
    engine: BatchEngine = ONE_MACHINE,
) -> Validation | None:
    """Learn from the past alone; `past` is its matrix. None if too little of the future counts."""
    if not len(split.past):
        return None
    timeline = Timeline(split.past.followed_by(split.future))
    events = _sample(timeline, len(split.past), seed)
    if len(events) < FEWEST_EVENTS:
        return None
    components = fit_item_components(past, split.past, split.moment, parameters, engine=engine)
    return Validation(tuple(events), split, past, components)


def _sample(timeline: Timeline, cut_off: int, seed: int) -> list[ValidationEvent]:
    rows = timeline.foreseeable(cut_off, len(timeline))
    drawn = np.random.default_rng(seed).permutation(rows)[:MOST_EVENTS]
    return list(timeline.events(np.sort(drawn), cut_off))
