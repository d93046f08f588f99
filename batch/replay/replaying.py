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
from batch.history.matrix import interaction_matrix
from batch.history.splitting import split_by_time
from batch.lists.listing import fit_lists
from batch.parameters import LiveWeights, RunParameters
from batch.replay.moments import Moments, joined, moments_of
from batch.replay.sources import SOURCES, FittedNight, best
from batch.space.choosing import Validation, choose_weights, make_validation
from batch.space.composing import fit_item_components, item_space
from batch.space.validation_events import Timeline, ValidationEvent
from domain.blend import BATCH, SPEED, BlendPolicy, blend
from domain.errors import NotEnoughHistoryError
from domain.identifiers import ItemNo

HOLDOUT_SHARE = 0.1
MISSED = np.iinfo(np.int32).max
"""The rank of an item that a list does not hold."""

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
    """By list, counted from 0; `MISSED` where the list does not hold the item."""
    earlier: NDArray[np.int64]
    """How many interactions the user had before."""
    fit_seconds: float
    rank_seconds: float
    moments: Moments


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
    ranks: list[dict[str, int]] = []
    earlier: list[int] = []
    moments: list[Moments] = []
    fit_seconds = rank_seconds = 0.0
    for done, first, tonight in nights_of(timeline, settings):
        begun = time.perf_counter()
        night = fit_night(timeline, first, parameters, settings)
        fitted = time.perf_counter()
        for event in timeline.events(tonight, first):
            ranks.append(ranks_of(night, event, settings.policies))
            earlier.append(len(event.history.item_nos))
        moments.append(moments_of(timeline, tonight, night.matrix.user_nos))
        fit_seconds += fitted - begun
        rank_seconds += time.perf_counter() - fitted
        on_night(done, len(ranks))
    by_list = {name: np.array([row[name] for row in ranks]) for name in ranks[0]}
    return Replay(by_list, np.array(earlier), fit_seconds, rank_seconds, joined(moments))


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


def fit_night(
    timeline: Timeline, cut_off: int, parameters: RunParameters, settings: ReplaySettings
) -> FittedNight:
    """What the nightly run would have learned from the first `cut_off` interactions."""
    validation = validation_of_night(timeline.before(cut_off), parameters, settings)
    weights = choose_weights(validation, parameters.space).weights
    return night_with(timeline, cut_off, parameters, weights, settings)


def night_with(
    timeline: Timeline,
    cut_off: int,
    parameters: RunParameters,
    weights: LiveWeights,
    settings: ReplaySettings,
) -> FittedNight:
    """The same with the weights of the live vector given."""
    past = timeline.before(cut_off)
    as_of = past.newest()
    matrix = interaction_matrix(past, as_of)
    components = fit_item_components(
        matrix,
        past,
        as_of,
        parameters.space,
        ridges=(weights.ridge,) if weights.transitions else (),
        threads=settings.threads,
    )
    columns = np.searchsorted(matrix.item_nos, past.item_nos)
    return FittedNight(
        cut_off=cut_off,
        matrix=matrix,
        lists=fit_lists(matrix, past, as_of, parameters.lists, threads=settings.threads),
        space=item_space(components, parameters.space, weights),
        popular=np.bincount(columns, minlength=len(matrix.item_nos)).astype(np.float64),
        past=past,
    )


def ranks_of(
    night: FittedNight, event: ValidationEvent, policies: Mapping[str, BlendPolicy]
) -> dict[str, int]:
    """The rank of the event's item in every list."""
    lists = lists_of(night, event, policies)
    return {name: rank_of(event.item_no, item_nos) for name, item_nos in lists.items()}


def lists_of(
    night: FittedNight, event: ValidationEvent, policies: Mapping[str, BlendPolicy]
) -> dict[str, NDArray[np.int32]]:
    """Every list as of the event, best first; one that is empty gives way to popular."""
    popular = best(night, event, night.popular)
    asked = {name: policy.weights(event.since_cut_off) for name, policy in policies.items()}
    named = {BATCH, SPEED}.union(*asked.values())
    found = {name: SOURCES[name](night, event) for name in SOURCES if name in named}
    lists = {"popular": popular, **found}
    listed = {
        name: (ranking if len(ranking) else popular).item_nos for name, ranking in lists.items()
    }
    for name, policy in policies.items():
        rankings = {source: found[source] for source in asked[name]}
        blended = blend(rankings, asked[name], policy.sharpness)
        listed[name] = (blended if len(blended) else popular).item_nos
    return listed


def validation_of_night(
    past: Interactions, parameters: RunParameters, settings: ReplaySettings
) -> Validation | None:
    """As the night does it: on the newest part of what it has read."""
    split = split_by_time(past, HOLDOUT_SHARE)
    before = interaction_matrix(split.past, split.moment)
    return make_validation(
        split, before, parameters.space, seed=settings.seed, threads=settings.threads
    )


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


def rank_of(item_no: ItemNo, item_nos: NDArray[np.integer]) -> int:
    """The rank of an item in a list (n,), counted from 0; `MISSED` if it is not there."""
    indexes = np.flatnonzero(item_nos == item_no)
    return int(indexes[0]) if len(indexes) else MISSED
