"""The history: all interactions up to a position, as arrays."""

import json
from collections.abc import Mapping
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
class Contexts:
    """In what context each interaction occurred."""

    context_nos: NDArray[np.int32]
    """(n,) 0: nothing is known of it."""
    by_no: Mapping[int, Mapping[str, str]]
    """What each context says, by name."""

    def names(self) -> list[str]:
        """What contexts say anything of, in order."""
        known = self.by_no.keys() & set(np.unique(self.context_nos).tolist())
        return sorted({name for number in known for name in self.by_no[number]})

    def where(self, chosen: NDArray[np.bool_] | NDArray[np.integer]) -> "Contexts":
        """Those that are chosen, as `Interactions.where`."""
        return Contexts(self.context_nos[chosen], self.by_no)

    def values(self, name: str) -> NDArray[np.object_]:
        """(n,) what each says of a name; None where it says nothing."""
        said = np.full(max(self.by_no, default=0) + 1, None, dtype=object)
        for number, context in self.by_no.items():
            said[number] = context.get(name)
        found: NDArray[np.object_] = said[self.context_nos]
        return found


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
    contexts: Contexts | None = None
    """None: they were not asked for."""

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
            None if self.contexts is None else self.contexts.where(chosen),
        )

    def in_time_order(self) -> "Interactions":
        """The same by time, then item, then kind, then user, in whatever order they are.

        It is the order of a user's history in serving (`domain.live_vector.History`).
        """
        return self.where(
            np.lexsort((self.user_nos, self.kind_nos, self.item_nos, self.occurred_at))
        )

    def followed_by(self, later: "Interactions") -> "Interactions":
        """These and then the others, without contexts."""
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


def load_interactions(
    connection: Any, kinds: KindTable, until: Position, *, with_contexts: bool = False
) -> Interactions:
    """The log up to `until`, over an ADBC connection."""
    name = "load_interactions_with_contexts" if with_contexts else "load_interactions"
    table = fetch(connection, _BATCH[name], until=until)
    contexts = None
    if with_contexts:
        said = fetch(connection, _BATCH["load_contexts"])
        numbers = said["context_no"].to_pylist()
        texts = map(json.loads, said["context"].to_pylist())
        by_no = dict(zip(numbers, texts, strict=True))
        contexts = Contexts(table["context_no"].to_numpy().astype(np.int32), by_no)
    return Interactions(
        kinds,
        table["user_no"].to_numpy(),
        table["item_no"].to_numpy(),
        table["kind_no"].to_numpy(),
        table["strength"].to_numpy().astype(np.float32),
        table["occurred_at"].to_numpy().astype("datetime64[us]"),
        contexts,
    )
