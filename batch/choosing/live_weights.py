"""Choosing what the parts of a live score count, by a small replay of the held-out future.

One weight after another is moved to where the validation events are foreseen best, from the
defaults on and over again until none moves. A move must gain more than half a standard error of its
gain, with users as what varies: moves are small and many, and what one gains by chance the next
takes back.
"""

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from functools import cache
from typing import Any

from batch.choosing.live_parts import parts_of
from batch.choosing.paired import NO_EVIDENCE, Evidence, paired_difference
from batch.choosing.validation import Validation
from batch.parameters import RIDGES, TREND_HALF_LIVES_DAYS, LiveWeights, SpaceParameters

TASTE_WEIGHTS = (0.25, 0.5, 1.0, 2.0, 4.0)
TREND_WEIGHTS = (0.0, 0.05, 0.1, 0.2, 0.4, 0.8, 1.6)
TRANSITION_WEIGHTS = (0.0, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0)
POPULARITY_EXPONENTS = (0.0, -0.1, -0.2, -0.3)
TREND_EXPONENTS = (0.0, 0.25, 0.5, 0.75)
RECENT_WEIGHTS = (0.0, 5.0, 10.0, 20.0, 40.0)
DEFAULT = LiveWeights()
_MOST_ROUNDS = 4
_STANDARD_ERRORS = 0.5
"""A move must gain more than so many of them."""

_Moves = Callable[[LiveWeights], Iterator[LiveWeights]]
_Three = tuple[float, float, float]


@dataclass(frozen=True, slots=True)
class ChosenWeights:
    """The choice, and what it rests on."""

    weights: LiveWeights
    evidence: Evidence = NO_EVIDENCE

    def described(self) -> dict[str, Any]:
        """As a figure of the run."""
        return self.evidence.described("live_score", asdict(self.weights))


def choose_weights(validation: Validation | None, parameters: SpaceParameters) -> ChosenWeights:
    """The weights that foresee the validation events best; the defaults without any.

    Compared on the same events by the mean of 1 / log2(rank + 2), ranks counted from 0: it says
    the same as nDCG@20 with less noise.
    """
    if validation is None:
        return ChosenWeights(DEFAULT)
    parts = parts_of(validation, parameters)
    if parts is None:
        return ChosenWeights(DEFAULT)
    # Most weights of a round are those of the round before.
    gains_of = cache(parts.gains)
    weights = DEFAULT
    gains = default_gains = gains_of(weights)
    for _ in range(_MOST_ROUNDS):
        before = weights
        for moves in _MOVES:
            moved, moved_gains = max(
                ((move, gains_of(move)) for move in moves(weights)),
                key=lambda found: float(found[1].mean()),
            )
            gain, error = paired_difference(moved_gains, gains, parts.user_nos)
            if gain > _STANDARD_ERRORS * error:
                weights, gains = moved, moved_gains
        if weights == before:
            break
    return ChosenWeights(weights, Evidence.of(gains, default_gains, parts.user_nos))


def _taste(weights: LiveWeights) -> Iterator[LiveWeights]:
    for weight in TASTE_WEIGHTS:
        yield replace(weights, taste=weight)


def _transitions(weights: LiveWeights) -> Iterator[LiveWeights]:
    for ridge in RIDGES:
        for weight in TRANSITION_WEIGHTS:
            yield replace(weights, transitions=weight, ridge=ridge if weight else RIDGES[0])


def _recent(weights: LiveWeights) -> Iterator[LiveWeights]:
    for weight in RECENT_WEIGHTS:
        yield replace(weights, recent=weight)


def _trend(index: int) -> _Moves:
    def moves(weights: LiveWeights) -> Iterator[LiveWeights]:
        for weight in TREND_WEIGHTS:
            yield replace(weights, trends=_with(weights.trends, index, weight))

    return moves


def _scales(index: int) -> _Moves:
    """Both exponents at once: one without the other often gains nothing."""

    def moves(weights: LiveWeights) -> Iterator[LiveWeights]:
        for exponent in TREND_EXPONENTS:
            exponents = _with(weights.trend_exponents, index, exponent)
            for popularity in POPULARITY_EXPONENTS:
                yield replace(weights, trend_exponents=exponents, popularity_exponent=popularity)

    return moves


def _with(three: _Three, index: int, number: float) -> _Three:
    first, second, third = (number if at == index else old for at, old in enumerate(three))
    return first, second, third


_EACH_TREND = range(len(TREND_HALF_LIVES_DAYS))
_MOVES = (_taste, _transitions, *map(_scales, _EACH_TREND), *map(_trend, _EACH_TREND), _recent)
