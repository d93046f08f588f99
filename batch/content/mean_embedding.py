"""The mean embedding, for an item nothing is known of: amid all others, for whoever explores."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from batch.space.composing import ItemSpace
from domain.cold_items import unit


@dataclass(frozen=True, slots=True)
class MeanEmbedding:
    """That of an item that nobody has used and of whose text no term is known."""

    embedding: NDArray[np.float32]
    """(t + s,) taste and sequence: the mean of the items in use."""
    context_embedding: NDArray[np.float32]
    """(s,) their mean context embedding, of length 1."""

    def to_dict(self) -> dict[str, list[float] | None]:
        """As it is stored in the row of the run, in the form a vector is read from."""
        context_embedding = self.context_embedding.tolist() if len(self.context_embedding) else None
        return {"embedding": self.embedding.tolist(), "context_embedding": context_embedding}


def mean_embedding(space: ItemSpace, used: NDArray[np.bool_]) -> MeanEmbedding:
    """The mean of the items in use, `used` (n,); 0 if there are none."""
    live = space.space.parameters
    end = live.taste_dimensions + live.sequence_dimensions
    vectors, context_embeddings = (
        space.items.vectors[used, :end],
        space.items.context_embeddings[used],
    )
    count = max(len(vectors), 1)
    context_embedding = context_embeddings.sum(axis=0, dtype=np.float64) / count
    return MeanEmbedding(
        (vectors.sum(axis=0, dtype=np.float64) / count).astype(np.float32),
        unit(context_embedding[None])[0].astype(np.float32),
    )
