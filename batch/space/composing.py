"""The run's one space: every item as `[taste | sequence | trend | filler]`."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from batch.fitting import fit, gramian
from batch.history.interactions import Interactions
from batch.history.matrix import InteractionMatrix, confidences, item_degrees
from batch.history.trend import trend
from batch.parameters import LiveWeights, SpaceParameters, live_vector_parameters
from batch.space.sequence import SequenceVectors, sequence_vectors
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
    trend: NDArray[np.float64]
    """(i,)"""


def fit_item_components(
    matrix: InteractionMatrix,
    interactions: Interactions,
    as_of: np.datetime64,
    parameters: SpaceParameters,
    *,
    threads: int = 0,
) -> ItemComponents:
    """Learn the components; `matrix` must have been made of `interactions` as of `as_of`."""
    als = parameters.als()
    return ItemComponents(
        item_nos=matrix.item_nos,
        factors=fit(confidences(matrix, als), als, threads=threads).items,
        degrees=item_degrees(matrix),
        sequence=sequence_vectors(interactions, matrix.item_nos, as_of, parameters),
        trend=trend(interactions, matrix.item_nos, as_of, parameters.trend_half_life_days),
    )


def item_space(
    components: ItemComponents, parameters: SpaceParameters, weights: LiveWeights
) -> ItemSpace:
    """Put the components together.

    Everything is rounded to the 32 bits it is stored with, so that whoever reads it from the store
    computes the same live vectors.
    """
    scales = taste_scales(components, parameters)
    taste = components.factors * scales[:, None]
    vectors = np.column_stack([taste, components.sequence.item_embeddings, components.trend])
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
    return ItemSpace(items, norm, LiveSpace(live, rounded))


def taste_scales(components: ItemComponents, parameters: SpaceParameters) -> NDArray[np.float32]:
    """What each item's factors are multiplied by, (i,): root mean square length 1 after it."""
    scaled = components.degrees**parameters.taste_exponent
    squares = ((components.factors * scaled[:, None]) ** 2).sum(axis=1, dtype=np.float64)
    spread = float(np.sqrt(squares.mean())) if len(squares) else 0.0
    # taste_scale_i = d_i^e / root mean square of |y_i| d_i^e
    return np.asarray(scaled / spread if spread > 0.0 else scaled, dtype=np.float32)
