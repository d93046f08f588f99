"""The parts of live scores of a night's validation events, for weights to be tried on."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from batch.choosing.validation import Validation
from batch.parameters import LiveWeights, SpaceParameters
from batch.space.composing import ItemComponents, ItemSpace, item_space
from batch.space.recent_pairs import RecentPairs
from batch.space.validation_events import ValidationEvent
from domain.live_vector import WeighedHistory, live_vector_of
from domain.transitions import following

_SCORES_AT_ONCE = 4_000_000
"""Of events and items, of each part: memory is a few times that, however many items there are."""
_BEST_OF_EACH = 200
"""So many items, the best, are compared of each part; an item behind all of them gains little."""
_MULTIPLIED = tuple(
    LiveWeights(popularity_exponent=-0.2, trend_exponents=exponents)
    for exponents in ((0.5, 0.0, 0.0), (0.0, 0.5, 0.0), (0.0, 0.0, 0.5))
)
"""And of taste and sequence, multiplied by these scales of the items."""

Floats = NDArray[np.float32]
Numbers = TypeVar("Numbers", NDArray[np.float32], NDArray[np.int32])


@dataclass(frozen=True, slots=True)
class LiveParts:
    """The scores of n events' candidates in each part, the wanted item first.

    All are (n, c); an event with fewer candidates has -inf at the end of `sequence`.
    """

    user_nos: NDArray[np.int32]
    """(n,)"""
    components: ItemComponents
    columns: NDArray[np.int32]
    """Whose scores they are."""
    taste: Floats
    sequence: Floats
    transitions: dict[float, Floats]
    """By ridge."""
    recent: Floats
    """What comes next by the transitions since the split, with weight 1."""

    def gains(self, weights: LiveWeights) -> NDArray[np.float64]:
        """(n,) 1 / log2(rank + 2) of the wanted item; items with its score share their ranks."""
        scores = self.sequence + weights.taste * self.taste
        if weights.transitions:
            scores += weights.transitions * self.transitions[weights.ridge]
        if weights.popularity_exponent or any(weights.trend_exponents):
            scores *= self.components.scales(weights).take(self.columns)
        if weights.trend:
            lately = weights.trend * self.components.trend(weights)
            scores += lately.astype(np.float32).take(self.columns)
        if weights.recent:
            scores += weights.recent * self.recent
        wanted = scores[:, :1]
        ties = (scores == wanted).sum(axis=1) - 1
        ranks = (scores > wanted).sum(axis=1) + ties / 2.0
        return np.asarray(1.0 / np.log2(ranks + 2.0))


def parts_of(validation: Validation, parameters: SpaceParameters) -> LiveParts | None:
    """None if no history says anything."""
    components = validation.components
    space = item_space(components, parameters, LiveWeights(taste=1.0))
    scales = [components.scales(weights) for weights in _MULTIPLIED]
    found = []
    at_once = max(_SCORES_AT_ONCE // len(components.item_nos), 1)
    for start in range(0, len(validation.events), at_once):
        events = validation.events[start : start + at_once]
        parts = _some_parts(space, components, scales, validation.recent, events)
        if parts is not None:
            found.append(parts)
    return _joined(found) if found else None


def _some_parts(
    space: ItemSpace,
    components: ItemComponents,
    scales: Sequence[Floats],
    recent: RecentPairs,
    events: Sequence[ValidationEvent],
) -> LiveParts | None:
    parameters = space.space.parameters
    weighed = [WeighedHistory.of(parameters, space.items, event.history) for event in events]
    vectors = [live_vector_of(space.space, space.items, each) for each in weighed]
    saying = [index for index, vector in enumerate(vectors) if vector is not None]
    if not saying:
        return None
    users = np.stack([vector for vector in vectors if vector is not None])
    histories = [events[index].history for index in saying]
    items, f = space.items.vectors, parameters.taste_dimensions
    end = f + parameters.sequence_dimensions
    taste = users[:, :f] @ items[:, :f].T
    sequence = users[:, f:end] @ items[:, f:end].T
    used = _used(space, [weighed[index] for index in saying])
    coming = _recent(
        space, recent, [weighed[index] for index in saying], [events[index] for index in saying]
    )
    transitions = {
        ridge: np.asarray((used @ matrix).toarray(), dtype=np.float32)
        for ridge, matrix in components.transitions.items()
    }
    wanted = space.items.rows_of(np.array([events[index].item_no for index in saying]))
    candidates = np.zeros(taste.shape, dtype=bool)
    lately = components.trends.astype(np.float32)[:, None]
    multiplied = ((taste + sequence) * each for each in scales)
    for scores in (taste, sequence, coming, *transitions.values(), *lately, *multiplied):
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
    return LiveParts(
        np.array([events[index].user_no for index in saying], dtype=np.int32),
        components,
        columns.astype(np.int32),
        np.take_along_axis(taste, columns, axis=1),
        chosen,
        {
            ridge: np.take_along_axis(scores, columns, axis=1)
            for ridge, scores in transitions.items()
        },
        np.take_along_axis(coming, columns, axis=1),
    )


def _recent(
    space: ItemSpace,
    recent: RecentPairs,
    histories: Sequence[WeighedHistory],
    events: Sequence[ValidationEvent],
) -> Floats:
    """(n, i) what each item gains by what was known when the event's user last did something."""
    found = np.zeros((len(events), len(space.items.item_nos)), dtype=np.float32)
    for scores, weighed, event in zip(found, histories, events, strict=True):
        rows = recent.as_of(weighed.newest_liked, event.last_at, 1.0)
        coming = following(rows, weighed.newest_liked, weighed.shares)
        scores[space.items.rows_of(coming.item_nos)] = coming.scores
    return found


def _used(space: ItemSpace, histories: Sequence[WeighedHistory]) -> csr_matrix:
    """(n, i) what each history's newest liked items weigh, sparse."""
    rows, columns, values = [], [], []
    for row, history in enumerate(histories):
        rows.append(np.full(len(history.newest_liked), row))
        columns.append(space.items.rows_of(history.newest_liked))
        values.append(history.shares)
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


def _joined(found: Sequence[LiveParts]) -> LiveParts:
    """All of them, as wide as the widest."""
    width = max(part.taste.shape[1] for part in found)

    def stacked(scores: Sequence[Numbers], filler: float = 0.0) -> Numbers:
        return np.concatenate(
            [
                np.pad(part, ((0, 0), (0, width - part.shape[1])), constant_values=filler)
                for part in scores
            ]
        )

    return LiveParts(
        np.concatenate([part.user_nos for part in found]),
        found[0].components,
        stacked([part.columns for part in found]),
        stacked([part.taste for part in found]),
        stacked([part.sequence for part in found], -np.inf),
        {
            ridge: stacked([part.transitions[ridge] for part in found])
            for ridge in found[0].transitions
        },
        stacked([part.recent for part in found]),
    )
