"""Items to be foreseen by lists, and how well lists of factors foresee them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Self, TypeVar

import numpy as np
from numpy.typing import NDArray

from batch.choosing.validation import DEPTH
from batch.evaluation.ranks import gains_at
from batch.fitting import Factors
from batch.history.matrix import InteractionMatrix
from batch.space.validation_events import ValidationEvent

_SCORES_AT_ONCE = 10_000_000

Gains = NDArray[np.float64]
Configuration = TypeVar("Configuration")


@dataclass(frozen=True, slots=True)
class Asked:
    """What is to be foreseen."""

    user_nos: NDArray[np.int32]
    """(n,)"""
    rows: NDArray[np.intp]
    """(n,) of the matrix."""
    wanted: NDArray[np.intp]
    """(n,) the column of each event's item."""
    seen: Sequence[NDArray[np.integer]]
    """n times the columns that the user has seen before."""

    @classmethod
    def of(
        cls, past: InteractionMatrix, events: Sequence[ValidationEvent], rows: NDArray[np.intp]
    ) -> Self:
        """Every item of the events is in `past`."""
        wanted = np.array([event.item_no for event in events], dtype=np.int32)
        seen = [past.columns_of(event.history.item_nos) for event in events]
        user_nos = np.array([event.user_no for event in events], dtype=np.int32)
        return cls(user_nos, rows, np.searchsorted(past.item_nos, wanted), seen)

    @classmethod
    def of_pairs(
        cls,
        past: InteractionMatrix,
        user_nos: NDArray[np.int32],
        item_nos: NDArray[np.int32],
    ) -> Self:
        """Pairs (n,) of a user and an item; `past` has all of both, and what each has seen."""
        rows = np.searchsorted(past.user_nos, user_nos)
        starts = past.seen.indptr
        seen = [past.seen.indices[starts[row] : starts[row + 1]] for row in rows.tolist()]
        return cls(user_nos, rows, np.searchsorted(past.item_nos, item_nos), seen)


def rows_of(past: InteractionMatrix, events: Sequence[ValidationEvent]) -> NDArray[np.intp]:
    """(n,) the row of each event's user; -1 for one who liked nothing before."""
    users = np.array([event.user_no for event in events], dtype=np.int32)
    listed = past.user_nos[past.rows_who_like()]
    rows = np.searchsorted(past.user_nos, users).clip(max=max(len(past.user_nos) - 1, 0))
    return np.where(np.isin(users, listed), rows, -1)


def gains_of(
    asked: Asked,
    fitted: Factors,
    scalings: Mapping[Configuration, NDArray[np.floating]],
) -> dict[Configuration, Gains]:
    """(n,) 1 / log2(rank + 2) of each event's item within the first 100, else 0.

    `fitted` has the users of the events, or one who stands for all.
    """
    users = np.broadcast_to(fitted.users, (len(asked.wanted), fitted.users.shape[1]))
    gains = {each: np.zeros(len(users)) for each in scalings}
    at_once = max(_SCORES_AT_ONCE // len(fitted.items), 1)
    for start in range(0, len(users), at_once):
        chunk = slice(start, start + at_once)
        scores = users[chunk] @ fitted.items.T
        hidden = np.zeros(scores.shape, dtype=bool)
        for row, seen in enumerate(asked.seen[chunk]):
            hidden[row, seen] = True
        wanted = asked.wanted[chunk]
        for each, scales in scalings.items():
            scaled = scores * scales
            own = scaled[np.arange(len(wanted)), wanted][:, None]
            ranks = ((scaled > own) & ~hidden).sum(axis=1)
            gains[each][chunk] = gains_at(ranks, DEPTH)
    return gains
