"""The blend: one list from the rankings of several sources.

    blended = sum over sources of w_source * score_source^p

A source's scores are scaled to [0, 1] by its own list, `p` is the sharpness, and the weights of the
sources that have something for the user sum to 1. Serving and replay call the same functions, so
what replay measures is what users get.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Literal, Self

import numpy as np
from numpy.typing import NDArray

from domain.rankings import Ranking

Policy = Literal["fixed", "adaptive", "learned"]

CANDIDATES = 200
"""How many eligible items each source gives at the most."""

BATCH, SPEED, NEIGHBOURS = "batch", "speed", "neighbours"
"""Names of sources: the nightly list, what is nearest to the live vector, and what the users most
like this one like."""

NEAREST_USERS = 50
"""So many users, those most like one by live vector, are that one's neighbours."""
NEWEST_LIKED = 100
"""So many of the newest items that each neighbour liked count."""


@dataclass(frozen=True, slots=True)
class BlendPolicy:
    """How the weights of the sources are chosen and how their scores are sharpened."""

    policy: Policy = "fixed"
    batch_weight: float = 0.7
    """The batch list's weight in [0, 1] for a user without events since the run's cut-off."""
    sharpness: float = 4.0
    """The power scaled scores are raised to; 1 leaves them as they are."""
    half_life_events: float = 1.0
    """`adaptive`: events since the cut-off that halve the batch weight."""
    more: Mapping[str, float] = field(default_factory=dict)
    """Weights of further sources, by name, where batch and speed weigh 1 together."""

    def resolved(self, learned: "BlendPolicy | None") -> "BlendPolicy":
        """What `learned` stands for: the policy that the served run found best, or else `fixed`.

        Any other policy stands for itself. The weights of further sources stay as they are.
        """
        if self.policy != "learned":
            return self
        found = replace(self, policy="fixed") if learned is None else learned
        return replace(found, more=self.more)

    def weights(self, events_since_cut_off: int) -> dict[str, float]:
        """The weights by source for a user with so many events since the run's cut-off.

        `fixed` keeps them, and `learned` until it is resolved; `adaptive` follows
        `w_batch = batch_weight * 2^(-n/h)`. A source that is not named is not asked; those beside
        batch and speed are named if they weigh anything.
        """
        batch = self.batch_weight
        if self.policy == "adaptive":
            batch *= 2.0 ** (-events_since_cut_off / self.half_life_events)
        more = {name: weight for name, weight in self.more.items() if weight > 0.0}
        return {BATCH: batch, SPEED: round(1.0 - batch, 12), **more}


@dataclass(frozen=True, slots=True)
class BlendedRanking:
    """A blended list, best first; all arrays are (n,)."""

    item_nos: NDArray[np.int32]
    scores: NDArray[np.float64]
    by_source: Mapping[str, NDArray[np.float64]]
    """Each source's scores scaled to [0, 1], before sharpening; 0 for what it lacks."""
    weights: Mapping[str, float]
    """As applied: 0 for a source that had nothing; they sum to 1 unless no source had anything."""

    def __len__(self) -> int:
        return len(self.item_nos)

    def top(self, n: int) -> "BlendedRanking":
        """The first `n` items."""
        return self._at(slice(n))

    def reordered(self, order: NDArray[np.integer]) -> "BlendedRanking":
        """The same items in another order; `order` are indexes into this one."""
        return self._at(order)

    def _at(self, places: NDArray[np.integer] | slice) -> "BlendedRanking":
        return BlendedRanking(
            self.item_nos[places],
            self.scores[places],
            {name: scores[places] for name, scores in self.by_source.items()},
            self.weights,
        )


def blend(
    rankings: Mapping[str, Ranking], weights: Mapping[str, float], sharpness: float
) -> BlendedRanking:
    """Blend the eligible items of the sources; ties stand in order of item number.

    Each of `rankings` holds up to `CANDIDATES` items. `weights` names every source; they are
    renormalized over those that have something.
    """
    return AlignedRankings.of(rankings).blended(weights, sharpness)


