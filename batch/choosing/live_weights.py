"""Choosing what the parts of a live score count, by a small replay of the held-out future.

One weight after another is moved to where the validation events are foreseen best, from the
defaults on and over again until none moves. A move must gain more than half a standard error of its
gain, with users as what varies: moves are small and many, and what one gains by chance the next
takes back.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from batch.choosing.paired import NO_EVIDENCE, Evidence, paired_difference
from batch.choosing.validation import Validation
from batch.parameters import RIDGES, TREND_HALF_LIVES_DAYS, LiveWeights, SpaceParameters
from batch.space.composing import ItemComponents, ItemSpace, item_space
from batch.space.validation_events import ValidationEvent
from domain.live_vector import History, known_history, live_vector, sequence_weights

TASTE_WEIGHTS = (0.25, 0.5, 1.0, 2.0, 4.0)
TREND_WEIGHTS = (0.0, 0.05, 0.1, 0.2, 0.4, 0.8, 1.6)
TRANSITION_WEIGHTS = (0.0, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0)
DEFAULT = LiveWeights()
_MOST_ROUNDS = 4
_STANDARD_ERRORS = 0.5
"""A move must gain more than so many of them."""
_SCORES_AT_ONCE = 4_000_000
"""Of events and items, of each part: memory is a few times that, however many items there are."""
_BEST_OF_EACH = 200
"""So many items, the best, are compared of each part; an item behind all of them gains little."""

Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class ChosenWeights:
    """The choice, and what it rests on."""

    weights: LiveWeights
    evidence: Evidence = NO_EVIDENCE

    def described(self) -> dict[str, Any]:
        """As a figure of the run."""
        return self.evidence.described("live_score", asdict(self.weights))


def choose_weights(validation: Validation | None, parameters: SpaceParameters) -> ChosenWeights:
    """The weights that foresee the validation events best; the defaults without any.

    Compared on the same events by the mean of 1 / log2(rank + 2), ranks counted from 0: it says
    the same as nDCG@20 with less noise.
    """
    if validation is None:
        return ChosenWeights(DEFAULT)
    parts = _parts_of(validation, parameters)
    if parts is None:
        return ChosenWeights(DEFAULT)
    weights = DEFAULT
    gains = default_gains = parts.gains(weights)
    for _ in range(_MOST_ROUNDS):
        before = weights
        for moves in (_taste, _transitions, *map(_trend, range(len(TREND_HALF_LIVES_DAYS)))):
            moved, moved_gains = max(
                ((move, parts.gains(move)) for move in moves(weights)),
                key=lambda found: float(found[1].mean()),
            )
            gain, error = paired_difference(moved_gains, gains, parts.user_nos)
            if gain > _STANDARD_ERRORS * error:
                weights, gains = moved, moved_gains
        if weights == before:
            break
    return ChosenWeights(weights, Evidence.of(gains, default_gains, parts.user_nos))


def _taste(weights: LiveWeights) -> Iterator[LiveWeights]:
    for weight in TASTE_WEIGHTS:
        yield replace(weights, taste=weight)


def _transitions(weights: LiveWeights) -> Iterator[LiveWeights]:
    for ridge in RIDGES:
        for weight in TRANSITION_WEIGHTS:
            yield replace(weights, transitions=weight, ridge=ridge if weight else RIDGES[0])


def _trend(index: int) -> Callable[[LiveWeights], Iterator[LiveWeights]]:
    def moves(weights: LiveWeights) -> Iterator[LiveWeights]:
        for weight in TREND_WEIGHTS:
            trends = list(weights.trends)
            trends[index] = weight
            yield replace(weights, trends=(trends[0], trends[1], trends[2]))

    return moves


@dataclass(frozen=True, slots=True)
class _Parts:
    """The scores of n events' candidates in each part, the wanted item first.

    All are (n, c); an event with fewer candidates has -inf at the end of `sequence`.
    """

    user_nos: NDArray[np.int32]
    """(n,)"""
    taste: Floats
    sequence: Floats
    transitions: dict[float, Floats]
    """By ridge."""
    trends: list[Floats]

    def gains(self, weights: LiveWeights) -> NDArray[np.float64]:
        """(n,) 1 / log2(rank + 2) of the wanted item; items with its score share their ranks."""
        scores = self.sequence + weights.taste * self.taste
        if weights.transitions:
            scores += weights.transitions * self.transitions[weights.ridge]
        for weight, lately in zip(weights.trends, self.trends, strict=True):
            if weight:
                scores += weight * lately
        wanted = scores[:, :1]
        ties = (scores == wanted).sum(axis=1) - 1
        ranks = (scores > wanted).sum(axis=1) + ties / 2.0
        return np.asarray(1.0 / np.log2(ranks + 2.0))


def _parts_of(validation: Validation, parameters: SpaceParameters) -> _Parts | None:
    """None if no history says anything."""
    components = validation.components
    space = item_space(components, parameters, LiveWeights(taste=1.0))
    found = []
    at_once = max(_SCORES_AT_ONCE // len(components.item_nos), 1)
    for start in range(0, len(validation.events), at_once):
        parts = _some_parts(space, components, validation.events[start : start + at_once])
        if parts is not None:
            found.append(parts)
    return _joined(found) if found else None


def _some_parts(
    space: ItemSpace, components: ItemComponents, events: Sequence[ValidationEvent]
) -> _Parts | None:
    vectors = [live_vector(space.space, space.items, event.history) for event in events]
    saying = [index for index, vector in enumerate(vectors) if vector is not None]
    if not saying:
        return None
    users = np.stack([vector for vector in vectors if vector is not None])
    histories = [events[index].history for index in saying]
    items, f = space.items.vectors, space.space.parameters.taste_dimensions
    end = f + space.space.parameters.sequence_dimensions
    taste = users[:, :f] @ items[:, :f].T
    sequence = users[:, f:end] @ items[:, f:end].T
    used = _used(space, histories)
    transitions = {
        ridge: np.asarray((used @ matrix).toarray(), dtype=np.float32)
        for ridge, matrix in components.transitions.items()
    }
    trends = components.trends.astype(np.float32)
    wanted = space.items.rows_of(np.array([events[index].item_no for index in saying]))
    candidates = np.zeros(taste.shape, dtype=bool)
    for scores in (taste, sequence, *transitions.values(), *(lately[None] for lately in trends)):
        best = min(_BEST_OF_EACH, taste.shape[1])
        columns = np.argpartition(-scores, best - 1, axis=1)[:, :best]
        np.put_along_axis(candidates, np.broadcast_to(columns, (len(users), best)), True, axis=1)
    for row, history in enumerate(histories):
        seen = space.items.rows_of(history.item_nos)
        candidates[row, seen[seen >= 0]] = False
    candidates[np.arange(len(users)), wanted] = False
    columns, absent = _columns(candidates, wanted)
    chosen = np.take_along_axis(sequence, columns, axis=1)
    chosen[absent] = -np.inf
    return _Parts(
        np.array([events[index].user_no for index in saying], dtype=np.int32),
        np.take_along_axis(taste, columns, axis=1),
        chosen,
        {
            ridge: np.take_along_axis(scores, columns, axis=1)
            for ridge, scores in transitions.items()
        },
        [lately[columns] for lately in trends],
    )


def _used(space: ItemSpace, histories: Sequence[History]) -> csr_matrix:
    """(n, i) what each history's newest liked items weigh, sparse."""
    rows, columns, values = [], [], []
    for row, history in enumerate(histories):
        known = known_history(space.items, history)
        item_nos, weights = sequence_weights(space.space.parameters, known)
        rows.append(np.full(len(item_nos), row))
        columns.append(space.items.rows_of(item_nos))
        values.append(weights)
    shape = (len(histories), len(space.items.item_nos))
    cells = (np.concatenate(rows), np.concatenate(columns))
    return csr_matrix((np.concatenate(values), cells), shape=shape)


