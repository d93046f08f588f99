"""Replay: walk a log in time order, refit every night, and see what each list would have foreseen.

The functions that rank here are the ones of `domain/` that serve.
"""

import itertools
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from batch.blas import one_blas_thread
from batch.history.interactions import Interactions
from batch.parameters import RunParameters
from batch.replay.context import ContextRanking, ContextRanks
from batch.replay.moments import Moments, joined, moments_of
from batch.replay.nights import fit_night
from batch.replay.ranking import ranks_of
from batch.space.validation_events import Timeline
from domain.blend import BlendPolicy
from domain.errors import NotEnoughHistoryError

POLICIES: Mapping[str, BlendPolicy] = {
    "fixed": BlendPolicy("fixed"),
    "adaptive": BlendPolicy("adaptive"),
}


@dataclass(frozen=True, slots=True)
class ReplaySettings:
    """What is replayed of a log."""

    nights: int = 6
    sample: int | None = 4_000
    """How many of the later interactions are drawn at random to be foreseen; None: all."""
    history_share: float = 0.7
    """Share of the log before the first night."""
    seed: int = 0
    threads: int = 0
    policies: Mapping[str, BlendPolicy] = field(default_factory=lambda: dict(POLICIES))


@dataclass(frozen=True, slots=True)
class Replay:
    """Ranks of the items that were to be foreseen; all arrays are (m,)."""

    ranks: Mapping[str, NDArray[np.int64]]
    """By list, counted from 0; `MISSED` where the list does not hold the item. `learned` is blended
    as each night found best."""
    earlier: NDArray[np.int64]
    """How many interactions the user had before."""
    fit_seconds: float
    rank_seconds: float
    moments: Moments
    context: ContextRanks | None = None
    """None: the log was read without contexts."""


@one_blas_thread()
def replay(
    interactions: Interactions,
    parameters: RunParameters,
    settings: ReplaySettings,
    on_night: Callable[[int, int], None] = lambda _night, _foreseen: None,
) -> Replay:
    """Replay a log, whatever order it is given in.

    `on_night` is told how many nights are done and how many interactions were foreseen.
    NotEnoughHistoryError if nothing in the log can be foreseen.
    """
    timeline = Timeline(interactions)
    contexts = None
    if interactions.contexts is not None:
        policy = settings.policies.get("now", POLICIES["fixed"])
        contexts = ContextRanking(timeline.interactions, policy)
    ranks: list[dict[str, int]] = []
    earlier: list[int] = []
    moments: list[Moments] = []
    fit_seconds = rank_seconds = 0.0
    for done, first, tonight in nights_of(timeline, settings):
        begun = time.perf_counter()
        night = fit_night(timeline, first, parameters, seed=settings.seed, threads=settings.threads)
        fitted = time.perf_counter()
        events = list(timeline.events(tonight, first))
        for event in events:
            ranks.append(ranks_of(night, event, settings.policies))
            earlier.append(len(event.history.item_nos))
        if contexts is not None:
            contexts.add(night, events)
        moments.append(moments_of(timeline, tonight, night.matrix.user_nos))
        fit_seconds += fitted - begun
        rank_seconds += time.perf_counter() - fitted
        on_night(done, len(ranks))
    by_list = {name: np.array([row[name] for row in ranks]) for name in ranks[0]}
    return Replay(
        by_list,
        np.array(earlier),
        fit_seconds,
        rank_seconds,
        joined(moments),
        None if contexts is None else contexts.found(),
    )


def nights_of(
    timeline: Timeline, settings: ReplaySettings
) -> Iterator[tuple[int, int, NDArray[np.intp]]]:
    """Each night's number, how much it has read, and the rows it has to foresee, if any.

    NotEnoughHistoryError if no night has.
    """
    start = int(settings.history_share * len(timeline))
    edges = np.linspace(start, len(timeline), settings.nights + 1).astype(int)
    rows = _sample(timeline, edges, settings)
    if not len(rows):
        raise NotEnoughHistoryError(
            "Nothing in this log can be foreseen: in its later part no user comes back for an item"
            " that had occurred before."
        )
    for night, (first, end) in enumerate(itertools.pairwise(edges.tolist()), start=1):
        tonight = rows[(rows >= first) & (rows < end)]
        if len(tonight):
            yield night, first, tonight


def _sample(
    timeline: Timeline, edges: NDArray[np.integer], settings: ReplaySettings
) -> NDArray[np.intp]:
    """Rows to foresee, in time order, of those that count in their night."""
    rows = np.concatenate(
        [timeline.foreseeable(first, end) for first, end in itertools.pairwise(edges.tolist())]
    )
    if settings.sample is None or len(rows) <= settings.sample:
        return rows
    drawn = np.random.default_rng(settings.seed).permutation(rows)[: settings.sample]
    return np.sort(drawn)
