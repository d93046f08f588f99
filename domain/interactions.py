"""Interactions and their weights: what one event says about a user's taste."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from domain.identifiers import KindNo

MOST_REFERENCES = 10.0
"""A value counts as this many times its kind's reference at the most, either way.

Room for every scale of ratings beside its middle; beyond it two events of 1e15 decided an item's
factors alone, and it stood in nobody's list.
"""
MOST_WEIGHT = 100.0
"""What a user's events with one item count together at the most: a hundred views."""


@dataclass(frozen=True, slots=True)
class EventKind:
    """One row of `event_kinds`, read alike by the batch and the speed layer."""

    kind_no: KindNo
    kind: str
    weight: float
    """What one event of this kind weighs; negative for kinds that mean dislike."""
    marks_seen: bool
    """Whether the item is not recommended again to this user."""
    value_reference: float | None = None
    """The value at which an event weighs exactly `weight`; None: the value does not matter."""
    half_life_days: float | None = None
    """Age at which the nightly matrix counts an event half; None: never decays."""
    smallest_value: float | None = None
    """The least value an event may have; None: events of the kind have no value."""
    greatest_value: float | None = None
    """The greatest, likewise."""
    description: str = ""


@dataclass(frozen=True, slots=True)
class KindTable:
    """All event kinds, looked up by number for whole arrays at once."""

    kinds: tuple[EventKind, ...]

    def weights(
        self, kind_nos: NDArray[np.integer], values: NDArray[np.floating]
    ) -> NDArray[np.float64]:
        """Weigh interactions before any decay.

        `kind_nos` (n,) and `values` (n,), NaN where an event has none. Answers (n,):
        `weight * value / value_reference` where the kind has a reference and the event a value,
        the quotient held within `MOST_REFERENCES`, else `weight`. An unknown kind number raises
        KeyError.
        """
        weight, reference = self._lookup("weight"), self._lookup("value_reference")
        chosen = reference[kind_nos]
        quotients = np.clip(values / chosen, -MOST_REFERENCES, MOST_REFERENCES)
        scale = np.where(np.isnan(chosen) | np.isnan(values), 1.0, quotients)
        weighed = weight[kind_nos] * scale
        if np.isnan(weighed).any():
            raise KeyError(f"unknown event kind number among {np.unique(kind_nos).tolist()}")
        return np.asarray(weighed, dtype=np.float64)

    def half_lives_days(self, kind_nos: NDArray[np.integer]) -> NDArray[np.float64]:
        """Half-lives in days, (n,), infinite where a kind never decays."""
        half_lives = self._lookup("half_life_days")[kind_nos]
        return np.where(np.isnan(half_lives), np.inf, half_lives)

    def _lookup(self, field: str) -> NDArray[np.float64]:
        """The values of one field indexed by kind number, NaN where there is none."""
        table = np.full(max((kind.kind_no for kind in self.kinds), default=0) + 1, np.nan)
        for kind in self.kinds:
            value = getattr(kind, field)
            table[kind.kind_no] = np.nan if value is None else value
        return table


def bounded(sums: NDArray[np.float64]) -> NDArray[np.float64]:
    """Sums of weights of one user and item, held within `MOST_WEIGHT` on both sides."""
    return np.asarray(np.clip(sums, -MOST_WEIGHT, MOST_WEIGHT))
