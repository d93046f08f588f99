"""Embeddings of items, kept in memory for a while: most lists are made of the same few thousand."""

import time
from collections.abc import Sequence

import numpy as np
from cachetools import LRUCache
from numpy.typing import NDArray

from domain.identifiers import RunId
from serving.candidates.recommendations import Recommendations

MOST_ITEMS = 20_000
"""About 20 MB."""

_SECONDS = 300.0
"""An item's vector may be made anew between two nights."""


class EmbeddingCache:
    """Taste and sequence parts of items' embeddings, of the run that was asked for last."""

    def __init__(self, recommendations: Recommendations) -> None:
        self._recommendations = recommendations
        self._run_id: RunId | None = None
        self._until = 0.0
        self._kept: LRUCache[int, NDArray[np.float32]] = LRUCache(MOST_ITEMS)

    async def load(self, run_id: RunId, item_nos: NDArray[np.integer]) -> NDArray[np.float32]:
        """Rows (n, d) of taste and sequence, zero for what has no vector.

        RunGoneError if the run was dropped.
        """
        kept, asked = self._of_run(run_id), item_nos.tolist()
        # Taken at once: others may push out what is kept while the missing are waited for.
        found = {no: kept[no] for no in asked if no in kept}
        missing = [no for no in asked if no not in found]
        if not missing:
            return np.stack([found[no] for no in asked])
        loaded = await self._recommendations.load_taste_and_sequence(run_id, np.array(missing))
        new = dict(zip(missing, loaded, strict=True))
        # An item without a vector may be given one any moment.
        kept.update((no, row) for no, row in new.items() if row.any())
        found |= new
        return _stacked([found[no] for no in asked])

    def _of_run(self, run_id: RunId) -> LRUCache[int, NDArray[np.float32]]:
        """What is kept of a run; others may go on with what they have."""
        now = time.monotonic()
        if run_id != self._run_id or now > self._until:
            self._run_id, self._until, self._kept = run_id, now + _SECONDS, LRUCache(MOST_ITEMS)
        return self._kept


def _stacked(rows: Sequence[NDArray[np.float32]]) -> NDArray[np.float32]:
    """Rows as a matrix; where none of those just loaded had a vector, theirs are of length 0."""
    stacked = np.zeros((len(rows), max(map(len, rows))), dtype=np.float32)
    for index, row in enumerate(rows):
        stacked[index, : len(row)] = row
    return stacked
