"""What words do to the lists of items that are in use: nights replayed without and with them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from batch.content.choosing_words import choose_pseudo_count
from batch.content.cold_items import (
    learn_space_words,
    lists_with_words,
    space_with_words,
)
from batch.content.words import ItemTerms
from batch.evaluation.bootstrap import clustered_interval
from batch.evaluation.ranks import gains_at
from batch.evaluation.scoring import DEPTH
from batch.history.interactions import Interactions
from batch.history.matrix import like_counts
from batch.parameters import RunParameters, WordParameters
from batch.replay.nights import choices_of, night_with, validation_of_night
from batch.replay.ranking import ranks_of
from batch.replay.replaying import ReplaySettings, nights_of
from batch.replay.sources import FittedNight
from batch.space.validation_events import Timeline

LISTS = ("batch", "speed", "fixed")
SEGMENTS: Mapping[str, tuple[int, int]] = {
    "at most 5 users": (0, 5),
    "6-20 users": (6, 20),
    "over 20 users": (21, 2**31 - 1),
    "all": (0, 2**31 - 1),
}
"""Items by how many had liked them before the night."""


@dataclass(frozen=True, slots=True)
class Compared:
    """One list on the items of one segment; the means are nDCG@20."""

    events: int
    without: float
    with_words: float
    low: float
    """Of the mean difference, between which it lies with 95 % confidence; users resampled."""
    high: float


@dataclass(frozen=True, slots=True)
class WordsReplay:
    """Ranks of the items that were to be foreseen; all arrays are (m,)."""

    without: Mapping[str, NDArray[np.int64]]
    with_words: Mapping[str, NDArray[np.int64]]
    like_counts: NDArray[np.int64]
    """How many had liked the item before the night."""
    pseudo_count: tuple[float, ...]
    """What each night chose."""
    user_nos: NDArray[np.int32]

    def compared(self, seed: int) -> dict[str, dict[str, Compared]]:
        """By list and segment; a segment without events is left out."""
        figures: dict[str, dict[str, Compared]] = {}
        for name in LISTS:
            before, after = (
                gains_at(ranks[name], DEPTH) for ranks in (self.without, self.with_words)
            )
            figures[name] = {}
            for segment, (fewest, most) in SEGMENTS.items():
                chosen = (self.like_counts >= fewest) & (self.like_counts <= most)
                if chosen.any():
                    figures[name][segment] = _compared(
                        before[chosen], after[chosen], self.user_nos[chosen], seed
                    )
        return figures


def replay_words(
    interactions: Interactions,
    terms: ItemTerms,
    parameters: RunParameters,
    settings: ReplaySettings,
    on_night: Callable[[int, int], None] = lambda _night, _foreseen: None,
) -> WordsReplay:
    """Replay a log as `replay` does, each night fitted once and ranked without and with words.

    Only items in use are ranked: what words do for the others, `tandem bench cold` measures.
    """
    timeline = Timeline(interactions)
    ranks: list[tuple[dict[str, int], dict[str, int]]] = []
    counts: list[int] = []
    user_nos: list[int] = []
    chosen: list[float] = []
    policies = {name: settings.policies[name] for name in settings.policies if name in LISTS}
    for done, first, tonight in nights_of(timeline, settings):
        night, worded, pseudo_count = _nights(timeline, first, terms, parameters, settings)
        chosen.append(pseudo_count)
        of_items = like_counts(night.matrix)
        for event in timeline.events(tonight, first):
            ranks.append((ranks_of(night, event, policies), ranks_of(worded, event, policies)))
            user_nos.append(event.user_no)
            counts.append(int(of_items[np.searchsorted(night.matrix.item_nos, event.item_no)]))
        on_night(done, len(ranks))
    without, with_words = (
        {name: np.array([pair[side][name] for pair in ranks]) for name in LISTS} for side in (0, 1)
    )
    return WordsReplay(
        without, with_words, np.array(counts), tuple(chosen), np.array(user_nos, dtype=np.int32)
    )


def _nights(
    timeline: Timeline,
    cut_off: int,
    terms: ItemTerms,
    parameters: RunParameters,
    settings: ReplaySettings,
) -> tuple[FittedNight, FittedNight, float]:
    """The night without words, with them, and how long it let them count."""
    how = {"seed": settings.seed, "threads": settings.threads}
    validation = validation_of_night(timeline.before(cut_off), parameters, **how)
    choices = choices_of(validation, parameters, **how)
    words = choose_pseudo_count(
        validation, terms, space=parameters.space, weights=choices.weights, words=WordParameters()
    ).parameters
    night = night_with(timeline, cut_off, parameters, choices, threads=settings.threads)
    known = terms.of(night.matrix.item_nos)
    learned = learn_space_words(night.space, night.matrix, known, words)
    dimensions = night.space.space.parameters.sequence_dimensions
    listed = (choices.lists or parameters.lists).sequence_columns(dimensions)
    lists, _ = lists_with_words(night.lists, night.matrix, known, words, sequence_dimensions=listed)
    space = space_with_words(night.space, night.matrix, known, learned)
    return night, replace(night, lists=lists, space=space), words.pseudo_count


def _compared(
    before: NDArray[np.float64], after: NDArray[np.float64], user_nos: NDArray[np.int32], seed: int
) -> Compared:
    difference = clustered_interval(after - before, user_nos, seed)
    return Compared(
        len(before), float(before.mean()), float(after.mean()), difference.low, difference.high
    )
