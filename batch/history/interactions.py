"""The history: all interactions up to a position, as arrays."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from batch.bulk import fetch, fetch_columns
from batch.freed_memory import give_back
from batch.history.slicing import AT_ONCE, occurrences, slices
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
        known = self.by_no.keys() & set(np.flatnonzero(np.bincount(self.context_nos)).tolist())
        return sorted({name for number in known for name in self.by_no[number]})

    def where(self, chosen: NDArray[np.bool_] | NDArray[np.integer] | slice) -> "Contexts":
        """Those that are chosen, as `Interactions.where`."""
        return Contexts(self.context_nos[chosen], self.by_no)

    def value(self, index: int, name: str) -> str | None:
        """What the context of one interaction says of a name; None: nothing."""
        return self.by_no.get(int(self.context_nos[index]), {}).get(name)

    def codes(self, name: str) -> tuple[list[str], NDArray[np.int32]]:
        """What contexts say of a name, in order; and by context number its index, -1: nothing."""
        value_of = {number: of[name] for number, of in self.by_no.items() if name in of}
        values = sorted(set(value_of.values()))
        code_of = {value: code for code, value in enumerate(values)}
        codes = np.full(max(self.by_no, default=0) + 1, -1, dtype=np.int32)
        for number, value in value_of.items():
            codes[number] = code_of[value]
        return values, codes


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

    def where(self, chosen: NDArray[np.bool_] | NDArray[np.integer] | slice) -> "Interactions":
        """Those that `chosen` (n,) marks, or those at the indexes `chosen` (m,), in that order.

        A slice copies nothing.
        """
        return Interactions(
            self.kinds,
            self.user_nos[chosen],
            self.item_nos[chosen],
            self.kind_nos[chosen],
            self.strengths[chosen],
            self.occurred_at[chosen],
            None if self.contexts is None else self.contexts.where(chosen),
        )

    def slices(self, at_once: int = AT_ONCE) -> Iterator[slice]:
        """Slices of so many interactions, in their order."""
        yield from slices(len(self), at_once)

    def by_users(self, at_once: int = AT_ONCE) -> Iterator["Interactions"]:
        """All interactions of some users, and so on by rising numbers, about so many at once."""
        if len(self) <= at_once:
            yield self
            return
        # The part each user number belongs to, by how many interactions stand before its own.
        parts = (np.cumsum(occurrences(self.user_nos)) - 1) // at_once
        firsts = np.flatnonzero(np.diff(parts, prepend=-1)).tolist()
        for first, end in zip(firsts, [*firsts[1:], len(parts)], strict=True):
            yield self.where(self._indexes_of(first, end))
            # What was kept of the part lies between what was not.
            give_back()

    def _indexes_of(self, first: int, end: int) -> NDArray[np.intp]:
        """Where interactions of users from `first` until before `end` stand."""
        found = [
            part.start
            + np.flatnonzero((self.user_nos[part] >= first) & (self.user_nos[part] < end))
            for part in self.slices()
        ]
        return np.concatenate(found)

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
    """The log up to `until` by time, over an ADBC connection."""
    types: dict[str, DTypeLike] = {
        "user_no": np.int32,
        "item_no": np.int32,
        "kind_no": np.int16,
        "strength": np.float32,
        "occurred_at": "datetime64[us]",
    }
    name = "load_interactions"
    if with_contexts:
        name, types = "load_interactions_with_contexts", types | {"context_no": np.int32}
    columns = fetch_columns(connection, _BATCH[name], types, until=until)
    if not rises(columns[4]):
        order = np.argsort(columns[4], kind="stable")
        # One after the other: never are there two copies of all of them.
        for index in range(len(columns)):
            columns[index] = columns[index][order]
    history = Interactions(kinds, columns[0], columns[1], columns[2], columns[3], columns[4])
    if not with_contexts:
        return history
    table = fetch(connection, _BATCH["load_contexts"])
    texts = map(json.loads, table["context"].to_pylist())
    by_no = dict(zip(table["context_no"].to_pylist(), texts, strict=True))
    return replace(history, contexts=Contexts(columns[5], by_no))


def rises(times: NDArray[np.datetime64]) -> bool:
    """Whether no time is earlier than the one before it."""
    return bool((times[:-1] <= times[1:]).all())
