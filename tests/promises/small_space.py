"""A run's space of a few items, made by chance, for tests that train many runs."""

from dataclasses import replace

import numpy as np

from batch.space.composing import ItemSpace
from domain.live_vector import ItemVectors, LiveSpace, LiveVectorParameters
from tests.small_transitions import random_transitions
from tests.small_words import TASTE_SCALE

PARAMETERS = LiveVectorParameters(taste_dimensions=3, sequence_dimensions=2, regularization=1.0)


def random_space(item_nos: list[int], seed: int) -> ItemSpace:
    """Vectors of the items, rounded as the store rounds them; another seed, another space.

    Nothing comes next after the first item.
    """
    random = np.random.default_rng(seed)
    count = len(item_nos)
    factors = random.normal(size=(count, 3)).astype(np.float32)
    sequence = random.normal(size=(count, 2)).astype(np.float32)
    vectors = np.column_stack([factors, sequence, np.zeros((count, 2))]).astype(np.float32)
    items = ItemVectors(
        item_nos=np.array(sorted(item_nos), dtype=np.int32),
        vectors=vectors,
        context_embeddings=sequence / np.linalg.norm(sequence, axis=1, keepdims=True),
        taste_scales=np.ones(count),
        confidence_scales=np.ones(count),
    )
    items = replace(items, context_embeddings=items.context_embeddings.astype(np.float32))
    gramian = (factors.T.astype(np.float64) @ factors).astype(np.float32).astype(np.float64)
    transitions = random_transitions(sorted(item_nos)[1:], item_nos, seed, longest=4)
    return ItemSpace(items, 1.0, LiveSpace(PARAMETERS, gramian), transitions)


def random_phrases(terms: list[str], seed: int) -> ItemVectors:
    """The terms as items numbered -n to -1, as phrases of that one term would be."""
    random = np.random.default_rng([seed, 1])
    count = len(terms)
    context_embeddings = random.normal(size=(count, 2))
    return ItemVectors(
        item_nos=np.arange(-count, 0, dtype=np.int32),
        vectors=np.hstack([random.normal(size=(count, 5)), np.zeros((count, 2))]).astype(
            np.float32
        ),
        context_embeddings=(
            context_embeddings / np.linalg.norm(context_embeddings, axis=1, keepdims=True)
        ).astype(np.float32),
        taste_scales=np.full(count, TASTE_SCALE),
        confidence_scales=np.ones(count),
    )
