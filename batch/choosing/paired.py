"""Comparing two ways on the same validation events, users being what varies."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

CHOSEN = "chosen_"
"""What the figures of a run begin with that say what its night chose."""


def choices_in(metrics: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """What a night chose, by what it was about: `Evidence.described` of each."""
    return {
        name.removeprefix(CHOSEN): metrics[name]
        for name in sorted(metrics)
        if name.startswith(CHOSEN)
    }


@dataclass(frozen=True, slots=True)
class Evidence:
    """What a choice rests on; without any the default stands."""

    events: int = 0
    """How many events were foreseen to choose."""
    default_gain: float = 0.0
    """Mean of 1 / log2(rank + 2) by default."""
    gain: float = 0.0
    """And by what was chosen."""
    error: float = 0.0
    """Standard error of the difference."""

    @classmethod
    def of(
        cls,
        gains: NDArray[np.float64],
        default_gains: NDArray[np.float64],
        user_nos: NDArray[np.integer],
    ) -> Self:
        """Of the gains (n,) of the same events."""
        _, error = paired_difference(gains, default_gains, user_nos)
        return cls(len(gains), float(default_gains.mean()), float(gains.mean()), error)

    def described(self, what: str, chosen: Mapping[str, Any]) -> dict[str, Any]:
        """As a figure of the run."""
        return {f"{CHOSEN}{what}": {"chosen": dict(chosen), **asdict(self)}}

    def __str__(self) -> str:
        if not self.events:
            return "as by default: there is too little to choose by"
        return (
            f"{self.gain:.4f} against {self.default_gain:.4f} by default, by {self.events:,} events"
            f" (standard error {self.error:.4f})"
        )


NO_EVIDENCE = Evidence()


def paired_difference(
    gains: NDArray[np.float64], others: NDArray[np.float64], user_nos: NDArray[np.integer]
) -> tuple[float, float]:
    """The mean of `gains - others`, all (n,), and its standard error.

    Events of one user vary together: the error is that of a sum over users (Liang and Zeger 1986,
    with independent users as clusters). Of a single user it is that of independent events: a sum
    over one user varies with nothing, and every difference would be certain.
    """
    differences = gains - others
    mean = float(differences.mean())
    distinct, users = np.unique(user_nos, return_inverse=True)
    if len(distinct) == 1:
        users = np.arange(len(differences))
    by_user = np.bincount(users, weights=differences - mean)
    return mean, float(np.sqrt((by_user**2).sum()) / len(differences))
