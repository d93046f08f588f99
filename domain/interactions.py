"""Interactions and their weights: what one event says about a user's taste."""

import re
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from domain.errors import InvalidInputError
from domain.identifiers import KindNo

MOST_REFERENCES = 10.0
"""A value counts as this many times its kind's reference at the most, either way.

Beyond it two events of 1e15 decided an item's factors alone, and it stood in nobody's list.
"""
MOST_VALUE = 1e30
"""Values, bounds and scales lie within this on both sides."""
LIKED_ABOVE = 0.5
"""Where on a scale, from 0 to 1, a rating begins to speak for the item."""
DISLIKED_UP_TO = 0.2
"""And up to where it speaks against it: the lowest of five stars, the two lowest of ten."""
DISLIKE_STRENGTH = -2.0 / 3.0
"""With the weight 3 of a rating just what a dislike weighs, -2."""
MOST_WEIGHT = 100.0
"""What a user's events with one item count together at the most: a hundred views."""


@dataclass(frozen=True, slots=True, order=True)
class Scale:
    """What a rating lies on, both ends included: 1 to 5 stars.

    InvalidInputError unless both are numbers within `MOST_VALUE`, the least below the greatest.
    """

    least: float
    greatest: float

    def __post_init__(self) -> None:
        if not (abs(self.least) <= MOST_VALUE and abs(self.greatest) <= MOST_VALUE):
            raise InvalidInputError(
                f"The ends of a scale are numbers from -{MOST_VALUE:g} to {MOST_VALUE:g}."
            )
        if not self.least < self.greatest:
            raise InvalidInputError(
                f"The least rating of a scale, {self.least:g}, must be below the greatest,"
                f" {self.greatest:g}: 1:10 is a scale from 1 to 10."
            )

    def __str__(self) -> str:
        return f"{_shortest(self.least)}:{_shortest(self.greatest)}"

    def __contains__(self, value: float) -> bool:
        return self.least <= value <= self.greatest


def parse_scale(text: str) -> Scale:
    """The scale that `1:10` names; InvalidInputError if the text names none."""
    named = _SCALE.fullmatch(text)
    if named is None:
        raise InvalidInputError(
            f"{text[:80]!r} is no scale: write the least and the greatest rating, such as 1:10."
        )
    # Of -0 and 0, which are equal, 0.
    least, greatest = (float(number) + 0.0 for number in named.groups())
    return Scale(least, greatest)


_NUMBER = r"[+-]?(?:[0-9]{1,40}(?:\.[0-9]{0,40})?|\.[0-9]{1,40})"
_SCALE = re.compile(rf"\s*({_NUMBER})\s*:\s*({_NUMBER})\s*")


def _shortest(number: float) -> str:
    """The shortest text that `parse_scale` reads as the same number."""
    return np.format_float_positional(number, trim="-")


def rating_strengths(ratings: NDArray[np.floating], scale: Scale) -> NDArray[np.float64]:
    """What the kind's weight is multiplied by for ratings (n,) on a scale, -2/3 or in [0, 1].

    With p = (rating - least) / (greatest - least), held within [0, 1]:

        2p - 1    where p > 1/2: in proportion to how far the rating lies above the middle,
        0         where 1/5 < p <= 1/2: the item is known, and that is all,
        -2/3      where p <= 1/5: the user dislikes it.

    On two points this is like and dislike. NaN, no rating, stays NaN.
    """
    length = scale.greatest - scale.least
    # The log keeps ratings in 32 bits, so that 1/5 may have become a little more.
    shares = np.round(np.clip((ratings - scale.least) / length, 0.0, 1.0), 6)
    disliked = np.where(shares <= DISLIKED_UP_TO, DISLIKE_STRENGTH, 0.0)
    # p = 1/2 has 0 from both sides.
    strengths = np.where(shares > LIKED_ABOVE, 2.0 * shares - 1.0, disliked)
    return np.asarray(np.where(np.isnan(ratings), np.nan, strengths), dtype=np.float64)


def proportional_strengths(values: NDArray[np.floating], reference: float) -> NDArray[np.float64]:
    """`value / reference` of values (n,), held within `MOST_REFERENCES` either way; NaN stays."""
    quotients = np.clip(values / reference, -MOST_REFERENCES, MOST_REFERENCES)
    return np.asarray(quotients, dtype=np.float64)


@dataclass(frozen=True, slots=True)
class EventKind:
    """One row of `event_kinds`, read alike by the batch and the speed layer.

    Events of a kind have no value, a value whose weight is in proportion to it, or a rating.
    """

    kind_no: KindNo
    kind: str
    weight: float
    """What one event of this kind weighs; negative for kinds that mean dislike."""
    marks_seen: bool
    """Whether the item is not recommended again to this user."""
    value_reference: float | None = None
    """The value at which an event weighs exactly `weight`; None: there is none, or a rating."""
    half_life_days: float | None = None
    """Age at which the nightly matrix counts an event half; None: never decays."""
    smallest_value: float | None = None
    """The least value an event may have; None: events of the kind have no value. Of ratings the
    least of the scale, unless an event names another."""
    greatest_value: float | None = None
    """The greatest, likewise."""
    description: str = ""

    @property
    def rating_scale(self) -> Scale | None:
        """The scale of ratings that name none; None: events of the kind are no ratings."""
        least, greatest = self.smallest_value, self.greatest_value
        if self.value_reference is not None or least is None or greatest is None:
            return None
        return Scale(least, greatest)

    def strengths(
        self, values: NDArray[np.floating], scale: Scale | None = None
    ) -> NDArray[np.float64]:
        """What `weight` is multiplied by for events with these values (n,); NaN, as 1, without.

        `scale` is that of ratings; None: the kind's own.
        """
        if self.value_reference is not None:
            return proportional_strengths(values, self.value_reference)
        own = self.rating_scale
        if own is None:
            return np.full(len(values), np.nan)
        return rating_strengths(values, own if scale is None else scale)


@dataclass(frozen=True, slots=True)
class KindTable:
    """All event kinds, looked up by number for whole arrays at once."""

    kinds: tuple[EventKind, ...]

    def weights(
        self, kind_nos: NDArray[np.integer], strengths: NDArray[np.floating]
    ) -> NDArray[np.float64]:
        """Weigh interactions before any decay, (n,): `weight * strength`.

        `kind_nos` (n,) and `strengths` (n,) as the log has them: NaN counts as 1. An unknown kind
        number raises KeyError.
        """
        weighed = self._lookup("weight")[kind_nos] * np.where(np.isnan(strengths), 1.0, strengths)
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
