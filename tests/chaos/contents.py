"""What the store holds, as the checker keeps it: the log, runs, and what users declare."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from domain.interactions import KindTable
from domain.live_vector import ItemVectors, LiveSpace
from domain.transitions import Transitions

Scores = Mapping[str, float]


@dataclass(frozen=True, slots=True)
class LogRow:
    """One interaction as it is stored."""

    event_id: UUID
    position: int
    user_no: int
    user_id: str | None
    item_no: int
    kind_no: int
    value: float | None
    strength: float | None
    occurred_at: datetime


@dataclass(frozen=True, slots=True)
class Interests:
    """What a user declares to like."""

    words: tuple[str, ...] = ()
    items: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        """Whether anything is declared."""
        return bool(self.words or self.items)

    def with_words(self, words: Sequence[str]) -> "Interests":
        """The same and some words besides."""
        return Interests(tuple(dict.fromkeys((*self.words, *words))), self.items)


NOTHING = Interests()


@dataclass(frozen=True, slots=True)
class PopularVersion:
    """One of a run's lists for everybody, as it was for some time."""

    written_at: float
    """On the monotonic clock, shortly before it could be read."""
    replaced_at: float
    """When the next one was written, shortly before it could no longer be read; or infinity."""
    item_nos: NDArray[np.int32]
    """(n,) rising."""
    scores: NDArray[np.float64]
    """(n,)"""

    def scores_of(self, item_nos: NDArray[np.int32]) -> NDArray[np.float64]:
        """Scores of items (k,), NaN for those that are not in the list."""
        if not len(self.item_nos):
            return np.full(len(item_nos), np.nan)
        rows = np.searchsorted(self.item_nos, item_nos).clip(max=len(self.item_nos) - 1)
        return np.where(self.item_nos[rows] == item_nos, self.scores[rows], np.nan)


@dataclass(frozen=True, slots=True)
class RunContents:
    """What one run is made of."""

    run_id: int
    cut_off_at: datetime
    cut_off_position: int
    lists: Mapping[str, Scores]
    """A user's items and scores."""
    items: ItemVectors
    space: LiveSpace
    transitions: Transitions
    item_nos: Mapping[str, int]
    kinds: KindTable
    phrases: ItemVectors
    """Words that users may declare, as items with numbers below 0."""
    phrase_nos: Mapping[str, int]
    similarity_embeddings: Mapping[str, NDArray[np.float32]]
    """Similarity embeddings (2 d,) of the items."""
    popular: Mapping[str, Sequence[PopularVersion]] = field(default_factory=dict)
    """All versions that each of the run's lists for everybody ever had, in order of time."""

    def numbers(self, interests: Interests) -> NDArray[np.int32]:
        """Interests as items (k,): words the run knows, then items."""
        words = [self.phrase_nos[word] for word in interests.words if word in self.phrase_nos]
        return np.array(
            [*words, *(self.item_nos[item] for item in interests.items)], dtype=np.int32
        )
