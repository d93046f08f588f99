"""Similarity embeddings: how similar items are, as one inner product of what is known of each."""

from collections.abc import Iterator
from dataclasses import fields
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from batch.bulk import append, constant_column, vector_column
from batch.content.cold_items import SpaceWords
from batch.content.words import ItemTerms
from batch.space.composing import ItemSpace
from domain.cold_items import similarity_embeddings
from domain.identifiers import RunId
from domain.live_vector import ItemVectors

_ITEMS_AT_ONCE = 10_000


def all_similarity_embeddings(
    space: ItemSpace, terms: ItemTerms, learned: SpaceWords
) -> Iterator[tuple[NDArray[np.int32], NDArray[np.float32]]]:
    """Item numbers and similarity embeddings of all items of a space, some at a time."""
    for start in range(0, len(space.items.item_nos), _ITEMS_AT_ONCE):
        items = _some(space.items, slice(start, start + _ITEMS_AT_ONCE))
        from_words = learned.words.sums(terms.of(items.item_nos))[:, : learned.item_dimensions]
        taste = space.space.parameters.taste_dimensions
        yield items.item_nos, similarity_embeddings(items, taste, from_words, learned.similarity)


def store_similarity_embeddings(
    connection: Any,
    run_id: RunId,
    chunks: Iterator[tuple[NDArray[np.int32], NDArray[np.float32]]],
) -> None:
    """Append similarity embeddings to the run's partition over ADBC, each chunk committed."""
    for item_nos, similarity_vectors in chunks:
        columns = {
            "run_id": constant_column(run_id, len(item_nos)),
            "item_no": pa.array(item_nos),
            "similarity_embedding": vector_column(similarity_vectors),
        }
        append(connection, f"item_similarity_embeddings_{run_id}", columns)


def similarity_dimensions(space: ItemSpace) -> int:
    """Its length: taste, context, and words as long as taste and sequence."""
    live = space.space.parameters
    return 2 * (live.taste_dimensions + live.sequence_dimensions)


def _some(items: ItemVectors, rows: slice) -> ItemVectors:
    return ItemVectors(*(getattr(items, column.name)[rows] for column in fields(ItemVectors)))
