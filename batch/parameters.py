"""The hyper-parameters of a fit, as they travel in the row of the run."""

from dataclasses import dataclass

from batch.settings import BatchSettings
from domain.live_vector import LiveVectorParameters


@dataclass(frozen=True, slots=True)
class AlsParameters:
    """Everything that decides what a fit makes of a matrix."""

    factors: int = 64
    iterations: int = 15
    regularization: float = 50.0
    confidence: float = 200.0
    """a in the confidence `a * strength / (d_u^b * d_i^c)`."""
    user_exponent: float = 0.5
    """b, on the number of distinct items of the user."""
    item_exponent: float = 0.5
    """c, on the number of distinct users of the item."""
    seed: int = 20

    @classmethod
    def of(cls, settings: BatchSettings) -> "AlsParameters":
        """Those of the settings."""
        return cls(
            factors=settings.factors,
            iterations=settings.iterations,
            regularization=settings.regularization,
            confidence=settings.confidence,
            user_exponent=settings.user_exponent,
            item_exponent=settings.item_exponent,
            seed=settings.seed,
        )

    def live_vector(self) -> LiveVectorParameters:
        """How live vectors are made in the space of such a fit."""
        return LiveVectorParameters(
            taste_dimensions=self.factors,
            confidence=self.confidence,
            user_exponent=self.user_exponent,
            regularization=self.regularization,
        )