@dataclass(frozen=True, slots=True)
class AlignedRankings:
    """The items of several sources side by side, to be blended with one weighing or with many."""

    rankings: Mapping[str, Ranking]
    item_nos: NDArray[np.int32]
    """(n,) rising: every item that any source has."""
    by_source: Mapping[str, NDArray[np.float64]]
    """(n,) each source's scores scaled to [0, 1]; 0 for what it lacks."""

    @classmethod
    def of(cls, rankings: Mapping[str, Ranking]) -> Self:
        """Those of the sources, by name."""
        found = [ranking.item_nos for ranking in rankings.values()]
        item_nos = _distinct(np.concatenate([np.empty(0, dtype=np.int32), *found]))
        aligned = {name: _aligned(item_nos, ranking) for name, ranking in rankings.items()}
        return cls(rankings, item_nos, aligned)

    def blended(self, weights: Mapping[str, float], sharpness: float) -> BlendedRanking:
        """As `blend` does it."""
        scores, applied = self._blended_scores(weights, sharpness)
        # The numbers rise, so a stable sort leaves ties in order of them.
        order = np.argsort(-scores, kind="stable")
        return BlendedRanking(self.item_nos, scores, self.by_source, applied).reordered(order)

    def rank_of(self, item_no: int, weights: Mapping[str, float], sharpness: float) -> int | None:
        """Where `blended` has the item, counted from 0; None: no source has it."""
        index = int(np.searchsorted(self.item_nos, item_no))
        if index == len(self.item_nos) or self.item_nos[index] != item_no:
            return None
        scores, _ = self._blended_scores(weights, sharpness)
        # Of equal scores those of lower numbers come first, and numbers rise.
        better = np.count_nonzero(scores > scores[index])
        return int(better + np.count_nonzero(scores[:index] == scores[index]))

    def _blended_scores(
        self, weights: Mapping[str, float], sharpness: float
    ) -> tuple[NDArray[np.float64], dict[str, float]]:
        """Of each item (n,), and the weights as applied."""
        applied = renormalized(weights, self.rankings)
        scores = np.zeros(len(self.item_nos))
        for name, scaled in self.by_source.items():
            # blended = sum over sources of w_source * score_source^p
            scores += applied[name] * scaled**sharpness
        return scores, applied


def renormalized(weights: Mapping[str, float], rankings: Mapping[str, Ranking]) -> dict[str, float]:
    """Weights that sum to 1 over the sources that have something, and are 0 for the others.

    Where only sources that weigh nothing have something, they weigh the same. Weights that sum to 1
    anyway stay as they are, to the last bit, and a source alone weighs exactly 1.
    """
    having = [name for name, ranking in rankings.items() if len(ranking)]
    total = sum(weights[name] for name in having)
    if not having:
        return dict.fromkeys(rankings, 0.0)
    if total <= 0.0 or len(having) == 1:
        return {name: 1.0 / len(having) if name in having else 0.0 for name in rankings}
    if math.isclose(total, 1.0, abs_tol=1e-9):
        total = 1.0
    return {name: weights[name] / total if name in having else 0.0 for name in rankings}


def _distinct(item_nos: NDArray[np.int32]) -> NDArray[np.int32]:
    """Numbers in rising order, each once; of a few hundred `np.unique` takes five times as long."""
    rising = np.sort(item_nos)
    is_first = np.ones(len(rising), dtype=bool)
    np.not_equal(rising[1:], rising[:-1], out=is_first[1:])
    return rising[is_first]


def _aligned(item_nos: NDArray[np.int32], source: Ranking) -> NDArray[np.float64]:
    """A source's scaled scores for sorted `item_nos`, 0 where the source lacks the item."""
    scores = np.zeros(len(item_nos))
    scores[np.searchsorted(item_nos, source.item_nos)] = source.scaled()
    return scores
