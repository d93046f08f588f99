"""The place of an item nothing is known of: amid all others, for whoever explores."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from batch.space import ItemSpace
from domain.cold_items import unit


@dataclass(frozen=True, slots=True)
class NeutralPlace:
    """Nobody has used the item, and no term of its text is known."""

    embedding: NDArray[np.float32]
    """(t + s,) taste and sequence: the mean of the items in use."""
    source: NDArray[np.float32]
    """(s,) their mean source, of length 1."""

    def told(self) -> dict[str, list[float] | None]:
        """What the row of the run tells of it, in the form a vector is read from."""
        source = self.source.tolist() if len(self.source) else None
        return {"embedding": self.embedding.tolist(), "source": source}


def neutral_place(space: ItemSpace, used: NDArray[np.bool_]) -> NeutralPlace:
    """The mean of the items in use, `used` (n,); 0 if there are none."""
    live = space.space.parameters
    end = live.taste_dimensions + live.sequence_dimensions
    vectors, sources = space.items.vectors[used, :end], space.items.sources[used]
    count = max(len(vectors), 1)
    source = sources.sum(axis=0, dtype=np.float64) / count
    return NeutralPlace(
        (vectors.sum(axis=0, dtype=np.float64) / count).astype(np.float32),
        unit(source[None])[0].astype(np.float32),
    )
