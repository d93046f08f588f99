"""The blend: one list from the batch list and the live list of a user.

    blended = w_batch * batch^p + w_speed * speed^p

`batch` and `speed` are each source's scores scaled to [0, 1] by its own list, `p` is the sharpness.
Serving and replay call the same functions, so what replay measures is what users get.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from domain.rankings import Ranking

Policy = Literal["fixed", "adaptive"]

CANDIDATES = 200
"""How many eligible items each source gives at the most."""


@dataclass(frozen=True, slots=True)
class Weights:
    """What each source counts; both in [0, 1], their sum is 1."""

    batch: float
    speed: float


@dataclass(frozen=True, slots=True)
class BlendPolicy:
    """How the weights of the two sources are chosen and how their scores are sharpened."""

    policy: Policy = "fixed"
    batch_weight: float = 0.7
    """The batch list's weight in [0, 1] for a user without events since the run's cut-off."""
    sharpness: float = 4.0
    """The power scaled scores are raised to; 1 leaves them as they are."""
    half_life_events: float = 1.0
    """`adaptive`: events since the cut-off that halve the batch weight."""

    def weights(self, events_since_cut_off: int) -> Weights:
        """The weights for a user with so many events since the run's cut-off.

        `fixed` keeps them; `adaptive` follows `w_batch = batch_weight * 2^(-n/h)`.
        """
        batch = self.batch_weight
        if self.policy == "adaptive":
            batch *= 2.0 ** (-events_since_cut_off / self.half_life_events)
        return Weights(batch=batch, speed=round(1.0 - batch, 12))


@dataclass(frozen=True, slots=True)
class BlendedRanking:
    """A blended list, best first; all arrays are (n,). A source's score is 0 for what it lacks."""

    item_nos: NDArray[np.int32]
    scores: NDArray[np.float64]
    batch_scores: NDArray[np.float64]
    """Scaled to [0, 1], before sharpening."""
    speed_scores: NDArray[np.float64]
    """Scaled to [0, 1], before sharpening."""

    def __len__(self) -> int:
        return len(self.item_nos)

    def top(self, n: int) -> "BlendedRanking":
        """The first `n` items."""
        return BlendedRanking(
            self.item_nos[:n], self.scores[:n], self.batch_scores[:n], self.speed_scores[:n]
        )

    def reordered(self, order: NDArray[np.integer]) -> "BlendedRanking":
        """The same items in another order; `order` (n,) are places in this one."""
        return BlendedRanking(
            self.item_nos[order],
            self.scores[order],
            self.batch_scores[order],
            self.speed_scores[order],
        )


def effective_weights(batch: Ranking, speed: Ranking, weights: Weights) -> Weights:
    """Give all the weight to the other source where one has nothing for this user."""
    if not len(batch) and len(speed):
        return Weights(batch=0.0, speed=1.0)
    if not len(speed) and len(batch):
        return Weights(batch=1.0, speed=0.0)
    return weights


def blend(batch: Ranking, speed: Ranking, weights: Weights, sharpness: float) -> BlendedRanking:
    """Blend the eligible items of the two sources; ties stand in order of item number.

    `batch` and `speed` hold up to `CANDIDATES` items each. `weights` are taken as they are: pass
    them through `effective_weights` first.
    """
    item_nos = np.union1d(batch.item_nos, speed.item_nos).astype(np.int32)
    batch_scores = _aligned(item_nos, batch)
    speed_scores = _aligned(item_nos, speed)
    # blended = w_batch * batch^p + w_speed * speed^p
    scores = weights.batch * batch_scores**sharpness + weights.speed * speed_scores**sharpness
    order = np.lexsort((item_nos, -scores))
    return BlendedRanking(item_nos[order], scores[order], batch_scores[order], speed_scores[order])


def _aligned(item_nos: NDArray[np.int32], source: Ranking) -> NDArray[np.float64]:
    """A source's scaled scores for sorted `item_nos`, 0 where the source lacks the item."""
    scores = np.zeros(len(item_nos))
    scores[np.searchsorted(item_nos, source.item_nos)] = source.scaled()
    return scores
