"""What followed what after a cut-off, as it was known at any moment later, for replays."""

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from batch.history.interactions import Interactions
from domain.recent_transitions import MOST_EVENTS, Pairs, pairs_of, recent_transitions
from domain.transitions import NO_TRANSITIONS, Transitions


@dataclass(frozen=True, slots=True)
class RecentPairs:
    """Pairs by item and, of one item, in time order.

    The speed worker learns them once a minute at the most; here each is known from the next instant
    on.
    """

    pairs: Pairs
    known_at: NDArray[np.datetime64]
    """(n,) when the later of each pair occurred."""
    events_at: NDArray[np.datetime64]
    """(m,) when each event since the cut-off occurred, rising."""

    @classmethod
    def none(cls) -> Self:
        """Before anything has happened."""
        never = np.empty(0, dtype="datetime64[us]")
        return cls(Pairs(), never, never)

    @classmethod
    def of(cls, interactions: Interactions, cut_off: int, item_nos: NDArray[np.int32]) -> Self:
        """Those since row `cut_off` of interactions in time order, between items (i,) of a run."""
        counts = (interactions.weights() > 0.0) & np.isin(interactions.item_nos, item_nos)
        active = np.unique(interactions.user_nos[cut_off:])
        rows = np.flatnonzero(counts & np.isin(interactions.user_nos, active))
        rows = rows[np.argsort(interactions.user_nos[rows], kind="stable")]
        users, items = interactions.user_nos[rows], interactions.item_nos[rows]
        pairs, later = pairs_of(users, items, rows >= cut_off)
        if not len(pairs.item_nos):
            return cls.none()
        known_at = interactions.occurred_at[rows[later]]
        order = np.lexsort((known_at, pairs.item_nos))
        return cls(_taken(pairs, order), known_at[order], interactions.occurred_at[cut_off:])

    def as_of(
        self, item_nos: NDArray[np.int32], at: np.datetime64 | None, weight: float
    ) -> Transitions:
        """The rows of items by what was known before a moment; None: nothing was.

        Like the worker's they are of the newest `MOST_EVENTS` before it, whoever's they are.
        """
        events = 0 if at is None else int(np.searchsorted(self.events_at, at))
        if not len(self.known_at) or not events:
            return NO_TRANSITIONS
        oldest = self.events_at[max(events - MOST_EVENTS, 0)]
        chosen = []
        # Of their own type: numbers of another one would have all pairs converted each time.
        asked = item_nos.astype(self.pairs.item_nos.dtype)
        starts = np.searchsorted(self.pairs.item_nos, asked)
        ends = np.searchsorted(self.pairs.item_nos, asked, side="right")
        for start, end in zip(starts.tolist(), ends.tolist(), strict=True):
            first, last = np.searchsorted(self.known_at[start:end], [oldest, at])
            chosen.append(np.arange(start + first, start + last))
        rows = np.concatenate([np.empty(0, dtype=np.intp), *chosen])
        return recent_transitions(_taken(self.pairs, rows), weight)


def _taken(pairs: Pairs, rows: NDArray[np.intp]) -> Pairs:
    return Pairs(pairs.item_nos[rows], pairs.next_item_nos[rows], pairs.counts[rows])
