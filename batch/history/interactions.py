"""The history: all interactions up to a position, as arrays."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from batch.bulk import fetch
from domain.identifiers import Position
from domain.interactions import KindTable
from sql.statements import statements

_BATCH = statements("batch")


@dataclass(frozen=True, slots=True)
class Interactions:
    """Interactions in no particular order; all arrays are (n,)."""

    kinds: KindTable
    user_nos: NDArray[np.int32]
    item_nos: NDArray[np.int32]
    kind_nos: NDArray[np.int16]
    strengths: NDArray[np.float32]
    """What the weights of the kinds are multiplied by; NaN: 1."""
    occurred_at: NDArray[np.datetime64]
    """UTC, in microseconds."""

    def __len__(self) -> int:
        return len(self.user_nos)

    def where(self, chosen: NDArray[np.bool_] | NDArray[np.integer]) -> "Interactions":
        """Those that `chosen` (n,) marks, or those at the indexes `chosen` (m,), in that order."""
        return Interactions(
            self.kinds,
            self.user_nos[chosen],
            self.item_nos[chosen],
            self.kind_nos[chosen],
            self.strengths[chosen],
            self.occurred_at[chosen],
        )

    def in_time_order(self) -> "Interactions":
        """The same by time, then item, then kind, then user, in whatever order they are.

        It is the order of a user's history in serving (`domain.live_vector.History`).
        """
        return self.where(
            np.lexsort((self.user_nos, self.kind_nos, self.item_nos, self.occurred_at))
        )

    def followed_by(self, later: "Interactions") -> "Interactions":
        """These and then the others."""
        return Interactions(
            self.kinds,
            np.concatenate([self.user_nos, later.user_nos]),
            np.concatenate([self.item_nos, later.item_nos]),
            np.concatenate([self.kind_nos, later.kind_nos]),
            np.concatenate([self.strengths, later.strengths]),
            np.concatenate([self.occurred_at, later.occurred_at]),
        )

    def weights(self) -> NDArray[np.float64]:
        """Signed weights before any decay, (n,)."""
        return self.kinds.weights(self.kind_nos, self.strengths)

    def mark_seen(self) -> NDArray[np.bool_]:
        """Whether each interaction marks its item as seen, (n,)."""
        marking = [kind.kind_no for kind in self.kinds.kinds if kind.marks_seen]
        return np.isin(self.kind_nos, marking)

    def ages_days(self, as_of: np.datetime64) -> NDArray[np.float64]:
        """Ages in days, (n,), 0 for what lies after `as_of`."""
        ages = (as_of - self.occurred_at) / np.timedelta64(1, "D")
        return np.asarray(np.maximum(ages, 0.0), dtype=np.float64)

    def newest(self) -> np.datetime64:
        """When the newest interaction occurred; ValueError if there is none."""
        return np.datetime64(self.occurred_at.max())


def load_interactions(connection: Any, kinds: KindTable, until: Position) -> Interactions:
    """The log up to `until`, over an ADBC connection."""
    table = fetch(connection, _BATCH["load_interactions"], until=until)
    return Interactions(
        kinds,
        table["user_no"].to_numpy(),
        table["item_no"].to_numpy(),
        table["kind_no"].to_numpy(),
        table["strength"].to_numpy().astype(np.float32),
        table["occurred_at"].to_numpy().astype("datetime64[us]"),
    )
