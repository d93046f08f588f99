"""The run's one space: every item as `[taste | sequence | trend | filler]`."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from batch.engines.engine import BatchEngine
from batch.engines.implicit_engine import ONE_MACHINE
from batch.fitting import gramian
from batch.history.interactions import Interactions
from batch.history.matrix import InteractionMatrix, confidences, item_degrees
from batch.history.trend import trend
from batch.parameters import (
    RIDGES,
    TREND_HALF_LIVES_DAYS,
    LiveWeights,
    SpaceParameters,
    live_vector_parameters,
)
from batch.space.sequence import SequenceVectors, sequence_vectors
from batch.space.transitions import fit_transitions, weighed
from domain.live_vector import ItemVectors, LiveSpace
from domain.transitions import NO_TRANSITIONS, Transitions


@dataclass(frozen=True, slots=True)
class ItemSpace:
    """All items of a run as vectors of one length, and what live vectors are made with."""

    items: ItemVectors
    norm: float
    """The norm of every item's vector."""
    space: LiveSpace
    transitions: Transitions = NO_TRANSITIONS


@dataclass(frozen=True, slots=True)
class ItemComponents:
    """What the items' vectors are put together from."""

    item_nos: NDArray[np.int32]
    """(i,) rising."""
    factors: NDArray[np.float32]
    """(i, f) ALS factors as the fit left them."""
    degrees: NDArray[np.float64]
    """(i,) distinct users."""
    sequence: SequenceVectors
    trends: NDArray[np.float64]
    """(3, i): one for each of `TREND_HALF_LIVES_DAYS`."""
    transitions: Mapping[float, csr_matrix] = field(default_factory=dict)
    """By ridge, (i, i): what each column gains after the row's item."""

    def scales(self, weights: LiveWeights) -> NDArray[np.float32]:
        """(i,) what is multiplied by it in each item's score; root mean square 1."""
        if not len(self.item_nos):
            return np.empty(0, dtype=np.float32)
        # s_i = d_i^e * product over trends of (1 + recent interactions)^g
        exponents = weights.popularity_exponent * np.log(self.degrees)
        exponents += np.array(weights.trend_exponents) @ self.trends
        scales = np.exp(exponents - exponents.max())
        return np.asarray(scales / np.sqrt((scales**2).mean()), dtype=np.float32)

    def trend(self, weights: LiveWeights) -> NDArray[np.float64]:
        """(i,) the weighted mean of the trends; 0 if they weigh nothing."""
        if weights.trend == 0.0:
            return np.zeros(len(self.item_nos))
        return np.asarray(np.array(weights.trends) @ self.trends / weights.trend)


def fit_item_components(
    matrix: InteractionMatrix,
    interactions: Interactions,
    as_of: np.datetime64,
    parameters: SpaceParameters,
    *,
    ridges: Sequence[float] = RIDGES,
    sequence: SequenceVectors | None = None,
    engine: BatchEngine = ONE_MACHINE,
) -> ItemComponents:
    """Learn the components; `matrix` must have been made of `interactions` as of `as_of`.

    `ridges`: those that transitions are learned with; `sequence` if it has been learned already.
    """
    als = parameters.als()
    item_nos = matrix.item_nos
    trends = [trend(interactions, item_nos, as_of, days) for days in TREND_HALF_LIVES_DAYS]
    return ItemComponents(
        item_nos=item_nos,
        factors=engine.fit(confidences(matrix, als), als).items,
        degrees=item_degrees(matrix),
        sequence=sequence
        or sequence_vectors(interactions, item_nos, as_of, parameters, engine=engine),
        trends=np.stack(trends),
        transitions=fit_transitions(interactions, item_nos, parameters.transitions, ridges),
    )


def item_space(
    components: ItemComponents, parameters: SpaceParameters, weights: LiveWeights
) -> ItemSpace:
    """Put the components together.

    Everything is rounded to the 32 bits it is stored with, so that whoever reads it from the store
    computes the same live vectors.
    """
    multiplied = components.scales(weights)
    scales = taste_scales(components, parameters) * multiplied
    taste = components.factors * scales[:, None]
    sequence = components.sequence.item_embeddings * multiplied[:, None]
    vectors = np.column_stack([taste, sequence, components.trend(weights)])
    norms = np.linalg.norm(vectors, axis=1)
    norm = float(norms.max(initial=0.0))
    # filler = sqrt(max_norm^2 - |v|^2): all norms become equal
    filler = np.sqrt(np.maximum(norm**2 - norms**2, 0.0))
    items = ItemVectors(
        item_nos=components.item_nos,
        vectors=np.column_stack([vectors, filler]).astype(np.float32),
        context_embeddings=components.sequence.context_embeddings,
        taste_scales=scales.astype(np.float64),
        confidence_scales=np.ones(len(components.item_nos)),
    )
    live = live_vector_parameters(parameters, weights, components.sequence.dimensions)
    rounded = gramian(components.factors).astype(np.float32).astype(np.float64)
    return ItemSpace(items, norm, LiveSpace(live, rounded), transitions_of(components, weights))


def transitions_of(components: ItemComponents, weights: LiveWeights) -> Transitions:
    """What comes next, weighed; nothing where that weighs nothing.

    KeyError if the components were not learned with the penalty of the weights.
    """
    if weights.transitions == 0.0:
        return NO_TRANSITIONS
    matrix = components.transitions[weights.ridge]
    scores = matrix.data * components.scales(weights)[matrix.indices]
    multiplied = csr_matrix((scores, matrix.indices, matrix.indptr), shape=matrix.shape)
    return weighed(multiplied, components.item_nos, weights.transitions)


def taste_scales(components: ItemComponents, parameters: SpaceParameters) -> NDArray[np.float32]:
    """What each item's factors are multiplied by, (i,): root mean square length 1 after it."""
    scaled = components.degrees**parameters.taste_exponent
    squares = ((components.factors * scaled[:, None]) ** 2).sum(axis=1, dtype=np.float64)
    spread = float(np.sqrt(squares.mean())) if len(squares) else 0.0
    # taste_scale_i = d_i^e / root mean square of |y_i| d_i^e
    return np.asarray(scaled / spread if spread > 0.0 else scaled, dtype=np.float32)
