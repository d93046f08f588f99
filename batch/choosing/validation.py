"""What a night chooses by: a sample of its held-out future, and what the past says of the items."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from batch.engines.engine import BatchEngine
from batch.engines.implicit_engine import ONE_MACHINE
from batch.history.interactions import Interactions
from batch.history.matrix import InteractionMatrix
from batch.history.slicing import occurrences, taken
from batch.history.splitting import Split
from batch.parameters import SpaceParameters
from batch.space.composing import ItemComponents, fit_item_components
from batch.space.recent_pairs import RecentPairs
from batch.space.validation_events import Timeline, ValidationEvent

MOST_EVENTS = 2_000
MOST_INTERACTIONS = 5_000_000
"""Of a longer log the events are drawn from those of so many interactions, of users drawn."""
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
    recent: RecentPairs = field(default_factory=RecentPairs.none)
    """What followed what since the split."""


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
    sample = _sample(split, seed)
    if len(sample.events) < FEWEST_EVENTS:
        return None
    components = fit_item_components(past, split.past, split.moment, parameters, engine=engine)
    log = sample.timeline.interactions
    recent = RecentPairs.of(log, sample.cut_off, components.item_nos)
    return Validation(tuple(sample.events), split, past, components, recent)


@dataclass(frozen=True, slots=True)
class _Sample:
    events: list[ValidationEvent]
    timeline: Timeline
    """Of all users, or of those the events are drawn from."""
    cut_off: int
    """What is before the split, in rows of the timeline."""


def _sample(split: Split, seed: int) -> _Sample:
    past, future = split.past, split.future
    known_items = None
    if len(past) + len(future) > MOST_INTERACTIONS:
        known_items = _used_items(past, future)
        past, future = of_drawn_users(past, future, MOST_INTERACTIONS, seed)
    timeline, cut_off = Timeline(past.followed_by(future)), len(past)
    rows = timeline.foreseeable(cut_off, len(timeline), known_items)
    chosen = np.random.default_rng(seed).permutation(rows)[:MOST_EVENTS]
    return _Sample(list(timeline.events(np.sort(chosen), cut_off)), timeline, cut_off)


def _used_items(past: Interactions, future: Interactions) -> NDArray[np.bool_]:
    """By item number whether anybody used the item in the past, whether drawn or not."""
    items = int(max(past.item_nos.max(initial=0), future.item_nos.max(initial=0))) + 1
    return occurrences(past.item_nos, items) > 0


def of_drawn_users(
    past: Interactions, future: Interactions, most: int, seed: int
) -> tuple[Interactions, Interactions]:
    """Those of users drawn, each as likely as any other, where there are more than `most`.

    They have about `most` interactions. So each event is as likely as any other to be among those
    of the users drawn.
    """
    if len(past) + len(future) <= most:
        return past, future
    users = int(max(past.user_nos.max(initial=0), future.user_nos.max(initial=0))) + 1
    share = most / (len(past) + len(future))
    drawn = np.random.default_rng(seed).random(users) < share
    return (
        past.where(taken(drawn, past.user_nos)),
        future.where(taken(drawn, future.user_nos)),
    )
