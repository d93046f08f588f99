"""The order of what a search found: the words, what they mean, and whose search it is."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from serving.search.words import Found

_TITLE = 1.0
_LEAST_LIFT = 0.5


@dataclass(frozen=True, slots=True)
class Weights:
    """How much each speaks for an item; words that are there count 1."""

    field: float = 0.5
    title: float = 0.5
    density: float = 0.1
    meaning: float = 1.0
    taste: float = 0.6
    users: float = 0.3


WEIGHTS = Weights()


def ranked(
    found: Sequence[Found],
    terms: Sequence[float],
    weights: Weights = WEIGHTS,
    *,
    times: Sequence[int] | None = None,
    personal: bool,
) -> list[tuple[Found, float]]:
    """The items with their scores, best first; equal ones stand in order of item number.

    `terms` (t,) tells how much each word of the query counts, `times` (t,) how often it was typed
    (None: once). `personal`: whether `taste` tells anything.
    """
    if not found:
        return []
    shares = np.asarray(terms) / max(sum(terms), 1e-12)
    field_weights = np.array([item.field_weights for item in found]).reshape(
        len(found), len(shares)
    )
    matched = (field_weights > 0) @ shares
    covered = _title_covered(found, field_weights, np.ones(len(shares)) if times is None else times)
    # score = matched^2 (1 + field + title covered) + density + meaning + users + taste, each in
    # [0, 1] and weighed: an item with one of three words is not much of a match
    scores = (
        matched**2 * (1.0 + weights.field * (field_weights @ shares) + weights.title * covered)
        + weights.density * _scaled(np.array([item.density for item in found]), low=0.0)
        + weights.meaning * np.maximum([item.meaning for item in found], 0.0)
        + weights.users * _scaled(np.array([math.log1p(item.users) for item in found]), low=0.0)
    )
    if personal:
        # What hardly matches is not lifted far, however much the user would like it.
        taste = _scaled(np.array([item.taste for item in found]))
        scores = scores + weights.taste * taste * np.maximum(matched, _LEAST_LIFT)
    order = sorted(range(len(found)), key=lambda n: (-scores[n], found[n].item_no))
    return [(found[n], float(scores[n])) for n in order]


def ranked_by_use(found: Sequence[Found]) -> list[tuple[Found, float]]:
    """The same by nothing but how many use an item, for comparison: scores in [0, 1].

    Items whose words do not match come after all others.
    """
    if not found:
        return []
    scores = _scaled(np.array([math.log1p(item.users) for item in found]), low=0.0)
    order = sorted(
        range(len(found)),
        key=lambda n: (not any(found[n].field_weights), -scores[n], found[n].item_no),
    )
    return [(found[n], float(scores[n])) for n in order]


def _title_covered(
    found: Sequence[Found], field_weights: NDArray[np.float64], times: ArrayLike
) -> NDArray[np.float64]:
    """How much of each title the query's words are, in [0, 1]: 1 is a title and nothing else.

    A word covers as many words of a title as it was typed times: `toys` is not all of "Toys Toys
    Toys", but `new york new york` is all of "New York, New York".
    """
    lengths = np.array([max(item.title_words, 1) for item in found])
    return np.asarray(np.minimum((field_weights >= _TITLE) @ np.asarray(times) / lengths, 1.0))


def _scaled(values: NDArray[np.float64], low: float | None = None) -> NDArray[np.float64]:
    """Moved to [0, 1] by the greatest and the least value, or by `low` for the least."""
    least = float(values.min()) if low is None else low
    span = float(values.max()) - least
    if span <= 0:
        return np.zeros_like(values)
    return np.asarray(np.clip((values - least) / span, 0.0, 1.0))
