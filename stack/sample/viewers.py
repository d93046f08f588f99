"""The viewers: what each likes, how that changes, how often and in which time zone they watch."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from stack.sample.catalogue import GENRES
from stack.sample.film_space import Floats

TASTE_WEIGHT = 3.0
DRIFT_WEIGHT = 2.2
CRAZES = 3
CRAZE_WEIGHT = 4.0
CRAZE_DAYS = 40.0
ACTIVITY_SIGMA = 1.15
ACTIVITY_CAP = 6.0
NEWCOMER_SHARE = 0.35
LATEST_JOINING_DAYS = 2.0
TIME_ZONES_HOURS = (-8.0, -5.0, -3.0, 0.0, 1.0, 2.0, 5.5, 9.0)


@dataclass(frozen=True, slots=True)
class Viewers:
    """One row a viewer in every array.

    `first_taste` and `last_taste` (viewers x dimensions) are the tastes on the first and last day;
    `craze_genre` and `craze_day` (viewers x crazes) are passing passions. `joined_day` counts from
    the start of the span. `activity` is a share of all sessions and sums to 1. `zone_hours` is the
    offset of the local clock from UTC. `rates_share` is the part of reactions that are ratings.
    """

    first_taste: Floats
    last_taste: Floats
    craze_genre: NDArray[np.intp]
    craze_day: Floats
    joined_day: NDArray[np.float64]
    activity: NDArray[np.float64]
    zone_hours: NDArray[np.float64]
    rates_share: NDArray[np.float64]

    def taste(self, viewers: NDArray[np.intp], days: Floats, span_days: float) -> Floats:
        """The tastes (rows x dimensions) of these viewers on these days of a span."""
        progress = (days / np.float32(span_days))[:, None]
        taste = (1 - progress) * self.first_taste[viewers] + progress * self.last_taste[viewers]
        rows = np.arange(len(viewers))
        for craze in range(CRAZES):
            age = (days - self.craze_day[viewers, craze]) / np.float32(CRAZE_DAYS)
            taste[rows, self.craze_genre[viewers, craze]] += np.float32(CRAZE_WEIGHT) * np.exp(
                -(age**2)
            )
        return taste


def draw_viewers(count: int, points: Floats, span_days: float, rng: np.random.Generator) -> Viewers:
    """Viewers whose tastes live in the space of `points` (films x dimensions)."""
    dimensions = points.shape[1]
    first = _taste_embeddings(count, dimensions, rng)
    joined = _joining_days(count, span_days, rng)
    return Viewers(
        first_taste=first,
        last_taste=first
        + np.float32(DRIFT_WEIGHT / TASTE_WEIGHT) * _taste_embeddings(count, dimensions, rng),
        craze_genre=rng.integers(0, len(GENRES), (count, CRAZES)),
        craze_day=rng.uniform(0.0, span_days, (count, CRAZES)).astype(np.float32),
        joined_day=joined,
        activity=_activity(joined, span_days, rng),
        zone_hours=rng.choice(TIME_ZONES_HOURS, count),
        rates_share=rng.beta(1.2, 2.0, count),
    )


def _taste_embeddings(count: int, dimensions: int, rng: np.random.Generator) -> Floats:
    """Tastes of one length with a few strong likes and many faint ones: stretched normals."""
    embeddings = rng.standard_normal((count, dimensions))
    embeddings = np.sign(embeddings) * np.abs(embeddings) ** 1.5
    length = TASTE_WEIGHT * np.sqrt(dimensions) / 2.0
    lengths = np.linalg.norm(embeddings, axis=1, keepdims=True)
    tastes: Floats = (length * embeddings / lengths).astype(np.float32)
    return tastes


def _joining_days(count: int, span_days: float, rng: np.random.Generator) -> NDArray[np.float64]:
    """Most viewers are there from the start; newcomers arrive throughout, some very lately."""
    newcomer = rng.random(count) < NEWCOMER_SHARE
    return np.where(newcomer, rng.uniform(0.0, span_days - LATEST_JOINING_DAYS, count), 0.0)


def _activity(
    joined: NDArray[np.float64], span_days: float, rng: np.random.Generator
) -> NDArray[np.float64]:
    """Heavy-tailed shares of all sessions, smaller for those who joined later."""
    eagerness = rng.lognormal(0.0, ACTIVITY_SIGMA, len(joined))
    capped = np.minimum(eagerness, ACTIVITY_CAP * eagerness.mean())
    weight = capped * (0.1 + 0.9 * (span_days - joined) / span_days)
    shares: NDArray[np.float64] = weight / weight.sum()
    return shares