def _columns(
    candidates: NDArray[np.bool_], wanted: NDArray[np.intp]
) -> tuple[NDArray[np.intp], NDArray[np.bool_]]:
    """(n, c): the wanted item and the candidates of each row, and where a row has fewer."""
    counts = candidates.sum(axis=1)
    columns = np.zeros((len(wanted), int(counts.max(initial=0)) + 1), dtype=np.intp)
    columns[:, 0] = wanted
    filled = np.arange(1, columns.shape[1]) <= counts[:, None]
    columns[:, 1:][filled] = np.nonzero(candidates)[1]
    absent = np.zeros(columns.shape, dtype=bool)
    absent[:, 1:] = ~filled
    return columns, absent


def _joined(found: Sequence[_Parts]) -> _Parts:
    """All of them, as wide as the widest."""
    width = max(part.taste.shape[1] for part in found)

    def stacked(scores: Sequence[Floats], filler: float = 0.0) -> Floats:
        return np.concatenate(
            [
                np.pad(part, ((0, 0), (0, width - part.shape[1])), constant_values=filler)
                for part in scores
            ]
        )

    return _Parts(
        np.concatenate([part.user_nos for part in found]),
        stacked([part.taste for part in found]),
        stacked([part.sequence for part in found], -np.inf),
        {
            ridge: stacked([part.transitions[ridge] for part in found])
            for ridge in found[0].transitions
        },
        [stacked([part.trends[index] for part in found]) for index in range(len(found[0].trends))],
    )
