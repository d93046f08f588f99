"""The parameters of a run, as they travel in its row."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any, Self

from domain.cold_items import SimilarityShares
from domain.live_vector import LiveVectorParameters

FEWEST_USERS = 2
"""With fewer users there is nothing to learn."""
FEWEST_ITEMS = 2
"""With fewer items there is nothing to learn."""


@dataclass(frozen=True, slots=True)
class AlsParameters:
    """Everything that decides what one fit makes of a matrix."""

    factors: int
    iterations: int
    regularization: float
    confidence: float
    """a in the confidence `a * weight / (d_u^b * d_i^c)`."""
    user_exponent: float = 0.0
    """b, on the number of distinct items of the user."""
    item_exponent: float = 0.0
    """c, on the number of distinct users of the item."""
    seed: int = 20


@dataclass(frozen=True, slots=True)
class ListHyperparameters:
    """How the nightly lists are made, in terms that mean the same on every data set.

    With b = c = 1/2 the damped matrix has the largest singular value 1, so `threshold` is a soft
    threshold on its spectrum. `confidence` is a at b = c = 1/2 and is rescaled for other exponents
    so that the mean confidence does not move with them.
    """

    factors: int = 512
    """At the most; a small catalogue is described by fewer."""
    iterations: int = 10
    confidence: float = 200.0
    threshold: float | None = None
    """Regularization divided by `confidence`; in (0, 1). None: by the density of the matrix."""
    user_exponent: float = 0.4
    item_exponent: float = 0.3
    balanced: bool = True
    """Whether a second fit with b = c = 1/2 has half the say in the scores."""
    popularity_exponent: float = -0.25
    """e: an item's factors are multiplied by d_i^e when scoring."""
    trend_exponent: float = 0.5
    """g: and by (1 + recent interactions)^g."""
    trend_half_life_days: float = 7.0
    decay_per_year: float = 0.0
    """How often a year halves what an interaction counts, besides the decay of its kind."""
    sequence_weight: float = 0.0
    """What comes after a user's newest items counts so much beside the factors' scores, each by its
    spread; popularity and trend multiply both."""
    seed: int = 20

    def sequence_columns(self, dimensions: int) -> int:
        """How many of the factors say what comes next, if the sequence part has `dimensions`."""
        return dimensions if self.sequence_weight else 0

    @classmethod
    def from_dict(cls, parameters: Mapping[str, Any]) -> Self:
        """Those of a run's row, which an earlier version of Tandem may have written."""
        known = {field.name for field in fields(cls)}
        return cls(**{name: value for name, value in parameters.items() if name in known})


@dataclass(frozen=True, slots=True)
class TransitionParameters:
    """How a run learns what comes next."""

    history_items: int = 16
    """How many of the newest items are looked at."""
    history_decay: float = 0.75
    """What each step back in time multiplies the weight of an item by."""
    next_weights: tuple[float, float, float] = (1.0, 0.6, 0.36)
    """What the next items count, the first first."""
    neighbours: int = 100
    """At the most so many items follow on one."""
    dense_items: int = 1_000
    """So many items, the most used, are solved for exactly."""
    most_moments: int = 1_000_000
    """So many likings, the newest, are learned from."""


TREND_HALF_LIVES_DAYS = (1.0, 7.0, 30.0)
"""Ages at which a liking counts half in the trends of an item."""
RIDGES = (30.0, 300.0)
"""Penalties on transitions to choose from."""


@dataclass(frozen=True, slots=True)
class SpaceParameters:
    """How a run's items become vectors."""

    factors: int = 64
    iterations: int = 15
    confidence: float = 20.0
    regularization: float = 5.0
    taste_exponent: float = -0.25
    """An item's taste is multiplied by d_i^e: the other parts know popularity already."""
    sequence_dimensions: int = 128
    """At the most; a small catalogue has fewer."""
    window: int = 5
    """How many positions apart two items of a history still are neighbours."""
    distance_exponent: float = 0.5
    """Neighbours at distance k count k^-p."""
    smoothing: float = 0.75
    """Exponent on the context distribution of the mutual information."""
    sequence_half_life_days: float = 730.0
    """Age at which a pair of neighbours counts half."""
    transitions: TransitionParameters = field(default_factory=TransitionParameters)
    seed: int = 20

    def als(self) -> AlsParameters:
        """The fit behind taste."""
        return AlsParameters(
            factors=self.factors,
            iterations=self.iterations,
            regularization=self.regularization,
            confidence=self.confidence,
            seed=self.seed,
        )


@dataclass(frozen=True, slots=True)
class LiveWeights:
    """What the parts of a live score count against each other; sequence counts 1."""

    taste: float = 0.5
    trends: tuple[float, float, float] = (0.0, 0.1, 0.0)
    """One for each of `TREND_HALF_LIVES_DAYS`."""
    popularity_exponent: float = 0.0
    """e: what taste, sequence and transitions say of an item is multiplied by d_i^e."""
    trend_exponents: tuple[float, float, float] = (0.0, 0.0, 0.0)
    """g: and by (1 + recent interactions)^g; one for each of `TREND_HALF_LIVES_DAYS`."""
    transitions: float = 0.0
    ridge: float = RIDGES[0]
    """The penalty the transitions are learned with."""
    recent: float = 0.0
    """What the transitions since the cut-off count (`domain.recent_transitions`)."""

    @property
    def trend(self) -> float:
        """All trends together."""
        return sum(self.trends)

    @property
    def ridges(self) -> tuple[float, ...]:
        """The penalties that transitions must be learned with; none if they weigh nothing."""
        return (self.ridge,) if self.transitions else ()


@dataclass(frozen=True, slots=True)
class WordParameters:
    """How a run learns what words say."""

    fewest_items: int = 2
    """Terms of fewer known items are not learned."""
    most_terms: int = 50_000
    """At the most; the most frequent ones."""
    most_interactions: int = 20
    """An item with more counts no more than with this many."""
    longest_quantile: float = 0.98
    """Texts longer than those of this share of the items count as if they were that long."""
    penalties: tuple[float, ...] = (30.0, 100.0, 300.0)
    """Ridge penalties to choose from, relative to the mean squared length of a text."""
    pseudo_count: float = 0.5
    """Interactions at which an item's words and what was observed of it count alike."""
    similarity: SimilarityShares = field(default_factory=SimilarityShares)
    seed: int = 20


@dataclass(frozen=True, slots=True)
class RunParameters:
    """All parameters of a run."""

    lists: ListHyperparameters = field(default_factory=ListHyperparameters)
    space: SpaceParameters = field(default_factory=SpaceParameters)
    weights: LiveWeights = field(default_factory=LiveWeights)

    def described(self) -> dict[str, dict[str, Any]]:
        """As they are stored with the run."""
        return asdict(self)


def live_vector_parameters(
    space: SpaceParameters, weights: LiveWeights, sequence_dimensions: int
) -> LiveVectorParameters:
    """How live vectors are made in a space, whose sequence part may be shorter than asked."""
    return LiveVectorParameters(
        taste_dimensions=space.factors,
        sequence_dimensions=sequence_dimensions,
        confidence=space.confidence,
        regularization=space.regularization,
        taste_weight=weights.taste,
        trend_weight=weights.trend,
        recent_weight=weights.recent,
    )


def holds_vectors(value: Any) -> bool:
    """Whether a parameter is a vector or has one in it: nobody reads those."""
    within = value.values() if isinstance(value, Mapping) else (value,)
    return any(isinstance(value, list) for value in within)
