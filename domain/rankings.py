"""Rankings: item numbers with scores, best first."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Ranking:
    """Items of one source for one user, best first; equal scores stand in order of item number."""

    item_nos: NDArray[np.int32]
    """(n,) distinct item numbers."""
    scores: NDArray[np.float64]
    """(n,) finite, falling."""

    @classmethod
    def of(cls, item_nos: NDArray[np.integer], scores: NDArray[np.floating]) -> Self:
        """Put items in order; `item_nos` (n,) are distinct, `scores` (n,) in the same order."""
        items = np.asarray(item_nos, dtype=np.int32)
        values = np.asarray(scores, dtype=np.float64)
        order = np.lexsort((items, -values))
        return cls(items[order], values[order])

    @classmethod
    def empty(cls) -> Self:
        """A source that has nothing for this user."""
        return cls(np.empty(0, dtype=np.int32), np.empty(0, dtype=np.float64))

    def __len__(self) -> int:
        return len(self.item_nos)

    def only(self, eligible: NDArray[np.integer]) -> "Ranking":
        """Keep the items that `eligible` contains, in the same order."""
        return self.where(np.isin(self.item_nos, eligible))

    def where(self, kept: Sequence[bool] | NDArray[np.bool_]) -> "Ranking":
        """Keep the items for which `kept` (n,) is true, in the same order."""
        keep = np.asarray(kept, dtype=bool)
        return Ranking(self.item_nos[keep], self.scores[keep])

    def without(self, excluded: NDArray[np.integer]) -> "Ranking":
        """Leave out the items that `excluded` contains."""
        return (
            self if not len(excluded) else self.where(np.isin(self.item_nos, excluded, invert=True))
        )

    def top(self, n: int) -> "Ranking":
        """The first `n` items."""
        return Ranking(self.item_nos[:n], self.scores[:n])

    def scaled(self) -> NDArray[np.float64]:
        """Scores moved to [0, 1] by the list's own minimum and maximum; all 1 if they are equal."""
        if not len(self):
            return self.scores
        low, high = self.scores.min(), self.scores.max()
        if high == low:
            return np.ones_like(self.scores)
        return np.asarray((self.scores - low) / (high - low))
